import { expect, test } from 'vitest'
import { pureCodec } from '../kafka/crc32c.ts'
import { type MetadataResponse, PortError, type ProduceRequest } from '../kafka/port.ts'
import { readBatches } from '../kafka/record-batch.ts'
import type { SendError } from '../model/errors.ts'
import type { HoldfastEventName } from '../observe/events.ts'
import { Cluster } from './cluster.ts'
import { type OutgoingRecord, Producer, type SentRecord } from './producer.ts'
import { ManualClock, type ScriptedCall, ScriptedPort, silence } from './scripted-port.fixture.ts'

const settings = {
  lingerMs: 5,
  batchBytesMax: 1_000,
  heldBytesMax: 2_000,
  requestTimeoutMs: 1_000,
  deliveryTimeoutMs: 5_000,
}

const node = { host: 'kafka', port: 9_092 }

function metadata(partitions: number, errorCode = 0): MetadataResponse {
  return {
    brokers: [{ nodeId: 1, ...node, rack: null }],
    clusterId: 'c',
    controllerId: 1,
    topics: [
      {
        errorCode,
        name: 'orders',
        topicId: '00000000-0000-0000-0000-0000000000aa',
        isInternal: false,
        partitions: Array.from({ length: partitions }, (_, partitionIndex) => ({
          errorCode: 0,
          partitionIndex,
          leaderId: 1,
          leaderEpoch: 0,
        })),
      },
    ],
  }
}

type Stored = { readonly partition: number; readonly key: string | undefined; readonly value: string | undefined }

/** A broker that stores whatever it is sent, unless `produce` says otherwise, and a producer of `orders`. */
async function setUp(options: { partitions?: number; topicError?: number; settings?: Partial<typeof settings> } = {}) {
  const clock = new ManualClock()
  const stored: Stored[] = []
  const world = {
    clock,
    stored,
    partitions: options.partitions ?? 6,
    topicError: options.topicError ?? 0,
    identity: { errorCode: 0, producerId: 7, producerEpoch: 0 },
    events: [] as HoldfastEventName[],
    /** What to answer instead of storing. */
    produce: (_call: ScriptedCall): number | PortError | typeof silence | undefined => undefined,
  }
  const port = Object.assign(new ScriptedPort(clock), { codec: pureCodec })
  port.answer = (call) => {
    if (call.api === 'Metadata') return metadata(world.partitions, world.topicError)
    if (call.api === 'InitProducerId') return { ...world.identity }
    const special = world.produce(call)
    if (special === silence || special instanceof PortError) return special
    return store(call.request as ProduceRequest, stored, special)
  }
  const emit = (name: HoldfastEventName): void => void world.events.push(name)
  const cluster = new Cluster({ port, clock, bootstrap: [node], requestTimeoutMs: 1_000, emit })
  await cluster.connect({ timeoutMs: 1_000 })
  const producer = new Producer({ port, cluster, clock, settings: { ...settings, ...options.settings }, emit })
  return { ...world, world, port, cluster, producer }
}

function store(request: ProduceRequest, stored: Stored[], errorCode = 0): object {
  return {
    responses: request.topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ index, records }) => {
        const baseOffset = stored.filter(({ partition }) => partition === index).length
        for (const batch of errorCode === 0 ? readBatches(records, pureCodec) : []) {
          for (const { key, value } of batch.decode(0)) {
            stored.push({ partition: index, key: key?.toString(), value: value?.toString() })
          }
        }
        const offset = errorCode === 0 ? baseOffset : -1
        return { index, errorCode, baseOffset: offset, logAppendTimeMs: -1, logStartOffset: 0, errorMessage: null }
      }),
    })),
  }
}

function record(value: string, rest: Partial<OutgoingRecord> = {}): OutgoingRecord {
  return { topic: 'orders', partition: 0, key: null, value: Buffer.from(value), headers: [], ...rest }
}

/** What a promise came to so far. */
function watch<T>(promise: Promise<T>): { value?: T; error?: unknown } {
  const outcome: { value?: T; error?: unknown } = {}
  promise.then(
    (value) => (outcome.value = value),
    (error: unknown) => (outcome.error = error),
  )
  return outcome
}

test('each send resolves with its own place', async () => {
  const { producer, clock } = await setUp()
  const sends = ['a', 'b'].map((value) => watch(producer.send(record(value, { partition: 2, timestampMs: 77 }))))
  await clock.advance(5)
  const place = { topic: 'orders', partition: 2, timestampMs: 77 }
  expect(sends).toEqual([{ value: { ...place, offset: 0 } }, { value: { ...place, offset: 1 } }])
  expect(producer.heldBytes).toBe(0)
})

