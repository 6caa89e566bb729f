/** What becomes of histories that end their process or never end, and of figures when processes play beside each other. */

import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { figuresOf } from './figures.ts'
import { seeds } from './worker.fixture.ts'
import { playAll, Worker } from './workers.ts'

/** A few histories in processes of their own, on a machine that is busy. */
const timeoutMs = 120_000
const program = join(import.meta.dirname, 'worker.fixture.ts')

let worker: Worker

afterEach(() => worker?.end())

test('a history that ends its process breaks a law, and the next one is played all the same', async () => {
  worker = new Worker({ program })
  const ended = await worker.play({ seed: seeds.endsTheProcess })
  const next = await worker.play({ seed: 4 })
  expect(ended).toMatchObject({ seed: seeds.endsTheProcess, violations: [{ law: 'history-ends' }] })
  expect(ended.violations[0]?.what).toMatch(/exit code 7: .*out of luck/s)
  expect(next).toMatchObject({ seed: 4, violations: [] })
})

test('a history that never ends breaks a law, and the next one is played all the same', async () => {
  worker = new Worker({ program, patienceMs: 1_000 })
  const ended = await worker.play({ seed: seeds.neverEnds })
  const next = await worker.play({ seed: 5 })
  expect(ended).toMatchObject({
    seed: seeds.neverEnds,
    violations: [{ law: 'history-ends', what: 'no end after 1 s' }],
  })
  expect(next).toMatchObject({ seed: 5, violations: [] })
})

test('a simulation that does not run is no history that broke a law', async () => {
  worker = new Worker({ program: join(import.meta.dirname, 'there-is-no-such-file.ts') })
  await expect(worker.play({ seed: 1 })).rejects.toThrow(/ended before it was ready/)
})

test(
  'the same seeds leave the same traces in every process, and the same figures however many play beside each other',
  async () => {
    const trials = [4, 5, 6].map((seed) => ({ seed }))
    const told: number[] = []
    const alone = await playAll(trials, { workers: 1, onAccount: ({ seed }) => told.push(seed) })
    const beside = await playAll(trials, { workers: 3, onAccount: ({ seed }) => told.push(seed) })
    expect(alone.map(({ traceHash }) => traceHash)).toEqual(beside.map(({ traceHash }) => traceHash))
    expect(new Set(alone.map(({ traceHash }) => traceHash)).size).toBe(3)
    expect(figuresOf(alone, [], 1)).toEqual(figuresOf(beside, [], 1))
    expect(told).toEqual([4, 5, 6, 4, 5, 6])
  },
  timeoutMs,
)
