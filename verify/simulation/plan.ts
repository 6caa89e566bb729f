/** What a history will be like: everything that is drawn before it begins, as plain values. Which faults come when is part
 *  of it; what follows from them is not. The same seed gives the same plan. */

import { type NetworkConditions, perfectNetwork, SeededRandom } from 'holdfast/testing'
import { type Order } from '../../packages/holdfast/src/model/settings.ts'
import { drawVisits, type Visit } from './crowd-plan.ts'
import { drawIncidents, type Incident } from './incident-plan.ts'
import { type Batch, drawBatches, drawHandler, drawSize, type HandlerPlan, type Size, sizes } from './load-plan.ts'
import { drawRetries, type RetryPlan, waitsInOneLaneMs } from './retry-plan.ts'
import { type Terms } from './trace.ts'

export type Plan = {
  readonly seed: number
  readonly size: Size
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
  /** Members that come besides the others and go again. */
  readonly visits: readonly Visit[]
  /** From then on nothing goes wrong any more. */
  readonly healAtMs: number
  readonly terms: Terms
}

/** Short, so that topics of ours that refuse appends for a while make hand-offs fail. */
export const deliveryTimeoutMs = 6_000
export const attemptTimeoutMs = 2_000
export const abortGraceMs = 500
/** Session and rebalance (6 s each), a join that runs into its deadline (11 s) and is made again, backoffs of 5 s: what may
 *  come together after the faults of one history, and a margin. */
const recoveryMs = 60_000
/** Records that have come are worked on for about so long. */
const busyAfterMs = 2_000
/** I19: how much longer than the work itself, done one record after the other, it may take. */
const workFactor = 3

export function planOf(seed: number): Plan {
  return drawPlan(seed, new SeededRandom(seed).stream('plan'))
}

function drawPlan(seed: number, random: SeededRandom): Plan {
  const size = drawSize(random.stream('size'))
  const limits = sizes[size]
  const partitions = random.integer(1, limits.partitionsMax)
  const spanMs = random.pick(limits.spansMs)
  const isRough = random.chance(0.7)
  const crashAtMs = random.integer(50, Math.floor(spanMs * 1.3))
  const restartAfterMs = random.pick([0, 500, 4_000, 9_000])
  const faultsEndMs = Math.max(spanMs, crashAtMs + restartAfterMs) + random.integer(0, 8_000)
  const handoverAtMs = crashAtMs + restartAfterMs + random.integer(1_000, 9_000)
  const order = random.pick<Order>(['partition', 'key', 'key', 'none'])
  const concurrency = random.pick([1, 2, 5, 16, 64])
  const retries = drawRetries(random.stream('retries'), limits.lost)
  const batches = drawBatches(random.stream('batches'), { size, partitions, spanMs, retries })
  const handler = drawHandler(random.stream('handler'), size)
  const filtersEvery = random.pick([0, 0, 7])
  const drainBoundMs = recoveryMs + workFactor * workMs(batches, handler, retries)
  const visits = drawVisits(random.stream('visits'), faultsEndMs)
  const { whileRetrying, attemptsMax } = retries
  const brokers = random.integer(1, 3)
  const bufferedRecords = random.pick(limits.buffered)
  const parkedRecords = random.pick([1, 8, 256])
  const mayOverflow = whileRetrying === 'overtake' && (retries.delaysMs.length > 0 || retries.bucketsMs.length > 0)
  const bounds = { concurrency, bufferedRecords, parkedRecords: mayOverflow ? Infinity : parkedRecords }
  // Half of the rebalance timeout, and what `drainAtStop` is by itself; or too short for some attempts to end.
  const drains = random.stream('drains')
  const drainAtRevokeMs = drains.pick([3_000, 3_000, 300, 0])
  const drainAtStopMs = drains.pick([20_000, 20_000, 20_000, 200])
  const protocol = random.stream('protocol').pick<Plan['protocol']>(['eager', 'cooperative'])
  const times = { attemptTimeoutMs, abortGraceMs, drainAtRevokeMs, drainAtStopMs, drainBoundMs }
  return {
    seed,
    size,
    brokers,
    partitions,
    batches,
    protocol,
    order,
    concurrency,
    bufferedRecords,
    parkedRecords,
    partitionFetchBytes: random.pick(limits.fetchBytes),
    filtersEvery,
    handler,
    retries,
    network: drawNetwork(random.stream('network'), isRough),
    incidents: isRough
      ? drawIncidents(random.stream('incidents'), { untilMs: faultsEndMs, busyMs: spanMs + busyAfterMs, visits })
      : [],
    crashAtMs,
    restartAfterMs,
    handoverAtMs: random.chance(0.4) ? handoverAtMs : null,
    visits,
    healAtMs: faultsEndMs,
    terms: {
      order,
      ...bounds,
      whileRetrying,
      attemptsMax,
      retries,
      filtersEvery,
      ...times,
      protocol,
      isCalm: !isRough,
    },
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