test('a key decides the partition as it does in every other client', async () => {
  const { producer, clock, stored } = await setUp()
  // murmur2('foobar') = -790332482, so without its sign bit 1357151166, and that modulo 6 = 0; '21' gives 1173551340 = 0.
  for (const key of ['foobar', 'abc']) void producer.send(record('v', { partition: undefined, key: Buffer.from(key) }))
  await clock.advance(5)
  expect(stored.map(({ partition, key }) => [key, partition])).toEqual([
    ['foobar', 1_357_151_166 % 6],
    ['abc', 479_470_107 % 6],
  ])
})

test('records without a key share a batch', async () => {
  const { producer, clock, stored, port } = await setUp()
  for (const value of ['a', 'b', 'c']) void producer.send(record(value, { partition: undefined }))
  await clock.advance(5)
  expect(new Set(stored.map(({ partition }) => partition)).size).toBe(1)
  expect(port.of('Produce')).toHaveLength(1)
})

test('batches are acknowledged by all replicas, under the producer id, with a valid checksum', async () => {
  const { producer, clock, port } = await setUp()
  void producer.send(record('a'))
  await clock.advance(5)
  const request = port.of('Produce')[0]?.request as ProduceRequest
  expect(request).toMatchObject({ acks: -1, transactionalId: null })
  const [batch] = readBatches(request.topics[0]?.partitions[0]?.records ?? Buffer.alloc(0), pureCodec)
  expect(batch).toMatchObject({ producerId: 7, producerEpoch: 0, baseSequence: 0 })
  expect(batch?.crcIsValid()).toBe(true)
})

test('after a lost answer the same bytes are sent again', async () => {
  const { producer, clock, port, world } = await setUp()
  world.produce = ({ atMs }) => (atMs < 50 ? new PortError('closed', node, 'connection lost') : 46)
  const outcomes = ['a', 'b'].map((value) => watch(producer.send(record(value))))
  await clock.advance(500)
  const [first, again] = port.of('Produce').map(({ request }) => (request as ProduceRequest).topics[0]?.partitions[0])
  expect(again?.records).toBe(first?.records)
  expect(outcomes.map(({ value }) => value?.offset)).toEqual([-1, -1])
  expect(world.events).toContain('produce.retried')
})

test('a broker that never answers ends in an ambiguous error at the delivery timeout', async () => {
  const { producer, clock, world } = await setUp()
  world.produce = () => silence
  const outcome = watch(producer.send(record('a')))
  await clock.advance(4_999)
  expect(outcome).toEqual({})
  await clock.advance(1)
  expect(outcome.error).toMatchObject({ code: 'SEND_FAILED', ambiguous: true, retriable: true })
  expect(world.events).toContain('produce.failed')
  expect(producer.heldBytes).toBe(0)
})

test('a broker that cannot be reached ends in an error without doubt', async () => {
  const { producer, clock, world } = await setUp()
  world.produce = () => new PortError('refused', node, 'connection refused')
  const outcome = watch(producer.send(record('a')))
  await clock.advance(5_000)
  expect(outcome.error).toMatchObject({ code: 'SEND_FAILED', ambiguous: false })
  expect((outcome.error as Error).message).toContain('connection refused')
})

test('a topic that lacks replicas is named as the reason when the delivery timeout passes', async () => {
  const { producer, clock, world } = await setUp()
  world.produce = () => 19
  const outcome = watch(producer.send(record('a')))
  await clock.advance(5_000)
  const error = outcome.error as SendError
  expect(error.ambiguous).toBe(false)
  expect(error.message).toContain('NOT_ENOUGH_REPLICAS')
  expect(error.remedy).toContain('min.insync.replicas')
})

test('a partition that the answer leaves out is sent again', async () => {
  const { producer, clock, port } = await setUp()
  const answer = port.answer
  port.answer = (call) => (call.api === 'Produce' && call.atMs < 50 ? { responses: [] } : answer(call))
  const outcome = watch(producer.send(record('a')))
  await clock.advance(200)
  expect(outcome.value?.offset).toBe(0)
})

test('a topic that does not exist is looked for a few times and then named', async () => {
  const { producer, clock, port } = await setUp({ partitions: 0, topicError: 3 })
  const outcome = watch(producer.send(record('a')))
  await clock.advance(5_000)
  expect(outcome.error).toMatchObject({ code: 'TOPIC_MISSING' })
  expect((outcome.error as Error).message).toContain('orders')
  expect(port.of('Metadata').at(-1)?.request).toMatchObject({ topics: ['orders'], allowAutoTopicCreation: false })
  expect(port.of('Metadata').length).toBeLessThan(10)
})

