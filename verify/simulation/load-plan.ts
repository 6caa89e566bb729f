/** Draws how much there is to do in a history: how many records, when they come, and what handlers make of them. The more
 *  records, the less each of them may cost: a history is worth its time by what meets in it, not by how long it lasts. */

import { type SeededRandom } from 'holdfast/testing'
import { drawFate, type RetryPlan } from './retry-plan.ts'
import { type Fate } from './trace.ts'

export type Size = 'small' | 'middle' | 'large'
export type Batch = { readonly atMs: number; readonly partition: number; readonly records: readonly DrawnRecord[] }
export type DrawnRecord = { readonly key: string | null; readonly fate: Fate }

/** Probabilities of one attempt. The last one that a record has fails only if that is its fate. */
export type HandlerPlan = {
  readonly latencyMaxMs: number
  /** No promise at all: the handler returns or throws. */
  readonly sync: number
  readonly fails: number
  /** Waits for the abort of its signal, and fails then. */
  readonly hangs: number
  /** Ignores the abort, is a zombie for a while, and is done in the end. */
  readonly ignoresAbort: number
}

/** What a history of each size draws from. */
export type SizeLimits = {
  readonly records: readonly [min: number, max: number]
  readonly partitionsMax: number
  readonly spansMs: readonly number[]
  readonly batchMaxes: readonly number[]
  readonly latenciesMs: readonly number[]
  readonly fails: readonly number[]
  readonly hangs: readonly number[]
  readonly ignoresAbort: readonly number[]
  readonly lost: readonly number[]
  readonly buffered: readonly number[]
  readonly fetchBytes: readonly number[]
}

export const sizes: Readonly<Record<Size, SizeLimits>> = {
  small: {
    records: [50, 149],
    partitionsMax: 6,
    spansMs: [500, 3_000, 6_000, 15_000],
    batchMaxes: [1, 5, 30],
    latenciesMs: [0, 5, 50, 400],
    fails: [0, 0.05, 0.4],
    hangs: [0, 0, 0.02],
    ignoresAbort: [0, 0, 0.02, 0.1],
    lost: [0, 0.02, 0.1],
    buffered: [1, 8, 256],
    fetchBytes: [1_024, 65_536],
  },
  middle: {
    records: [160, 320],
    partitionsMax: 12,
    spansMs: [500, 3_000, 6_000],
    batchMaxes: [5, 30, 60],
    latenciesMs: [0, 5, 50],
    fails: [0, 0.03, 0.15],
    hangs: [0, 0, 0.005],
    ignoresAbort: [0, 0, 0.01],
    lost: [0, 0.01, 0.05],
    buffered: [1, 8, 256],
    fetchBytes: [1_024, 65_536],
  },
  large: {
    records: [1_000, 2_000],
    partitionsMax: 12,
    spansMs: [3_000, 6_000],
    batchMaxes: [60, 200],
    latenciesMs: [0, 2, 10],
    fails: [0, 0.01, 0.04],
    hangs: [0, 0, 0.001],
    ignoresAbort: [0, 0, 0.001],
    lost: [0, 0.005, 0.01],
    buffered: [8, 64, 256],
    fetchBytes: [8_192, 65_536],
  },
}

export function drawSize(random: SeededRandom): Size {
  const draw = random.fraction()
  return draw < 0.115 ? 'large' : draw < 0.6 ? 'middle' : 'small'
}

export function drawBatches(
  random: SeededRandom,
  { size, partitions, spanMs, retries }: { size: Size; partitions: number; spanMs: number; retries: RetryPlan },
): Batch[] {
  const limits = sizes[size]
  const [fewest, most] = limits.records
  // Rather fewer than more: the price grows with them, what may happen does not.
  const count = Math.round(fewest + (most - fewest) * random.fraction() ** 2)
  const keys = random.pick([1, 5, 40])
  const keyless = random.pick([0, 0.2])
  // An empty key is a key.
  const firstKey = random.pick(['', 'k1'])
  const batchMax = random.pick(limits.batchMaxes)
  const isThereBefore = random.chance(0.3)
  const batches: Batch[] = []
  for (let left = count; left > 0;) {
    const length = Math.min(left, random.integer(1, batchMax))
    left -= length
    const atMs = isThereBefore ? 0 : random.integer(0, spanMs)
    const records = Array.from({ length }, () => {
      const number = random.integer(1, keys)
      const key = number === 1 ? firstKey : `k${number}`
      return { key: random.chance(keyless) ? null : key, fate: drawFate(random, retries) }
    })
    batches.push({ atMs, partition: random.integer(0, partitions - 1), records })
  }
  return batches.toSorted((one, other) => one.atMs - other.atMs)
}

export function drawHandler(random: SeededRandom, size: Size): HandlerPlan {
  const limits = sizes[size]
  return {
    latencyMaxMs: random.pick(limits.latenciesMs),
    sync: random.pick([0, 0.3, 1]),
    fails: random.pick(limits.fails),
    hangs: random.pick(limits.hangs),
    ignoresAbort: random.pick(limits.ignoresAbort),
  }
}
