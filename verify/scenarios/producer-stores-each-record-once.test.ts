/** R30 over TCP: answers get lost, connections are cut, leaders move; what was acknowledged is stored once, in order, at
 *  the offset that `send` resolved with. On the embedded broker, which makes the trouble itself, and on real Kafka. */

import { EmbeddedKafka } from '@holdfast/broker'
import { expect, test } from 'vitest'
import { type SendError } from '../../packages/holdfast/src/model/errors.ts'
import { connectTo, readEndOffsets, readTopic } from '../judge/kafka.ts'
import { describeOnKafka } from '../real-kafka.ts'
import { createTopic, losingAnswers, record, startProducer } from './producer-world.ts'

const partitions = 6

function valuesOf(broker: EmbeddedKafka, partition: number): string[] {
  return broker.core.records('orders', partition).map(({ value }) => value?.toString() ?? 'null')
}

/** Decides on the n-th request of the test, from 0. */
function nth(decide: (index: number) => 'applyThenDrop' | 'close' | 'drop' | undefined) {
  let index = 0
  return () => decide(index++)
}

test('a batch whose answer was lost is sent again and stored once', async () => {
  await using broker = await EmbeddedKafka.start({ topics: { orders: partitions } })
  using world = await startProducer({ bootstrap: broker.bootstrap })
  broker.core.intercept(
    'Produce',
    nth((index) => (index < 2 ? 'applyThenDrop' : undefined)),
  )
  const places = await Promise.all(['a', 'b', 'c'].map((value) => world.producer.send(record('orders', value))))
  expect(valuesOf(broker, 0)).toEqual(['a', 'b', 'c'])
  expect(places.map(({ offset }) => offset)).toEqual([0, 1, 2])
  expect(world.events.filter((name) => name === 'produce.retried')).toHaveLength(2)
})

test('a request that never arrived is sent again', async () => {
  await using broker = await EmbeddedKafka.start({ topics: { orders: partitions } })
  using world = await startProducer({ bootstrap: broker.bootstrap })
  broker.core.intercept(
    'Produce',
    nth((index) => (index === 0 ? 'close' : undefined)),
  )
  await world.producer.send(record('orders', 'a'))
  expect(valuesOf(broker, 0)).toEqual(['a'])
})

test('a mute broker costs one request timeout, not the record', async () => {
  await using broker = await EmbeddedKafka.start({ topics: { orders: partitions } })
  using world = await startProducer({ bootstrap: broker.bootstrap, settings: { requestTimeoutMs: 200 } })
  broker.core.intercept(
    'Produce',
    nth((index) => (index === 0 ? 'drop' : undefined)),
  )
  await world.producer.send(record('orders', 'a'))
  expect(valuesOf(broker, 0)).toEqual(['a'])
})

test('a broker that stays mute ends in an ambiguous error, and later records go under a new producer id', async () => {
  await using broker = await EmbeddedKafka.start({ topics: { orders: partitions } })
  const settings = { requestTimeoutMs: 150, deliveryTimeoutMs: 500 }
  using world = await startProducer({ bootstrap: broker.bootstrap, settings })
  const speakAgain = broker.core.intercept('Produce', () => 'applyThenDrop')
  const error = await world.producer.send(record('orders', 'a')).catch((thrown: unknown) => thrown as SendError)
  expect(error).toMatchObject({ code: 'SEND_FAILED', ambiguous: true })
  speakAgain()
  expect(await world.producer.send(record('orders', 'b'))).toMatchObject({ offset: 1 })
  expect(valuesOf(broker, 0)).toEqual(['a', 'b'])
})

test('while leaders move and connections are cut, every record is stored once and in order', async () => {
  await using broker = await EmbeddedKafka.start({ brokers: 3, topics: { orders: partitions } })
  using world = await startProducer({ bootstrap: broker.bootstrap })
  let appends = 0
  broker.core.onEvent(({ type }) => {
    if (type !== 'append') return
    appends++
    if (appends % 5 === 0) broker.core.moveLeader('orders', appends % partitions, 1 + (appends % 3))
    if (appends % 11 === 0) broker.core.cutConnections()
  })
  const sends: Promise<readonly [number, number]>[] = []
  for (let index = 0; index < 3_000; index++) {
    const partition = index % partitions
    const value = record('orders', String(index), { partition })
    sends.push(world.producer.send(value).then(({ offset }) => [index, offset] as const))
    if (index % 100 === 99) await Promise.all(sends.slice(-50))
  }
  const acknowledged = await Promise.all(sends)
  for (let partition = 0; partition < partitions; partition++) {
    const expected = Array.from({ length: 3_000 / partitions }, (_, at) => String(at * partitions + partition))
    expect(valuesOf(broker, partition)).toEqual(expected)
  }
  for (const [index, offset] of acknowledged) expect(offset).toBe(Math.floor(index / partitions))
  expect(appends).toBeGreaterThan(50)
})

