/** Sends messages with one of the clients, in one of three ways: each awaited before the next, one message per call with many
 *  calls under way, or many messages per call. All wait for all in-sync replicas; ours alone is idempotent, the others are faster
 *  without. */
import { createHoldfast, topic as topicNamed } from 'holdfast'
import { keyOf } from './records.ts'
import { type VitalFigures, Vitals } from './vitals.ts'

export type SendingGiven = {
  readonly client: 'holdfast' | 'raw' | 'kafkajs'
  readonly way: 'sequential' | 'single' | 'bulk'
  readonly bootstrap: string
  readonly topic: string
  readonly messages: number
  readonly bytes: number
}

/** Calls under way at once in the second way. */
const callsAtOnce = 1_000
/** Messages per call in the third way. */
const bulk = 1_000
const keys = 1_000
/** Connections are open and metadata is known before anything is counted. */
const warmUp = 100

type Outgoing = { readonly key: Buffer; readonly value: Buffer }
type Send = (messages: readonly Outgoing[]) => Promise<unknown>

export async function measureSending({
  client,
  way,
  bootstrap,
  topic,
  messages,
  bytes,
}: SendingGiven): Promise<VitalFigures> {
  const send = await openers[client](bootstrap, topic)
  const value = Buffer.alloc(bytes, 'holdfast ')
  const outgoing = (from: number, count: number): Outgoing[] =>
    Array.from({ length: count }, (_, index) => ({ key: Buffer.from(keyOf((from + index) % keys)), value }))
  await send(outgoing(0, warmUp))
  const vitals = new Vitals().begin()
  if (way === 'bulk') {
    for (let sent = 0; sent < messages; sent += bulk) await send(outgoing(sent, Math.min(bulk, messages - sent)))
  } else {
    let next = 0
    const lane = async (): Promise<void> => {
      while (next < messages) await send(outgoing(next++, 1))
    }
    await Promise.all(Array.from({ length: way === 'single' ? callsAtOnce : 1 }, lane))
  }
  return vitals.end(messages)
}

const openers: Readonly<Record<SendingGiven['client'], (bootstrap: string, topic: string) => Promise<Send>>> = {
  holdfast: async (bootstrap, topic) => {
    const app = createHoldfast({ kafka: bootstrap, log: false })
    await app.start()
    const target = topicNamed(topic)
    // `send` for one, as a user would call it.
    return (messages) => {
      const [only] = messages
      return messages.length === 1 && only !== undefined ? app.send(target, only) : app.sendAll(target, messages)
    }
  },
  raw: async (bootstrap, topic) => {
    const { Producer, ProduceAcks } = await import('@platformatic/kafka')
    const producer = new Producer({ clientId: 'bench', bootstrapBrokers: bootstrap.split(',') })
    return (messages) =>
      producer.send({ messages: messages.map((each) => ({ topic, ...each })), acks: ProduceAcks.ALL })
  },
  kafkajs: async (bootstrap, topic) => {
    const { Kafka, logLevel, Partitioners } = await import('kafkajs')
    const kafka = new Kafka({ clientId: 'bench', brokers: bootstrap.split(','), logLevel: logLevel.NOTHING })
    const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner })
    await producer.connect()
    return (messages) => producer.send({ topic, messages: [...messages], acks: -1 })
  },
}
