/** What a history will be like: everything that is drawn before it begins, as plain values. Which faults come when is part
 *  of it; what follows from them is not. The same seed gives the same plan. */

import { type NetworkConditions, perfectNetwork, SeededRandom } from 'holdfast/testing'
import { type Order } from '../../packages/holdfast/src/model/settings.ts'
import { drawFate, drawRetries, type RetryPlan, waitsInOneLaneMs } from './retry-plan.ts'
import { type Fate, type Terms } from './trace.ts'

export type Plan = {
  readonly seed: number
  readonly brokers: number
  readonly partitions: number
  /** Appended one batch after the other, from `atMs` on. */
  readonly batches: readonly Batch[]
  readonly protocol: 'eager' | 'cooperative'
  readonly order: Order
  readonly concurrency: number
  readonly bufferedRecords: number
  readonly parkedRecords: number
  readonly partitionFetchBytes: number
  readonly filtersEvery: number
  readonly handler: HandlerPlan
  readonly retries: RetryPlan
  readonly network: NetworkConditions
  readonly incidents: readonly Incident[]
  readonly crashAtMs: number
  readonly restartAfterMs: number
  /** Between crash and end one app stops cleanly in the middle of its work, and another goes on; null for none. */
  readonly handoverAtMs: number | null
  /** A member that comes besides the others and goes again. */
  readonly guest: { readonly fromMs: number; readonly toMs: number; readonly leaves: 'cleanly' | 'byCrash' } | null
  /** From then on nothing goes wrong any more. */
  readonly healAtMs: number
  readonly terms: Terms
}

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

/** Something that is done to brokers or to the group at a moment. */
export type Incident = { readonly atMs: number } & (
  | { readonly kind: 'leaderMoved' | 'coordinatorMoved' }
  | { readonly kind: 'memberExpired' }
  | { readonly kind: 'nodeDown' | 'unreachable' | 'isolated'; readonly forMs: number }
  | { readonly kind: 'controlBatch' | 'calendarJump' }
  /** Topics of ours take nothing. */
  | { readonly kind: 'produceRefused'; readonly code: number; readonly forMs: number }
  /** The copy is stored and nobody hears of it. */
  | { readonly kind: 'produceAmbiguous' }
  /** No commit is taken. */
  | { readonly kind: 'commitRefused'; readonly code: number; readonly forMs: number }
  /** Somebody pauses a consumer for a while. */
  | { readonly kind: 'userPause'; readonly forMs: number }
  | { readonly kind: 'brokerError'; readonly api: 'OffsetCommit' | 'Heartbeat' | 'OffsetFetch'; readonly code: number }
)

/** Short, so that topics of ours that refuse appends for a while make hand-offs fail. */
export const deliveryTimeoutMs = 6_000
export const attemptTimeoutMs = 2_000
export const abortGraceMs = 500
/** Session and rebalance (6 s each), a join that runs into its deadline (11 s) and is made again, backoffs of 5 s: what may
 *  come together after the faults of one history, and a margin. */
const recoveryMs = 60_000
/** I19: how much longer than the work itself, done one record after the other, it may take. */
const workFactor = 3

export function planOf(seed: number): Plan {
  return drawPlan(seed, new SeededRandom(seed).stream('plan'))
}

function drawPlan(seed: number, random: SeededRandom): Plan {
  const partitions = random.integer(1, 6)
  const spanMs = random.pick([500, 3_000, 6_000, 15_000])
  const isRough = random.chance(0.7)
  const crashAtMs = random.integer(50, Math.floor(spanMs * 1.3))
  const restartAfterMs = random.pick([0, 500, 4_000, 9_000])
  const faultsEndMs = Math.max(spanMs, crashAtMs + restartAfterMs) + random.integer(0, 8_000)
  const handoverAtMs = crashAtMs + restartAfterMs + random.integer(1_000, 9_000)
  const order = random.pick<Order>(['partition', 'key', 'key', 'none'])
  const concurrency = random.pick([1, 2, 5, 16, 64])
  const retries = drawRetries(random.stream('retries'))
  const batches = drawBatches(random.stream('batches'), { partitions, spanMs, retries })
  const handler = drawHandler(random.stream('handler'))
  const filtersEvery = random.pick([0, 0, 7])
  const drainBoundMs = recoveryMs + workFactor * workMs(batches, handler, retries)
  const guest = drawGuest(random.stream('guest'), faultsEndMs)
  const { whileRetrying, attemptsMax } = retries
  const brokers = random.integer(1, 3)
  const bufferedRecords = random.pick([1, 8, 256])
  const parkedRecords = random.pick([1, 8, 256])
  const mayOverflow = whileRetrying === 'overtake' && (retries.delaysMs.length > 0 || retries.bucketsMs.length > 0)
  const bounds = { concurrency, bufferedRecords, parkedRecords: mayOverflow ? Infinity : parkedRecords }
  // Half of the rebalance timeout, and what `drainAtStop` is by itself; or too short for some attempts to end.
  const drains = random.stream('drains')
  const drainAtRevokeMs = drains.pick([3_000, 3_000, 300, 0])
  const drainAtStopMs = drains.pick([20_000, 20_000, 20_000, 200])
  const times = { attemptTimeoutMs, abortGraceMs, drainAtRevokeMs, drainAtStopMs, drainBoundMs }
  return {
    seed,
    brokers,
    partitions,
    batches,
    protocol: random.stream('protocol').pick(['eager', 'cooperative']),
    order,
    concurrency,
    bufferedRecords,
    parkedRecords,
    partitionFetchBytes: random.pick([1_024, 65_536]),
    filtersEvery,
    handler,
    retries,
    network: drawNetwork(random.stream('network'), isRough),
    incidents: isRough ? drawIncidents(random.stream('incidents'), faultsEndMs, guest) : [],
    crashAtMs,
    restartAfterMs,
    handoverAtMs: random.chance(0.4) ? handoverAtMs : null,
    guest,
    healAtMs: faultsEndMs,
    terms: { order, ...bounds, whileRetrying, attemptsMax, retries, filtersEvery, ...times, isCalm: !isRough },
  }
}

