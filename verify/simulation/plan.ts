/** What a history will be like: everything that is drawn before it begins, as plain values. Which faults come when is part
 *  of it; what follows from them is not. The same seed gives the same plan. */

import { type NetworkConditions, perfectNetwork, SeededRandom } from 'holdfast/testing'
import { type Order } from '../../packages/holdfast/src/model/settings.ts'
import { drawVisits, type Visit } from './crowd-plan.ts'
import { drawIncidents, type Incident } from './incident-plan.ts'
import { type Batch, drawBatches, drawHandler, drawSize, type HandlerPlan, type Size, sizes } from './load-plan.ts'
import { drawRetries, type RetryPlan } from './retry-plan.ts'
import { termsOf } from './terms.ts'
import { underTheme } from './themes.ts'
import { type Terms } from './trace.ts'

export type Plan = {
  readonly seed: number
  readonly size: Size
  readonly brokers: number
  readonly partitions: number
  /** Appended one batch after the other, from `atMs` on. */
  readonly batches: readonly Batch[]
  /** Whether a process of the toolkit sends every other batch; all others are there at once. */
  readonly isSent: boolean
  readonly protocol: 'eager' | 'cooperative'
  readonly order: Order
  readonly concurrency: number
  readonly bufferedRecords: number
  readonly parkedRecords: number
  readonly partitionFetchBytes: number
  /** Of one process; undefined for the default. */
  readonly heldBytes?: number
  /** What each record carries besides its value. @default 0 */
  readonly ballastBytes?: number
  readonly filtersEvery: number
  readonly handler: HandlerPlan
  readonly retries: RetryPlan
  /** Who makes the topics of the group: itself, or an administrator before it comes, whether the group looks or not. */
  readonly ownTopics: 'create' | 'verify' | 'ignore'
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

/** Records that have come are worked on for about so long. */
const busyAfterMs = 2_000

export function planOf(seed: number): Plan {
  const random = new SeededRandom(seed)
  return underTheme(drawPlan(seed, random.stream('plan')), random.stream('theme'))
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
  const ownTopics = random.stream('ownTopics').pick(['create', 'create', 'verify', 'ignore'] as const)
  const retries = drawRetries(random.stream('retries'), { losses: limits.lost, ownTopics })
  const batches = drawBatches(random.stream('batches'), { size, partitions, spanMs, retries })
  const handler = drawHandler(random.stream('handler'), size)
  const filtersEvery = random.pick([0, 0, 7])
  const visits = drawVisits(random.stream('visits'), { untilMs: faultsEndMs, isRough })
  const brokers = random.integer(1, 3)
  const bufferedRecords = random.pick(limits.buffered)
  const parkedRecords = random.pick([1, 8, 256])
  // Half of the rebalance timeout, and what `drainAtStop` is by itself; or too short for some attempts to end.
  const drains = random.stream('drains')
  const drainAtRevokeMs = drains.pick([3_000, 3_000, 300, 0])
  const drainAtStopMs = drains.pick([20_000, 20_000, 20_000, 200])
  const protocol = random.stream('protocol').pick<Plan['protocol']>(['eager', 'cooperative'])
  const drawn: Omit<Plan, 'terms'> = {
    seed,
    size,
    brokers,
    partitions,
    batches,
    isSent: random.stream('sends').chance(0.4),
    protocol,
    order,
    concurrency,
    bufferedRecords,
    parkedRecords,
    partitionFetchBytes: random.pick(limits.fetchBytes),
    filtersEvery,
    handler,
    retries,
    ownTopics,
    network: drawNetwork(random.stream('network'), isRough),
    incidents: isRough
      ? drawIncidents(random.stream('incidents'), { untilMs: faultsEndMs, busyMs: spanMs + busyAfterMs, visits })
      : [],
    crashAtMs,
    restartAfterMs,
    handoverAtMs: random.chance(0.4) ? handoverAtMs : null,
    visits,
    healAtMs: faultsEndMs,
  }
  return { ...drawn, terms: termsOf(drawn, { drainAtRevokeMs, drainAtStopMs, isCalm: !isRough }) }
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
