/** What a history will be like: everything that is drawn before it begins, as plain values. Which faults come when is part
 *  of it; what follows from them is not. The same seed gives the same plan. */

import { type NetworkConditions, perfectNetwork, type SeededRandom } from 'holdfast/testing'
import { type Order } from '../../packages/holdfast/src/model/settings.ts'
import { type Terms } from './trace.ts'

export type Plan = {
  readonly seed: number
  readonly brokers: number
  readonly partitions: number
  /** Appended one batch after the other, from `atMs` on. */
  readonly batches: readonly Batch[]
  readonly order: Order
  readonly concurrency: number
  readonly bufferedRecords: number
  readonly parkedRecords: number
  readonly partitionFetchBytes: number
  readonly filtersEvery: number
  readonly handler: HandlerPlan
  readonly network: NetworkConditions
  readonly incidents: readonly Incident[]
  readonly crashAtMs: number
  readonly restartAfterMs: number
  /** Between crash and end one app stops cleanly in the middle of its work, and another goes on; null for none. */
  readonly handoverAtMs: number | null
  /** From then on nothing goes wrong any more. */
  readonly healAtMs: number
  readonly terms: Terms
}

export type Batch = { readonly atMs: number; readonly partition: number; readonly keys: readonly (string | null)[] }

/** Probabilities of one attempt. Nothing fails more often than it is retried, so everything can be done in the end. */
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

/** Something that is done to brokers or to the group at a moment. */
export type Incident = { readonly atMs: number } & (
  | { readonly kind: 'leaderMoved' | 'coordinatorMoved' }
  | { readonly kind: 'memberExpired' }
  | { readonly kind: 'nodeDown' | 'unreachable'; readonly forMs: number }
  | { readonly kind: 'controlBatch' | 'calendarJump' }
  | { readonly kind: 'brokerError'; readonly api: 'OffsetCommit' | 'Heartbeat' | 'OffsetFetch'; readonly code: number }
)

export const attemptTimeoutMs = 2_000
export const abortGraceMs = 500
const drainAtStopMs = 20_000
/** Session and rebalance (6 s each), a join that runs into its deadline (11 s) and is made again, backoffs of 5 s: what may
 *  come together after the faults of one history, and a margin. */
const recoveryMs = 60_000
/** I19: how much longer than the work itself, done one record after the other, it may take. */
const workFactor = 3

export function drawPlan(seed: number, random: SeededRandom): Plan {
  const partitions = random.integer(1, 6)
  const spanMs = random.pick([500, 3_000, 10_000, 20_000])
  const isRough = random.chance(0.7)
  const crashAtMs = random.integer(50, Math.floor(spanMs * 1.3))
  const restartAfterMs = random.pick([0, 500, 4_000, 9_000])
  const faultsEndMs = Math.max(spanMs, crashAtMs + restartAfterMs) + random.integer(0, 12_000)
  const handoverAtMs = crashAtMs + restartAfterMs + random.integer(2_000, 14_000)
  const order = random.pick<Order>(['partition', 'key', 'key', 'none'])
  const concurrency = random.pick([1, 2, 5, 16, 64])
  const batches = drawBatches(random.stream('batches'), partitions, spanMs)
  const handler = drawHandler(random.stream('handler'))
  const drainBoundMs = recoveryMs + workFactor * workMs(batches, handler)
  return {
    seed,
    brokers: random.integer(1, 3),
    partitions,
    batches,
    order,
    concurrency,
    bufferedRecords: random.pick([1, 8, 256]),
    parkedRecords: random.pick([1, 8, 256]),
    partitionFetchBytes: random.pick([1_024, 65_536]),
    filtersEvery: random.pick([0, 0, 7]),
    handler,
    network: drawNetwork(random.stream('network'), isRough),
    incidents: isRough ? drawIncidents(random.stream('incidents'), faultsEndMs) : [],
    crashAtMs,
    restartAfterMs,
    handoverAtMs: random.chance(0.4) ? handoverAtMs : null,
    healAtMs: faultsEndMs,
    terms: { order, concurrency, attemptTimeoutMs, abortGraceMs, drainAtStopMs, drainBoundMs, isCalm: !isRough },
  }
}

