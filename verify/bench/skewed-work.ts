/** Keys of which some are far more frequent than others, on virtual time: how long the engine and the runtime take for all of
 *  it, beside the bound for the very same work, and beside what fixed workers would take. Nothing but waiting takes time here:
 *  what is measured is the schedule, not the machine. */
import { type ConsumeOptions, createHoldfast, topic } from 'holdfast'
import { SeededRandom, testKit } from 'holdfast/testing'
import { murmur3 } from '../../packages/holdfast/src/model/record.ts'
import { lognormal, zipf } from './distributions.ts'
import { rounded } from './statistics.ts'
import { hashedMakespanMs, makespanBoundMs, type Work } from './theory.ts'

export type SkewGiven = {
  readonly seed: number
  readonly records: number
  readonly keys: number
  /** Of Zipf's law; 0 makes all keys alike. */
  readonly exponent: number
  readonly partitions: number
  readonly concurrency: number
  readonly order: NonNullable<ConsumeOptions['order']>
  readonly bufferedRecords?: number | undefined
}

export type SkewFigures = {
  readonly makespanMs: number
  readonly boundMs: number
  readonly toBound: number
  /** If each key always went to the same of `concurrency` workers. */
  readonly hashedToBound: number
  readonly heaviestKeyShare: number
}

const meanServiceMs = 10
const sigma = 1
const appendedAtOnce = 5_000

type Planned = Work & { readonly lane: number; readonly partition: number }

export async function measureSkew(given: SkewGiven): Promise<SkewFigures> {
  const { partitions, concurrency, order, bufferedRecords } = given
  const planned = plan(given)
  const byPartition = Array.from({ length: partitions }, (_, partition) =>
    planned.filter((work) => work.partition === partition),
  )
  await using kit = await testKit({ topics: { orders: partitions } })
  for (const [partition, ofPartition] of byPartition.entries()) {
    for (let from = 0; from < ofPartition.length; from += appendedAtOnce) {
      const records = ofPartition
        .slice(from, from + appendedAtOnce)
        .map(({ lane }) => ({ key: String(lane), value: '' }))
      kit.broker.append('orders', partition, records)
    }
  }
  const done = Promise.withResolvers<void>()
  let firstMs: number | null = null
  let ended = 0
  const app = createHoldfast({ kafka: kit.kafka, group: 'billing', log: false, topics: 'ignore' })
  const options = { order, concurrency, bufferedRecords, deadLetters: false, attemptTimeout: '1h' } as const
  app.consume(topic('orders'), options, async ({ partition, offset }) => {
    firstMs ??= kit.time.monotonicMs()
    const serviceMs = byPartition[partition]?.[offset]?.serviceMs ?? 0
    await new Promise<void>((resolve) => void kit.time.setTimer(serviceMs, resolve))
    ended += 1
    if (ended === planned.length) done.resolve()
  })
  await app.start()
  await done.promise
  const makespanMs = kit.time.monotonicMs() - (firstMs ?? 0)
  const boundMs = makespanBoundMs(lanesOf(planned, order), concurrency)
  const hashed = hashedMakespanMs(planned, concurrency, (lane) => hashOf(lane, given.seed))
  return {
    makespanMs: rounded(makespanMs),
    boundMs: rounded(boundMs),
    toBound: rounded(makespanMs / boundMs),
    hashedToBound: rounded(hashed / boundMs, 3),
    heaviestKeyShare: rounded(planned.filter(({ lane }) => lane === 0).length / planned.length, 3),
  }
}

function plan({ seed, records, keys, exponent, partitions }: SkewGiven): Planned[] {
  const chance = new SeededRandom(seed)
  const pick = zipf(keys, exponent)
  return Array.from({ length: records }, () => {
    const lane = pick(chance)
    return { lane, partition: hashOf(lane, 0) % partitions, serviceMs: lognormal(meanServiceMs, sigma, chance) }
  })
}

function lanesOf(planned: readonly Planned[], order: SkewGiven['order']): Work[] {
  return planned.map(({ lane, partition, serviceMs }) => {
    return { lane: order === 'none' ? null : order === 'key' ? lane : partition, serviceMs }
  })
}

function hashOf(lane: string | number, seed: number): number {
  const bytes = Buffer.from(String(lane))
  return murmur3(bytes, 0, bytes.length, seed) >>> 0
}