test('a topic that appears while it is looked for gets the records in the order of their sends', async () => {
  const { producer, clock, stored, world } = await setUp({ partitions: 0, topicError: 3 })
  void producer.send(record('a'))
  await clock.advance(50)
  void producer.send(record('b'))
  world.partitions = 6
  world.topicError = 0
  await clock.advance(500)
  void producer.send(record('c'))
  await clock.advance(500)
  expect(stored.map(({ value }) => value)).toEqual(['a', 'b', 'c'])
})

test('a partition that does not exist is refused without holding up the others', async () => {
  const { producer, clock, stored } = await setUp()
  void producer.send(record('a'))
  await clock.advance(5)
  const outcome = watch(producer.send(record('b', { partition: 6 })))
  void producer.send(record('c'))
  await clock.advance(10)
  expect(stored.map(({ value }) => value)).toEqual(['a', 'c'])
  await clock.advance(5_000)
  const error = outcome.error as SendError
  expect(error.ambiguous).toBe(false)
  expect(error.message).toBe('expected a partition of orders from 0 to 5, got 6')
})

test('when a topic appears, a partition that it does not have holds up nobody', async () => {
  const { producer, clock, stored, world } = await setUp({ partitions: 0, topicError: 3 })
  const [first, wrong, last] = [0, 9, 0].map((partition) => watch(producer.send(record('v', { partition }))))
  await clock.advance(50)
  world.partitions = 6
  world.topicError = 0
  await clock.advance(100)
  expect(stored).toHaveLength(2)
  expect([first?.value?.offset, last?.value?.offset]).toEqual([0, 1])
  await clock.advance(4_000)
  expect(wrong?.error).toMatchObject({ code: 'SEND_FAILED', ambiguous: false })
})

test.each(['no', 'other'])(
  'with %s traffic, a send waits for an unanswered lookup until the delivery timeout',
  async (traffic) => {
    const { producer, clock, port } = await setUp()
    const answer = port.answer
    port.answer = (call) => (call.api === 'Metadata' ? new PortError('refused', node, 'refused') : answer(call))
    const outcome = watch(producer.send(record('a', { topic: 'unknown' })))
    await clock.advance(1_000)
    if (traffic === 'other') void producer.send(record('b'))
    await clock.advance(3_999)
    expect(outcome).toEqual({})
    await clock.advance(1)
    expect(outcome.error).toMatchObject({ code: 'SEND_FAILED', ambiguous: false, retriable: true })
  },
)

test('a topic that the principal may not write to is an authorization error at once', async () => {
  const { producer, clock } = await setUp({ partitions: 0, topicError: 29 })
  const outcome = watch(producer.send(record('a')))
  await clock.settle()
  expect(outcome.error).toMatchObject({ code: 'AUTHORIZATION_FAILED' })
})

test('a send waits for room, in order, and gets it when earlier ones are acknowledged', async () => {
  const { producer, clock, stored, world } = await setUp()
  const isHeld = { now: true }
  world.produce = () => (isHeld.now ? 19 : undefined)
  const big = 'x'.repeat(900)
  const sends = [big, big, big, 'small'].map((value, at) => watch(producer.send(record(`${at}${value}`))))
  await clock.advance(500)
  expect(producer.heldBytes).toBeLessThanOrEqual(2_000)
  isHeld.now = false
  await clock.advance(2_000)
  expect(stored.map(({ value }) => value?.[0])).toEqual(['0', '1', '2', '3'])
  expect(sends.map(({ value }) => value?.offset)).toEqual([0, 1, 2, 3])
})

test('a send that finds no room within the delivery timeout is rejected without doubt', async () => {
  const { producer, clock, world } = await setUp()
  world.produce = () => silence
  const big = 'x'.repeat(900)
  const [first, , third] = [big, big, big].map((value) => watch(producer.send(record(value))))
  await clock.advance(5_000)
  expect(first?.error).toMatchObject({ code: 'SEND_FAILED', ambiguous: true })
  expect(third?.error).toMatchObject({ code: 'SEND_FAILED', ambiguous: false, retriable: true })
})

test('ten thousand sends that wait for room are let in without growing the stack', async () => {
  const { producer, clock, stored } = await setUp({ settings: { heldBytesMax: 10_000_000, batchBytesMax: 10_000_000 } })
  const sends: Promise<SentRecord>[] = [producer.send(record('x'.repeat(9_999_900)))]
  for (let index = 0; index < 10_000; index++) sends.push(producer.send(record('y')))
  await clock.advance(20)
  await Promise.all(sends)
  expect(stored).toHaveLength(10_001)
})

