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
        },
      },
      {
        test: {
          name: 'verify',
          include: ['verify/**/*.test.ts', 'examples/**/*.test.ts'],
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
})
