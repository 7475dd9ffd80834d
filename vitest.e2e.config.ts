import { defineConfig } from 'vitest/config';

/** One host at a time on two cores; a lab boots once for a file. */
export default defineConfig({
  test: {
    include: ['test/e2e/**/*.e2e.ts'],
    testTimeout: 300_000,
    hookTimeout: 600_000,
    teardownTimeout: 60_000,
    fileParallelism: false,
    pool: 'forks',
    bail: 0,
  },
});
