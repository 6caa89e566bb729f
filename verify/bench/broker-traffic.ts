/** Measures, in the child, how fast a client gets records into the broker and out of it again. */
import { rounded } from './statistics.ts'

export const trafficClients = ['kafkajs', 'platformatic'] as const

export type TrafficGiven = {
  readonly client: (typeof trafficClients)[number]
  readonly bootstrap: string
  readonly topic: string
  readonly records: number
  readonly bytes: number
}
/** Records per second. */
export type TrafficFigures = { readonly produced: number; readonly consumed: number }

const recordsPerRequest = 1_000
const requestsInFlight = 5
const fetchBytesMax = 16 * 1_048_576

type Message = { readonly key: string; readonly value: string }
type Client = {
  send(messages: readonly Message[]): Promise<unknown>
  /** Resolves when so many records have come; `begin` is called when the group has been joined. */
  read(count: number, begin: () => void): Promise<void>
}

export async function measureTraffic(given: TrafficGiven): Promise<TrafficFigures> {
  const client = await open[given.client](given)
  const value = 'v'.repeat(given.bytes)
  const startedAtMs = performance.now()
  let left = given.records
  const sendOn = async (): Promise<void> => {
    while (left > 0) {
      const count = Math.min(recordsPerRequest, left)
      left -= count
      await client.send(Array.from({ length: count }, (_, index) => ({ key: String(index), value })))
    }
  }
  await Promise.all(Array.from({ length: requestsInFlight }, sendOn))
  const producedMs = performance.now() - startedAtMs
  let joinedAtMs = 0
  await client.read(given.records, () => (joinedAtMs = performance.now()))
  const consumedMs = performance.now() - joinedAtMs
  const perSecond = (ms: number): number => rounded((given.records / ms) * 1_000)
  return { produced: perSecond(producedMs), consumed: perSecond(consumedMs) }
}

const open: Readonly<Record<TrafficGiven['client'], (given: TrafficGiven) => Promise<Client>>> = {
  kafkajs: async ({ bootstrap, topic }) => {
    const { Kafka, logLevel } = await import('kafkajs')
    const kafka = new Kafka({ clientId: 'bench', brokers: bootstrap.split(','), logLevel: logLevel.NOTHING })
    const producer = kafka.producer()
    await producer.connect()
    return {
      send: (messages) => producer.send({ topic, messages: [...messages] }),
      read: async (count, begin) => {
        const limits = { maxBytes: fetchBytesMax, maxBytesPerPartition: fetchBytesMax }
        const consumer = kafka.consumer({ groupId: `bench-${topic}`, ...limits })
        consumer.on(consumer.events.GROUP_JOIN, begin)
        await consumer.connect()
        await consumer.subscribe({ topic, fromBeginning: true })
        const all = Promise.withResolvers<void>()
        let seen = 0
        await consumer.run({
          eachBatch: async ({ batch }) => {
            seen += batch.messages.length
            if (seen >= count) all.resolve()
          },
        })
        await all.promise
      },
    }
  },
  platformatic: async ({ bootstrap, topic }) => {
    const { Consumer, MessagesStreamModes, ProduceAcks, Producer, stringDeserializers, stringSerializers } =
      await import('@platformatic/kafka')
    const bootstrapBrokers = bootstrap.split(',')
    const producer = new Producer({ clientId: 'bench', bootstrapBrokers, serializers: stringSerializers })
    return {
      send: (messages) =>
        producer.send({ messages: messages.map((each) => ({ topic, ...each })), acks: ProduceAcks.ALL }),
      read: async (count, begin) => {
        const consumer = new Consumer({
          clientId: 'bench',
          bootstrapBrokers,
          groupId: `bench-${topic}`,
          deserializers: stringDeserializers,
          maxBytes: fetchBytesMax,
        })
        const mode = MessagesStreamModes.EARLIEST
        const stream = await consumer.consume({ topics: [topic], mode, autocommit: false, highWaterMark: 10_000 })
        begin()
        const all = Promise.withResolvers<void>()
        let seen = 0
        stream.on('data', () => {
          seen += 1
          if (seen === count) all.resolve()
        })
        await all.promise
      },
    }
  },
}
