// The clients under test: one entry a release where what a client accepts has changed.
import { existsSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { fileURLToPath } from 'node:url';
import path from 'node:path';

const modules = path.join(path.dirname(fileURLToPath(import.meta.url)), 'node_modules');

/** Import the ESM build of a package folder. */
async function importFolder(folder) {
  const manifest = JSON.parse(
    await (await import('node:fs/promises')).readFile(path.join(folder, 'package.json'), 'utf8'),
  );
  const entry = manifest.exports?.['.']?.import ?? manifest.module ?? manifest.main;
  const file = typeof entry === 'string' ? entry : entry.default;
  return import(pathToFileURL(path.join(folder, file)).href);
}

/**
 * Load a client: its hooks, and for 5 and later the `ai` package that those hooks use.
 *
 * `legacy` clients (3.4, 4) read the data stream, the others the UI message stream.
 */
export async function loadClient(name) {
  const folder = path.join(modules, `react-${name}`);
  const hooks = await importFolder(folder);
  const legacy = name === '3.4' || name === '4';
  if (legacy) return { name, legacy, hooks };
  const own = path.join(folder, 'node_modules', 'ai');
  const ai = await importFolder(existsSync(own) ? own : path.join(modules, 'ai'));
  return { name, legacy, hooks, ai };
}
