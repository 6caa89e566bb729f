/** Measures lives of the embedded broker, in the child: one after the other, and many at once with a client each. */
import { setTimeout as pause } from 'node:timers/promises'
import { Kafka, logLevel } from 'kafkajs'
import { EmbeddedKafka } from '../../packages/broker/src/index.ts'
import { quantile, rounded } from './statistics.ts'

const bytesPerMb = 1_048_576
const recordsPerTest = 10

export type LivesGiven = {
  readonly nodes: number
  readonly lives: number
  /** After so many lives the code is warm and the heap has its size; what grows from then on is a leak. */
  readonly settledAfter: number
}
export type LivesFigures = {
  readonly medianMs: number
  readonly p99Ms: number
  readonly firstMs: number
  readonly rssGrownMb: number
  readonly heapGrownMb: number
}

export async function measureLives({ nodes, lives, settledAfter }: LivesGiven): Promise<LivesFigures> {
  const times: number[] = []
  let settled = await memory()
  for (let life = 0; life < lives; life++) {
    const startedAtMs = performance.now()
    const kafka = await EmbeddedKafka.start({ brokers: nodes, topics: { orders: 6 } })
    await kafka.stop()
    times.push(performance.now() - startedAtMs)
    if (life + 1 === settledAfter) settled = await memory()
  }
  const { rss, heapUsed } = await memory()
  return {
    medianMs: rounded(quantile(times, 0.5), 3),
    p99Ms: rounded(quantile(times, 0.99), 3),
    firstMs: rounded(times[0] ?? NaN, 3),
    rssGrownMb: rounded((rss - settled.rss) / bytesPerMb, 3),
    heapGrownMb: rounded((heapUsed - settled.heapUsed) / bytesPerMb, 3),
  }
}

/** After all garbage has gone, as far as Node can be made to. */
async function memory(): Promise<NodeJS.MemoryUsage> {
  for (let round = 0; round < 3; round++) {
    globalThis.gc?.()
    await pause(10)
  }
  return process.memoryUsage()
}

export type CrowdGiven = { readonly tests: number }
export type CrowdFigures = { readonly seconds: number; readonly failed: number }

/** Every test has a broker of its own, and all of them run at once. */
export async function measureCrowd({ tests }: CrowdGiven): Promise<CrowdFigures> {
  const startedAtMs = performance.now()
  const ended = await Promise.allSettled(Array.from({ length: tests }, (_, index) => runTest(index)))
  return {
    seconds: rounded((performance.now() - startedAtMs) / 1_000, 3),
    failed: ended.filter(({ status }) => status === 'rejected').length,
  }
}

/** What most tests of a consumer do: write, read in a group, see the commit. */
async function runTest(index: number): Promise<void> {
  await using broker = await EmbeddedKafka.start({ topics: { orders: 2 } })
  const kafka = new Kafka({ clientId: `test-${index}`, brokers: [broker.bootstrap], logLevel: logLevel.NOTHING })
  const producer = kafka.producer()
  const consumer = kafka.consumer({ groupId: 'billing', maxWaitTimeInMs: 50 })
  await Promise.all([producer.connect(), consumer.connect()])
  const messages = Array.from({ length: recordsPerTest }, (_, record) => ({ key: `k${record}`, value: `v${record}` }))
  await producer.send({ topic: 'orders', messages })
  await consumer.subscribe({ topic: 'orders', fromBeginning: true })
  let seen = 0
  const all = Promise.withResolvers<void>()
  await consumer.run({
    eachMessage: async () => {
      seen += 1
      if (seen === recordsPerTest) all.resolve()
    },
  })
  await all.promise
  await consumer.stop()
  const committed = broker.core.committed('billing').reduce((sum, { offset }) => sum + offset, 0)
  if (committed !== recordsPerTest) throw new Error(`expected ${recordsPerTest} committed records, got ${committed}`)
  await Promise.all([consumer.disconnect(), producer.disconnect()])
}