function drawGuest(random: SeededRandom, untilMs: number): Plan['guest'] {
  const fromMs = random.integer(0, untilMs)
  const toMs = fromMs + random.pick([300, 3_000, 12_000])
  const leaves = random.pick(['cleanly', 'cleanly', 'byCrash'] as const)
  return random.chance(0.4) ? { fromMs, toMs, leaves } : null
}

function drawBatches(
  random: SeededRandom,
  { partitions, spanMs, retries }: { partitions: number; spanMs: number; retries: RetryPlan },
): Batch[] {
  const count = random.integer(15, random.pick([40, 80, 160]))
  const keys = random.pick([1, 5, 40])
  const keyless = random.pick([0, 0.2])
  const batchMax = random.pick([1, 5, 30])
  const isThereBefore = random.chance(0.3)
  const batches: Batch[] = []
  for (let left = count; left > 0;) {
    const size = Math.min(left, random.integer(1, batchMax))
    left -= size
    const atMs = isThereBefore ? 0 : random.integer(0, spanMs)
    const records = Array.from({ length: size }, () => {
      const key = random.chance(keyless) ? null : `k${random.integer(1, keys)}`
      return { key, fate: drawFate(random, retries) }
    })
    batches.push({ atMs, partition: random.integer(0, partitions - 1), records })
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

/** What the handlers need if nothing runs beside anything else, retries and time limits included, and what the last record
 *  may have to wait in delay topics. */
function workMs(batches: readonly Batch[], handler: HandlerPlan, retries: RetryPlan): number {
  const { latencyMaxMs, fails, hangs, ignoresAbort } = handler
  const records = batches.flatMap((batch) => batch.records)
  const lost = records.filter(({ fate }) => fate !== 'fine').length
  const attempts = 1 + fails + fails ** 2
  const stuckMs = (hangs + ignoresAbort) * 2 * (attemptTimeoutMs + abortGraceMs)
  const eachMs = (attempts * latencyMaxMs) / 2 + fails * waitsInOneLaneMs(retries, 0.5) + stuckMs
  const lostMs = (retries.attemptsMax * latencyMaxMs) / 2 + waitsInOneLaneMs(retries, 1)
  const topicsMs = retries.delaysMs.reduce((sum, delayMs) => sum + delayMs, 0)
  return Math.ceil(records.length * eachMs + lost * lostMs + 2 * topicsMs)
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

function drawIncidents(random: SeededRandom, untilMs: number, guest: Plan['guest']): Incident[] {
  const drawn = Array.from({ length: random.integer(0, 9) }, (): Incident => {
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
      'produceRefused',
      'produceRefused',
      'produceAmbiguous',
    ] as const)
    const forMs = random.integer(100, 8_000)
    if (kind === 'nodeDown' || kind === 'unreachable') return { atMs, kind, forMs }
    // Unknown topic, no leader, another leader, timed out, too few replicas, the same after the append; and one that no
    // producer tries again by itself: not allowed.
    if (kind === 'produceRefused') return { atMs, kind, forMs, code: random.pick([3, 5, 6, 7, 19, 20, 29, 29]) }
    if (kind !== 'brokerError') return { atMs, kind }
    // Loading, not available, not coordinator, rebalance in progress, illegal generation.
    const api = random.pick(['OffsetCommit', 'OffsetCommit', 'Heartbeat', 'OffsetFetch'] as const)
    const code = api === 'OffsetFetch' ? random.pick([14, 15, 16]) : random.pick([14, 15, 16, 22, 27])
    return { atMs, kind, api, code }
  })
  // Most histories hand nothing off at a moment drawn at random, so some get their refusal while they do.
  if (random.chance(0.3)) {
    const early = { atMs: random.integer(0, untilMs / 2), forMs: random.integer(2_000, 8_000) }
    drawn.push({ ...early, kind: 'produceRefused', code: random.pick([5, 19, 29]) })
  }
  // One of two members hears of nothing for longer than its session lasts, and has records left: R5 must stop it.
  const isIsolated = random.chance(0.3)
  const isolation = { atMs: random.integer(0, 4_000), forMs: random.integer(5_500, 15_000) }
  if (isIsolated && guest !== null) {
    drawn.push({ kind: 'isolated', atMs: guest.fromMs + isolation.atMs, forMs: isolation.forMs })
  }
  // Drawn apart: who adds a kind of incident here disturbs no other.
  const apart = random.stream('apart')
  if (apart.chance(0.2)) {
    const code = apart.pick([14, 15, 16])
    drawn.push({ kind: 'commitRefused', atMs: apart.integer(0, untilMs), forMs: apart.integer(1_000, 6_000), code })
  }
  if (apart.chance(0.2)) {
    drawn.push({ kind: 'userPause', atMs: apart.integer(0, untilMs), forMs: apart.integer(500, 8_000) })
  }
  return drawn.toSorted((one, other) => one.atMs - other.atMs)
}
