import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

// What is logic, without a browser. How the page behaves in one is tested in `tests/web` at the root.
export default defineConfig({
  plugins: [react()],
  test: {
    environment: 'happy-dom',
    include: ['tests/**/*.test.{ts,tsx}'],
    restoreMocks: true,
    unstubGlobals: true,
    // A warning of React's, such as a missing `act`, is a failure.
    onConsoleLog: (log, type) => {
      if (type === 'stderr') throw new Error(`The console holds: ${log}`);
    },
  },
});
