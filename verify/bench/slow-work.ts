/** Messages that arrive when they like, one in a hundred of them slow, on virtual time: how long the quick ones wait. They
 *  arrive whether or not anybody keeps up, so a wait is never hidden by a producer that waits too. The theory beside it is the
 *  wait of the very same arrivals in a queue per partition or per key that loses no time at all. */
import { type ConsumeOptions, createHoldfast, topic } from 'holdfast'
import { SeededRandom, testKit } from 'holdfast/testing'
import { exponential } from './distributions.ts'
import { mean, quantile, rounded } from './statistics.ts'
import { type Arrival, meanQueueWaitMs, queueWaitsMs } from './theory.ts'

export type SlowGiven = {
  readonly seed: number
  readonly records: number
  /** Of what one worker per partition can do. */
  readonly load: number
  readonly order: NonNullable<ConsumeOptions['order']>
}

export type SlowFigures = {
  readonly p50Ms: number
  readonly p99Ms: number
  readonly p999Ms: number
  readonly theoryP50Ms: number
  readonly theoryP99Ms: number
  readonly theoryP999Ms: number
  /** By the formula of Pollaczek and Khinchine, for one queue per partition. */
  readonly meanTheoryMs: number
  readonly meanMs: number
}

const partitions = 6
const keys = 10_000
const concurrency = 64
const quickMs = 10
const slowMs = 2_000
const slowShare = 0.01
/** A hundred of them, as they come in the long run. */
const typicalMs = Array.from({ length: 100 }, (_, index) => (index < 100 * slowShare ? slowMs : quickMs))
const meanServiceMs = mean(typicalMs)

type Planned = Arrival & { readonly key: number; readonly partition: number }

export async function measureSlow(given: SlowGiven): Promise<SlowFigures> {
  const planned = plan(given)
  const theory = theoreticalWaits(planned, given.order)
  const waits = await waitsOf(planned, given.order)
  const quick = (of: readonly number[]): number[] => of.filter((_, index) => planned[index]?.serviceMs === quickMs)
  const [measured, ideal] = [quick(waits), quick(theory)]
  const at = (of: readonly number[], share: number): number => rounded(quantile(of, share))
  const perPartition = given.load / meanServiceMs
  return {
    p50Ms: at(measured, 0.5),
    p99Ms: at(measured, 0.99),
    p999Ms: at(measured, 0.999),
    theoryP50Ms: at(ideal, 0.5),
    theoryP99Ms: at(ideal, 0.99),
    theoryP999Ms: at(ideal, 0.999),
    meanMs: rounded(mean(measured)),
    meanTheoryMs: rounded(meanQueueWaitMs(perPartition, typicalMs)),
  }
}

function plan({ seed, records, load }: SlowGiven): Planned[] {
  const chance = new SeededRandom(seed)
  const meanGapMs = meanServiceMs / (load * partitions)
  let atMs = 0
  return Array.from({ length: records }, () => {
    atMs += exponential(meanGapMs, chance)
    const key = chance.integer(0, keys - 1)
    return { atMs, key, partition: key % partitions, serviceMs: chance.chance(slowShare) ? slowMs : quickMs }
  })
}

/** A queue of its own for each lane; with one permit for everybody who needs one, lanes do not wait for each other. */
function theoreticalWaits(planned: readonly Planned[], order: SlowGiven['order']): number[] {
  if (order === 'none') return planned.map(() => 0)
  const waits = new Array<number>(planned.length).fill(0)
  const numbered = planned.map((arrival, index) => ({ ...arrival, index }))
  const lanes = Map.groupBy(numbered, ({ key, partition }) => (order === 'key' ? key : partition))
  for (const lane of lanes.values()) {
    for (const [place, waitMs] of queueWaitsMs(lane).entries()) waits[(lane[place] as { index: number }).index] = waitMs
  }
  return waits
}

async function waitsOf(planned: readonly Planned[], order: SlowGiven['order']): Promise<number[]> {
  await using kit = await testKit({ topics: { orders: partitions } })
  const waits = new Array<number>(planned.length).fill(0)
  const done = Promise.withResolvers<void>()
  let ended = 0
  let beganMs = 0
  const app = createHoldfast({ kafka: kit.kafka, group: 'billing', log: false, topics: 'ignore' })
  const options = { order, concurrency, deadLetters: false } as const
  app.consume(topic('orders'), options, async ({ valueBytes }) => {
    const index = Number(valueBytes?.toString())
    const { atMs, serviceMs } = planned[index] as Planned
    waits[index] = kit.time.monotonicMs() - beganMs - atMs
    await new Promise<void>((resolve) => void kit.time.setTimer(serviceMs, resolve))
    ended += 1
    if (ended === planned.length) done.resolve()
  })
  const assigned = Promise.withResolvers<void>()
  const owned = new Set<number>()
  app.on('partition.assigned', ({ at }) => {
    owned.add(at.partition)
    if (owned.size === partitions) assigned.resolve()
  })
  await app.start()
  await assigned.promise
  beganMs = kit.time.monotonicMs()
  const append = (index: number): void => {
    const arrival = planned[index]
    if (arrival === undefined) return
    kit.time.setTimer(Math.max(0, beganMs + arrival.atMs - kit.time.monotonicMs()), () => {
      kit.broker.append('orders', arrival.partition, [{ key: String(arrival.key), value: String(index) }])
      append(index + 1)
    })
  }
  append(0)
  await done.promise
  return waits
}
