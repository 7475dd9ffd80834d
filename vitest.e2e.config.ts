import { defineConfig } from 'vitest/config';

/** One file at a time on two cores; a lab boots once for a file. A second try is for a machine that was busy: it is reported. */
export default defineConfig({
  test: {
    include: ['test/e2e/**/*.e2e.ts'],
    testTimeout: 300_000,
    hookTimeout: 600_000,
    teardownTimeout: 60_000,
    fileParallelism: false,
    pool: 'forks',
    bail: 0,
    retry: 1,
    maxConcurrency: 2,
  },
});
