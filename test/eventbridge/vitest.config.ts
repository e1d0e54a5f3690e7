import { defineConfig } from 'vitest/config';

/** Against another implementation of the API, which `scripts/test-eventbridge.sh` starts: not part of the default tests. */
export default defineConfig({
  test: {
    include: ['test/eventbridge/*.spec.ts'],
    setupFiles: ['test/support/network-guard.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 1,
  },
});
