import { defineConfig } from 'vitest/config'

/** Two projects: `unit` is pure and fast and runs inside `npm run check`; `verify` touches brokers and processes. */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['packages/*/src/**/*.test.ts', 'scripts/**/*.test.ts'],
          // These tests are pure: sharing modules between files halves their time and can hide nothing.
          isolate: false,
          // Long enough for a machine that is busy with everything else; no test waits for time to pass.
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'verify',
          include: ['verify/**/*.test.ts', 'examples/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          // Rows of the broker contract mostly wait for a broker; only they run concurrently within a file.
          maxConcurrency: 24,
        },
      },
    ],
  },
})
