import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/dynamodb-setup.ts', 'test/support/build-setup.ts'],
    setupFiles: ['test/support/network-guard.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // What is waited for comes at once on an idle machine; a busy one must not turn that into a failure.
    expect: { poll: { interval: 20, timeout: 10_000 } },
    // Two cores on the smallest machine we promise: more workers only make each test slower.
    maxWorkers: 2,
    // No test changes a module for others, and to load them all again for each file took a fifth of the time.
    isolate: false,
    sequence: { shuffle: { tests: true } },
    coverage: { provider: 'v8', include: ['src/**'], reporter: ['text-summary', 'json-summary'] },
  },
});
