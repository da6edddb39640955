// Loads a client under test: one of `CLIENTS` in flows.py, installed as `react-…` (package.json).
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const modules = path.join(path.dirname(fileURLToPath(import.meta.url)), 'node_modules');

/** Import the ESM build of a package folder. */
async function importFolder(folder) {
  const manifest = JSON.parse(await readFile(path.join(folder, 'package.json'), 'utf8'));
  const entry = manifest.exports?.['.']?.import ?? manifest.module ?? manifest.main;
  const file = typeof entry === 'string' ? entry : entry.default;
  return import(pathToFileURL(path.join(folder, file)).href);
}

/** Import what `folder` sees under `name`: its own copy or the shared one. */
function importDependency(folder, name) {
  const own = path.join(folder, 'node_modules', name);
  return importFolder(existsSync(own) ? own : path.join(modules, name));
}

/**
 * Load a client: its hooks and the package whose parser they use, `uiUtils` or `ai`.
 *
 * `legacy` clients (3.4, 4) read the data stream, the others the UI message stream. `body` is what
 * the application has to add to every request, because the server cannot tell by its shape.
 */
export async function loadClient(name) {
  const folder = path.join(modules, `react-${name}`);
  const hooks = await importFolder(folder);
  const legacy = name === '3.4' || name === '4';
  if (legacy) {
    return { name, legacy, hooks, uiUtils: await importDependency(folder, '@ai-sdk/ui-utils') };
  }
  const ai = await importDependency(folder, 'ai');
  const body = name === '5.0.0' ? { sdk: '5.0' } : undefined;
  return { name, legacy, hooks, ai, body, major: Number(name.split('.')[0]) };
}
