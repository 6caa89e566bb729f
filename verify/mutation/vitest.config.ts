/** How the tests run under which mutants have to survive: all in one process, by a runner that tries them. */
import { join } from 'node:path'
import { defineConfig } from 'vitest/config'
import { everyTest } from './trials.ts'

export default defineConfig({
  resolve: { alias: [{ find: /^fast-check$/, replacement: join(import.meta.dirname, 'few-examples.ts') }] },
  test: {
    include: [everyTest],
    runner: join(import.meta.dirname, 'trial-runner.ts'),
    // A thread dies with its process, also in an endless loop.
    pool: 'threads',
    maxWorkers: 1,
    isolate: false,
    bail: 1,
    testTimeout: 0,
  },
})
