// Our files that pages copy, as JavaScript, with the `ai` of the client under test.
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const demo = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../../web/useChat-demo');

/** Return what `src/chat/NAME` of the page exports. */
export async function loadOurs(name, ai) {
  const { rolldown } = await import(
    pathToFileURL(path.join(demo, 'node_modules/rolldown/dist/index.mjs')).href
  );
  const input = path.join(demo, 'src/chat', name);
  const bundle = await rolldown({ input, external: ['ai'] });
  const format = { format: 'iife', name: 'ours', exports: 'named', globals: { ai: 'ai' } };
  const { output } = await bundle.generate(format);
  await bundle.close();
  return new Function('ai', `${output[0].code}; return ours;`)(ai);
}
