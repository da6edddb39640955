import react from '@vitejs/plugin-react';
import { defineConfig, loadEnv } from 'vite';

export default defineConfig(({ mode }) => {
  // Where `npm run dev` finds the backend: `make run`, or BACKEND=http://….
  const { BACKEND = 'http://127.0.0.1:9000' } = loadEnv(mode, '.', 'BACKEND');
  return {
    plugins: [react()],
    // Relative addresses, so that the built page works under any path: a bucket, a CDN, the backend.
    base: './',
    build: { target: 'es2023', chunkSizeWarningLimit: 700 },
    server: { host: '127.0.0.1', proxy: { '/api': BACKEND } },
  };
});
