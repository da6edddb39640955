// Lays a compressed file beside each file of a build that shrinks by it, for servers that send such
// files as they are: `node compress.mjs FOLDER…`. It is the last step of `npm run build`.
import { readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';

// Fonts and pictures are compressed in themselves.
const SHRINKS = /\.(css|html|js|json|map|svg|txt|wasm)$/;

const CODINGS = {
  '.br': (content) =>
    promisify(brotliCompress)(content, {
      params: {
        [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
        [constants.BROTLI_PARAM_SIZE_HINT]: content.length,
      },
    }),
  '.gz': (content) => promisify(gzip)(content, { level: 9 }),
};

async function compress(path) {
  const content = await readFile(path);
  for (const [ending, shrunk] of Object.entries(CODINGS)) {
    const body = await shrunk(content);
    if (body.length >= content.length) {
      await rm(path + ending, { force: true });
      continue;
    }
    // Whole at once: a server may be running.
    await writeFile(`${path}${ending}.new`, body);
    await rename(`${path}${ending}.new`, path + ending);
  }
}

async function filesBelow(folder) {
  const entries = await readdir(folder, { recursive: true });
  const paths = entries.map((entry) => join(folder, entry));
  const areFiles = await Promise.all(paths.map(async (path) => (await stat(path)).isFile()));
  return paths.filter((_, index) => areFiles[index]);
}

for (const folder of process.argv.slice(2)) {
  const paths = (await filesBelow(folder)).filter((path) => SHRINKS.test(path));
  await Promise.all(paths.map(compress));
}