test('records keep their key, empty value, null value, headers with duplicates and bytes that are no text', async () => {
  await using broker = await EmbeddedKafka.start({ topics: { orders: 1 } })
  using world = await startProducer({ bootstrap: broker.bootstrap })
  const key = Buffer.from([0xff, 0xfe, 0x00])
  const headers = [
    { key: 'h', value: Buffer.from([0xc3]) },
    { key: 'h', value: null },
    { key: '', value: Buffer.alloc(0) },
  ]
  await Promise.all([
    world.producer.send(record('orders', '', { key, headers, timestampMs: 1_700_000_000_123 })),
    world.producer.send(record('orders', '', { key: Buffer.alloc(0), value: null, timestampMs: 1_700_000_000_001 })),
  ])
  expect(broker.core.records('orders', 0)).toMatchObject([
    { key, value: Buffer.alloc(0), headers, timestampMs: 1_700_000_000_123 },
    { key: Buffer.alloc(0), value: null, headers: [], timestampMs: 1_700_000_000_001 },
  ])
})

test('a topic that does not exist is an error that names it', async () => {
  await using broker = await EmbeddedKafka.start({ topics: { orders: partitions } })
  using world = await startProducer({ bootstrap: broker.bootstrap })
  await expect(world.producer.send(record('missing', 'a'))).rejects.toMatchObject({ code: 'TOPIC_MISSING' })
})

describeOnKafka('on real Kafka', (bootstrap) => {
  /** The ids of a topic as a foreign client reads them, by partition and offset. */
  async function stored(topic: string): Promise<(number | null)[]> {
    const kafka = connectTo(bootstrap)
    const admin = kafka.admin()
    await admin.connect()
    const endOffsets = await readEndOffsets(admin, topic)
    await admin.disconnect()
    return (await readTopic(kafka, topic, endOffsets)).map(({ id }) => id)
  }

  const numbered = (id: number, pad = ''): string => JSON.stringify({ id, pad })

  test('a batch whose answers were lost twice is stored once, and its send resolves with where', async () => {
    using world = await startProducer({ bootstrap, wrap: (port) => losingAnswers(port, 'Produce', 2) })
    const topic = await createTopic(world, { partitions: 1 })
    const first = await Promise.all([0, 1, 2].map((id) => world.producer.send(record(topic, numbered(id)))))
    const second = await world.producer.send(record(topic, numbered(3)))
    expect([...first, second].map(({ offset }) => offset)).toEqual([0, 1, 2, 3])
    expect(await stored(topic)).toEqual([0, 1, 2, 3])
    expect(world.events.filter((name) => name === 'produce.retried').length).toBeGreaterThanOrEqual(2)
  })

  test('a batch too large for its topic is split, and only the record that is too large itself is refused', async () => {
    using world = await startProducer({ bootstrap })
    const topic = await createTopic(world, { partitions: 1, configs: { 'max.message.bytes': '3000' } })
    const sizes = [1_000, 1_000, 4_000, 1_000]
    const values = sizes.map((size, id) => numbered(id, 'x'.repeat(size)))
    const outcomes = await Promise.allSettled(values.map((value) => world.producer.send(record(topic, value))))
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled'])
    expect(outcomes[2]).toMatchObject({ reason: { code: 'SEND_FAILED', ambiguous: false } })
    expect(await stored(topic)).toEqual([0, 1, 3])
  })

  test('records of one key keep their order over many batches', async () => {
    using world = await startProducer({ bootstrap, settings: { batchBytesMax: 2_048 } })
    const topic = await createTopic(world, { partitions: 3 })
    const ids = Array.from({ length: 2_000 }, (_, id) => id)
    const keyed = (id: number) => record(topic, numbered(id), { partition: undefined, key: Buffer.from('same') })
    await Promise.all(ids.map((id) => world.producer.send(keyed(id))))
    expect(await stored(topic)).toEqual(ids)
  })
})
