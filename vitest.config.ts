import { defineConfig } from 'vitest/config';

/** `npm test`: everything but the end-to-end tier, which needs root and lab hosts (bin/e2e). */
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/e2e/**'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    pool: 'forks',
    maxWorkers: 2,
    // Real processes on a busy machine: a second try is reported, a test that needs it is to be mended.
    retry: 1,
  },
});
