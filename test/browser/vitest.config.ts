import { defineConfig } from 'vitest/config';

/** In a real browser, which `scripts/test-browser.sh` finds: not part of the default tests. */
export default defineConfig({
  test: {
    include: ['test/browser/*.spec.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 1,
  },
});