function drawBatches(random: SeededRandom, partitions: number, spanMs: number): Batch[] {
  const records = random.integer(50, 300)
  const keys = random.pick([1, 5, 40])
  const keyless = random.pick([0, 0.2])
  const batchMax = random.pick([1, 5, 30])
  const isThereBefore = random.chance(0.3)
  const batches: Batch[] = []
  for (let left = records; left > 0;) {
    const size = Math.min(left, random.integer(1, batchMax))
    left -= size
    const atMs = isThereBefore ? 0 : random.integer(0, spanMs)
    const drawKey = (): string | null => (random.chance(keyless) ? null : `k${random.integer(1, keys)}`)
    batches.push({ atMs, partition: random.integer(0, partitions - 1), keys: Array.from({ length: size }, drawKey) })
  }
  return batches.toSorted((one, other) => one.atMs - other.atMs)
}

function drawHandler(random: SeededRandom): HandlerPlan {
  return {
    latencyMaxMs: random.pick([0, 5, 50, 400]),
    sync: random.pick([0, 0.3, 1]),
    fails: random.pick([0, 0.05, 0.4]),
    hangs: random.pick([0, 0, 0.02]),
    ignoresAbort: random.pick([0, 0, 0.02, 0.1]),
  }
}

/** What the handlers need if nothing runs beside anything else, mean retries and time limits included. */
function workMs(batches: readonly Batch[], handler: HandlerPlan): number {
  const { latencyMaxMs, fails, hangs, ignoresAbort } = handler
  const records = batches.reduce((sum, { keys }) => sum + keys.length, 0)
  const attempts = 1 + fails + fails ** 2
  const waitsMs = fails * 50 + fails ** 2 * 500
  const stuckMs = (hangs + ignoresAbort) * 2 * (attemptTimeoutMs + abortGraceMs)
  return Math.ceil(records * ((attempts * latencyMaxMs) / 2 + waitsMs + stuckMs))
}

function drawNetwork(random: SeededRandom, isRough: boolean): NetworkConditions {
  const latencyMs = random.pick([
    [0, 0],
    [0, 2],
    [1, 30],
    [5, 150],
  ] as const)
  if (!isRough) return { ...perfectNetwork, latencyMs }
  const rare = (): number => random.pick([0, 0.002, 0.01, 0.03])
  return {
    latencyMs,
    stallMs: random.pick([500, 4_000]),
    stalled: rare(),
    refused: random.pick([0, 0.05, 0.3]),
    requestLost: rare(),
    resetBeforeApplied: rare(),
    answerLost: rare(),
    resetAfterApplied: rare(),
  }
}

function drawIncidents(random: SeededRandom, untilMs: number): Incident[] {
  return Array.from({ length: random.integer(0, 8) }, (): Incident => {
    const atMs = random.integer(0, untilMs)
    const kind = random.pick([
      'leaderMoved',
      'coordinatorMoved',
      'memberExpired',
      'memberExpired',
      'nodeDown',
      'unreachable',
      'controlBatch',
      'calendarJump',
      'brokerError',
    ] as const)
    if (kind === 'nodeDown' || kind === 'unreachable') return { atMs, kind, forMs: random.integer(100, 8_000) }
    if (kind !== 'brokerError') return { atMs, kind }
    // Loading, not available, not coordinator, rebalance in progress, illegal generation.
    const api = random.pick(['OffsetCommit', 'OffsetCommit', 'Heartbeat', 'OffsetFetch'] as const)
    const code = api === 'OffsetFetch' ? random.pick([14, 15, 16]) : random.pick([14, 15, 16, 22, 27])
    return { atMs, kind, api, code }
  }).toSorted((one, other) => one.atMs - other.atMs)
}
