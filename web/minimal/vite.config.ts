import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

export default defineConfig({
  plugins: [react()],
  base: './',
  build: { target: 'es2023' },
  // `npm run dev` beside `make run`.
  server: { proxy: { '/api': 'http://127.0.0.1:9000' } },
});