test('a record that can never fit is refused at once, with its size and the limit', async () => {
  const { producer, port } = await setUp()
  const error = await producer.send(record('x'.repeat(3_000))).catch((thrown: unknown) => thrown as SendError)
  expect(error).toMatchObject({ code: 'SEND_FAILED', ambiguous: false, retriable: false })
  expect((error as Error).message).toMatch(/at most 2000 bytes for orders, got 30\d\d/)
  expect(port.of('Produce')).toHaveLength(0)
})

test('a timestamp that Kafka cannot carry is refused', async () => {
  const { producer } = await setUp()
  await expect(producer.send(record('a', { timestampMs: Number.NaN }))).rejects.toMatchObject({ code: 'SEND_FAILED' })
})

test('a producer id is asked for again while brokers are not ready, and refused for good when they say so', async () => {
  const { producer, clock, port, world } = await setUp()
  world.identity = { errorCode: 14, producerId: -1, producerEpoch: -1 }
  const outcome = watch(producer.send(record('a')))
  await clock.advance(500)
  expect(outcome).toEqual({})
  expect(port.of('InitProducerId').length).toBeGreaterThan(2)
  world.identity = { errorCode: 31, producerId: -1, producerEpoch: -1 }
  await clock.advance(1_000)
  expect(outcome.error).toMatchObject({ code: 'SEND_FAILED', ambiguous: false })
})

test('after an unknown outcome the partition goes on under a new producer id', async () => {
  const { producer, clock, port, world } = await setUp()
  world.produce = ({ atMs }) => (atMs < 50 ? 45 : undefined)
  const outcome = watch(producer.send(record('a')))
  await clock.advance(60)
  expect(outcome.error).toMatchObject({ ambiguous: true })
  world.identity = { errorCode: 0, producerId: 8, producerEpoch: 0 }
  void producer.send(record('b'))
  await clock.advance(10)
  expect(port.of('InitProducerId')).toHaveLength(2)
})

test('a flush ends the linger and resolves when every earlier send has its outcome', async () => {
  const { producer, clock, stored, port } = await setUp()
  await producer.flush({ timeoutMs: 1 })
  void producer.send(record('a'))
  const flush = watch(producer.flush({ timeoutMs: 1_000 }).then(() => 'flushed'))
  await clock.settle()
  expect(stored).toHaveLength(1)
  expect(flush).toEqual({ value: 'flushed' })
  expect(port.of('Produce')[0]?.atMs).toBe(0)
})

test('a flush is not mistaken by later sends that are acknowledged first', async () => {
  const { producer, clock, stored, world } = await setUp()
  world.produce = ({ request }) =>
    (request as ProduceRequest).topics[0]?.partitions.some(({ index }) => index === 0) ? silence : undefined
  void producer.send(record('a')).catch(() => undefined)
  const flush = watch(producer.flush({ timeoutMs: 1_000 }).then(() => 'flushed'))
  await clock.settle()
  void producer.send(record('b', { partition: 1 }))
  await clock.advance(10)
  expect([stored.length, flush]).toEqual([1, {}])
})

test('a flush does not wait for later sends, and says at its deadline how many it missed', async () => {
  const { producer, clock, world } = await setUp()
  world.produce = () => silence
  const send = watch(producer.send(record('a')))
  const flush = watch(producer.flush({ timeoutMs: 300 }))
  void producer.send(record('b')).catch(() => undefined)
  await clock.advance(300)
  expect((flush.error as Error).message).toContain('1 records had no outcome within the 300 ms')
  expect(send).toEqual({})
})

test('closing settles every send at once: sent ones with doubt, the others without', async () => {
  const { producer, clock, world, cluster } = await setUp()
  world.produce = () => silence
  const sent = watch(producer.send(record('a')))
  await clock.advance(5)
  const others = [
    watch(producer.send(record('b'))),
    watch(producer.send(record('x'.repeat(1_900)))),
    watch(producer.send(record('c', { topic: 'unknown' }))),
  ]
  producer.close()
  await clock.settle()
  expect(sent.error).toMatchObject({ code: 'SEND_FAILED', ambiguous: true })
  for (const { error } of others) expect((error as SendError).ambiguous ?? false).toBe(false)
  await expect(producer.send(record('d'))).rejects.toMatchObject({ code: 'STOPPED' })
  producer.close()
  cluster.close()
  await clock.advance(60_000)
  expect(clock.timersPending).toBe(0)
})
