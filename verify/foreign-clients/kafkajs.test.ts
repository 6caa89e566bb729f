/** kafkajs against the embedded broker: a client that shares no line with either side says whether the protocol is right. */

import kafkajs from 'kafkajs'
import { afterEach, beforeEach, expect, test } from 'vitest'

import { EmbeddedKafka } from '../../packages/broker/src/index.ts'

const { Kafka, logLevel, PartitionAssigners } = kafkajs

let kafka: EmbeddedKafka
let client: InstanceType<typeof Kafka>
let leaving: (() => Promise<void>)[]

beforeEach(async () => {
  kafka = await EmbeddedKafka.start({ brokers: 3, topics: { orders: 6 } })
  client = new Kafka({ clientId: 'foreign', brokers: kafka.bootstrap.split(','), logLevel: logLevel.NOTHING })
  leaving = []
})

afterEach(async () => {
  await Promise.all(leaving.map((leave) => leave()))
  await kafka.stop()
})

function until(isTrue: () => boolean): Promise<void> {
  return kafka.waitUntil(String(isTrue), isTrue, { timeoutMs: 50_000 })
}

async function produce(count: number, idempotent = false): Promise<void> {
  const producer = client.producer({ idempotent, ...(idempotent ? { maxInFlightRequests: 1 } : {}) })
  await producer.connect()
  const messages = Array.from({ length: count }, (_, index) => ({
    key: `key-${index}`,
    value: `value-${index}`,
    headers: { trace: `t-${index}` },
  }))
  await producer.send({ topic: 'orders', messages })
  await producer.disconnect()
}

type Seen = { partition: number; offset: string; value: string; consumer: string }

async function consume(name: string, groupId: string, seen: Seen[]): Promise<void> {
  const consumer = client.consumer({
    groupId,
    maxWaitTimeInMs: 50,
    heartbeatInterval: 50,
    // A client hears of new partitions when it looks again.
    metadataMaxAge: 100,
    partitionAssigners: [PartitionAssigners.roundRobin],
  })
  leaving.push(() => consumer.disconnect())
  await consumer.connect()
  await consumer.subscribe({ topic: 'orders', fromBeginning: true })
  await consumer.run({
    autoCommitThreshold: 1,
    eachMessage: async ({ partition, message }) => {
      seen.push({ partition, offset: message.offset, value: message.value?.toString() ?? '', consumer: name })
    },
  })
}

const committedTotal = (groupId: string): number =>
  kafka.core.committed(groupId).reduce((sum, { offset }) => sum + offset, 0)
const membersOf = (groupId: string): number => kafka.core.group(groupId)?.members.length ?? 0

test.each([false, true])('what was produced is consumed and committed (idempotent: %s)', async (idempotent) => {
  const seen: Seen[] = []
  await produce(100, idempotent)
  await consume('a', 'one', seen)
  await until(() => committedTotal('one') === 100)
  expect(seen.map(({ value }) => value).toSorted()).toEqual(
    Array.from({ length: 100 }, (_, index) => `value-${index}`).toSorted(),
  )
})

test('two members share the partitions, and when one leaves the other takes them all', async () => {
  const seen: Seen[] = []
  await Promise.all([consume('a', 'two', seen), consume('b', 'two', seen)])
  await until(() => membersOf('two') === 2 && kafka.core.group('two')?.state === 'stable')
  await produce(60)
  await until(() => committedTotal('two') === 60)
  const partitionsOf = (name: string): number[] => [
    ...new Set(seen.filter(({ consumer }) => consumer === name).map(({ partition }) => partition)),
  ]
  expect(partitionsOf('a').filter((partition) => partitionsOf('b').includes(partition))).toEqual([])
  expect(new Set([...partitionsOf('a'), ...partitionsOf('b')])).toEqual(new Set([0, 1, 2, 3, 4, 5]))

  await leaving.pop()?.()
  await until(() => membersOf('two') === 1 && kafka.core.group('two')?.state === 'stable')
  await produce(60)
  await until(() => committedTotal('two') === 120)
  expect(seen).toHaveLength(120)
})

test('a group goes on where it committed', async () => {
  await produce(30)
  const first: Seen[] = []
  await consume('a', 'again', first)
  await until(() => committedTotal('again') === 30)
  await leaving.pop()?.()
  await produce(30)
  const second: Seen[] = []
  await consume('b', 'again', second)
  await until(() => committedTotal('again') === 60)
  expect([first.length, second.length]).toEqual([30, 30])
})

test('a running consumer gets the partitions that its topic is given later', async () => {
  const seen: Seen[] = []
  await consume('a', 'wider', seen)
  await until(() => kafka.core.group('wider')?.state === 'stable')
  const admin = client.admin()
  await admin.connect()
  leaving.push(() => admin.disconnect())
  await admin.createPartitions({ topicPartitions: [{ topic: 'orders', count: 8 }] })
  kafka.core.append('orders', 7, [{ value: 'in the last one' }])
  await until(() => committedTotal('wider') === 1)
  expect(seen).toMatchObject([{ partition: 7, value: 'in the last one' }])
})

test('the admin client creates, describes and deletes topics, groups and offsets', async () => {
  const admin = client.admin()
  await admin.connect()
  leaving.push(() => admin.disconnect())

  expect(await admin.createTopics({ topics: [{ topic: 'payments', numPartitions: 2 }] })).toBe(true)
  expect((await admin.listTopics()).toSorted()).toEqual(['orders', 'payments'])
  const described = await admin.fetchTopicMetadata({ topics: ['payments'] })
  expect(described.topics[0]?.partitions).toHaveLength(2)
  expect(await admin.describeCluster()).toMatchObject({ controller: 1 })

  await produce(10)
  await consume('a', 'g', [])
  await until(() => committedTotal('g') === 10)
  await leaving.pop()?.()
  const offsets = await admin.fetchOffsets({ groupId: 'g', topics: ['orders'] })
  expect(offsets[0]?.partitions.reduce((sum, { offset }) => sum + Math.max(0, Number(offset)), 0)).toBe(10)
  expect((await admin.listGroups()).groups.map(({ groupId }) => groupId)).toEqual(['g'])
  expect((await admin.describeGroups(['g'])).groups[0]).toMatchObject({ groupId: 'g', state: 'Empty' })

  const configs = await admin.describeConfigs({
    includeSynonyms: false,
    resources: [{ type: 2, name: 'orders', configNames: ['retention.ms'] }],
  })
  expect(configs.resources[0]?.configEntries).toMatchObject([{ configName: 'retention.ms', configValue: '604800000' }])

  await admin.deleteGroups(['g'])
  await admin.deleteTopics({ topics: ['payments'] })
  expect(await admin.listTopics()).toEqual(['orders'])
})

test('SASL PLAIN lets the right password in and nothing else', async () => {
  await using guarded = await EmbeddedKafka.start({ topics: { orders: 1 }, sasl: { users: { u: 'p' } } })
  const login = async (password: string): Promise<string[]> => {
    const admin = new Kafka({
      brokers: [guarded.bootstrap],
      logLevel: logLevel.NOTHING,
      sasl: { mechanism: 'plain', username: 'u', password },
      retry: { retries: 0 },
    }).admin()
    try {
      await admin.connect()
      return await admin.listTopics()
    } finally {
      await admin.disconnect()
    }
  }
  expect(await login('p')).toEqual(['orders'])
  await expect(login('wrong')).rejects.toThrow(/password/i)
})
