import react from '@vitejs/plugin-react';
import { defineConfig, loadEnv, type Plugin } from 'vite';

const THEME = 'src/themeFirst.js';

/** Puts `src/themeFirst.js` before everything else: modules run only once the page has been drawn. */
function themeFirst(): Plugin {
  let isBuild = false;
  return {
    name: 'theme-first',
    configResolved: ({ command }) => {
      isBuild = command === 'build';
    },
    buildStart() {
      if (!isBuild) return;
      this.emitFile({ type: 'chunk', id: THEME });
    },
    transformIndexHtml: {
      order: 'post',
      handler(_, { bundle }) {
        const built = Object.values(bundle ?? {}).find((file) => {
          return file.type === 'chunk' && file.facadeModuleId?.endsWith(THEME);
        });
        const src = built ? `./${built.fileName}` : `/${THEME}`;
        return [{ tag: 'script', attrs: { src }, injectTo: 'head-prepend' }];
      },
    },
  };
}

export default defineConfig(({ mode }) => {
  // Where `npm run dev` finds the backend: `make run`, or BACKEND=http://….
  const { BACKEND = 'http://127.0.0.1:9000' } = loadEnv(mode, '.', 'BACKEND');
  return {
    plugins: [react(), themeFirst()],
    // Relative addresses, so that the built page works under any path: a bucket, a CDN, the backend.
    base: './',
    build: { target: 'es2023', chunkSizeWarningLimit: 700 },
    server: { host: '127.0.0.1', proxy: { '/api': BACKEND } },
  };
});
