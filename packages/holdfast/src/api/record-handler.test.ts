import { expect, expectTypeOf, test } from 'vitest'
import { HoldfastError, UndecodableError } from '../model/errors.ts'
import { headerNames } from '../model/handed-off.ts'
import type { Message } from '../model/message.ts'
import { recordOf } from '../model/record.fixture.ts'
import type { Header } from '../model/record.ts'
import { type AttemptContext, filtered, type RecordHandler } from '../runtime/attempts.ts'
import { json } from './codec.ts'
import { type DeadLetter, deadLetters } from './dead-letters.ts'
import { recordHandlers } from './record-handler.ts'
import { outgoingRecord } from './send.ts'
import { topic } from './topic.ts'

type Order = { readonly id: string }

const orders = topic('orders', { value: json<Order>() })
const context = { attempt: 1 } as AttemptContext
const settings = { topic: 'orders', delayTopics: [{ topic: 'billing.orders.retry.2s', delayMs: 2_000 }] }
const trace = { key: 'trace', value: Buffer.from('t') }

function header(key: string, value: string): Header {
  return { key, value: Buffer.from(value) }
}

const fromOrders = [
  header(headerNames.attempt, '2'),
  header(headerNames.sourceTopic, 'orders'),
  header(headerNames.sourcePartition, '5'),
  header(headerNames.sourceOffset, '77'),
  header(headerNames.sourceTimestamp, '1000'),
  header(headerNames.sourceGroup, 'billing'),
]

type Subscribed = { readonly seen: Message<Order>[]; readonly source: RecordHandler; readonly delayed: RecordHandler }

function subscribed(filter?: (message: Message<Order>) => boolean): Subscribed {
  const seen: Message<Order>[] = []
  const handler = (message: Message<Order>): unknown => (seen.push(message), 'done')
  const handlers = recordHandlers({ topic: orders, filter, handler }, settings, 'billing')
  return {
    seen,
    source: handlers.get('orders') as RecordHandler,
    delayed: handlers.get('billing.orders.retry.2s') as RecordHandler,
  }
}

const value = '{"id":"a"}'
const source = { topic: 'orders', partition: 3 }
const delay = { topic: 'billing.orders.retry.2s', partition: 1 }

test('a record that comes back from a delay topic is seen as if it had never left (R21)', () => {
  const { seen, delayed } = subscribed()

  const result = delayed(recordOf({ key: 'k', value, headers: [trace, ...fromOrders] }), delay, context)

  expect(result).toBe('done')
  expect(seen).toMatchObject([{ topic: 'orders', partition: 5, offset: 77, key: 'k', value: { id: 'a' } }])
  expect([seen[0]?.timestamp, seen[0]?.headers]).toEqual([new Date(1_000), [trace]])
  expect(seen[0]?.valueBytes).toEqual(Buffer.from(value))
})

test('on the topic of a user nobody believes headers that look like ours', () => {
  const { seen, source: handle } = subscribed()
  const headers = [trace, ...fromOrders]

  handle(recordOf({ value, headers }), source, context)

  expect(seen).toMatchObject([{ topic: 'orders', partition: 3, offset: 41 }])
  expect(seen[0]?.headers).toEqual(headers)
})

test('what another group handed off is none of our business (R23)', () => {
  const { seen, delayed } = subscribed()
  const headers = [...fromOrders.slice(0, -1), header(headerNames.sourceGroup, 'audit')]

  expect(delayed(recordOf({ value, headers }), delay, context)).toBe(filtered)
  expect(seen).toEqual([])
})

test('the group that another system names is no reason to ignore a record that was brought over from there', () => {
  const { seen, delayed } = subscribed()
  const karafka = [header('source_topic', 'orders'), header('source_partition', '5'), header('source_offset', '77')]

  delayed(recordOf({ value, headers: [...karafka, header('source_consumer_group', 'old')] }), delay, context)

  expect(seen).toMatchObject([{ topic: 'orders', partition: 5, offset: 77 }])
})

test('a record that somebody wrote into a delay topic by hand is handled, and is where it lies', () => {
  const { seen, delayed } = subscribed()

  delayed(recordOf({ value, headers: [trace] }), delay, context)
  delayed(recordOf({ value, headers: [header(headerNames.sourceTopic, 'orders')] }), delay, context)

  const place = { topic: 'billing.orders.retry.2s', partition: 1, offset: 41 }
  expect(seen).toMatchObject([place, place])
})

test('a filter sees the same message as the handler', () => {
  const places: string[] = []
  const { seen, delayed } = subscribed((message) => {
    places.push(`${message.topic}/${message.partition}@${message.offset} ${message.value.id}`)
    return false
  })

  expect(delayed(recordOf({ value, headers: fromOrders }), delay, context)).toBe(filtered)
  expect([places, seen]).toEqual([['orders/5@77 a'], []])
})

test('bytes that are no order are undecodable, which no handler can claim of an order', () => {
  const { seen, source: handle } = subscribed()
  const own = new HoldfastError('MESSAGE_INVALID', 'not my order')
  const throwing = recordHandlers({ topic: orders, filter: undefined, handler: () => fail(own) }, settings, 'billing')

  expect(() => handle(recordOf({ value: '{' }), source, context)).toThrow(UndecodableError)
  expect(() => throwing.get('orders')?.(recordOf({ value }), source, context)).toThrow(own)
  expect([seen, own instanceof UndecodableError]).toEqual([[], false])
})

function fail(error: Error): never {
  throw error
}

const dead = [
  ...fromOrders,
  header(headerNames.firstFailed, '2000'),
  header(headerNames.errorClass, 'TypeError'),
  header(headerNames.errorMessage, 'no total'),
  header(headerNames.redriveCount, '1'),
]
const grave = { topic: 'billing.orders.dlq', partition: 2 }

async function lookAt(parts: Parameters<typeof recordOf>[0], of = orders): Promise<Message<DeadLetter<Order>>> {
  const seen: Message<DeadLetter<Order>>[] = []
  const handler = (message: Message<DeadLetter<Order>>): unknown => seen.push(message)
  const place = { topic: 'billing.orders.dlq', delayTopics: [] }
  const handle = recordHandlers({ topic: deadLetters(of), filter: undefined, handler }, place, 'billing').get(
    place.topic,
  )
  await handle?.(recordOf(parts), grave, context)
  return seen[0] as Message<DeadLetter<Order>>
}

test('a dead letter tells what it was, where it was and why it died', async () => {
  const message = await lookAt({ key: 'k', value, headers: [trace, ...dead] })

  expect(message).toMatchObject({ topic: 'billing.orders.dlq', partition: 2, offset: 41, key: 'k' })
  expect([message.headers, message.valueBytes]).toEqual([[trace], Buffer.from(value)])
  expect(message.value).toEqual({
    value: { id: 'a' },
    problem: undefined,
    source: { topic: 'orders', partition: 5, offset: 77, timestamp: new Date(1_000), group: 'billing' },
    attempts: 2,
    firstFailed: new Date(2_000),
    error: { class: 'TypeError', code: undefined, message: 'no total', stack: undefined },
    redriveCount: 1,
  })
})

const later = topic<Order, Order>('orders', {
  value: { encode: () => null, decode: (bytes) => json<Order>().decode(bytes) },
})
const rejecting = topic<Order, Order>('orders', {
  value: { encode: () => null, decode: () => Promise.reject(new SyntaxError('secret')) },
})

test.each([
  ['is no JSON', orders, '{secret', 'expected JSON, got 7 bytes that are not'],
  ['a codec of the user refuses', later, '{secret', 'expected JSON, got 7 bytes that are not'],
  ['a codec refuses late', rejecting, value, 'the value cannot be decoded: the codec threw SyntaxError'],
])('a dead letter whose value %s still arrives, with its bytes', async (_name, of, bytes, problem) => {
  const message = await lookAt({ value: bytes, headers: dead }, of)

  expect(message.value).toMatchObject({ value: undefined, attempts: 2 })
  expect(message.value.problem).toContain(problem)
  expect(message.valueBytes).toEqual(Buffer.from(bytes))
})

test('a dead letter that was too large to be kept says so instead of looking like a tombstone', async () => {
  const headers = [...dead, header(headerNames.reference, 'value-too-large')]

  expect((await lookAt({ value: null, headers })).value).toMatchObject({
    value: undefined,
    problem: expect.stringContaining('too large'),
    source: { offset: 77 },
  })
})

test('a record in the dead-letter topic that is no dead letter of ours arrives with nothing known', async () => {
  expect((await lookAt({ value })).value).toEqual({
    value: { id: 'a' },
    problem: undefined,
    source: undefined,
    attempts: undefined,
    firstFailed: undefined,
    error: undefined,
    redriveCount: 0,
  })
})

test('dead letters have the type of their topic, and cannot be sent to', async () => {
  const graveyard = deadLetters(orders)

  expectTypeOf(graveyard.value.decode).returns.extract<{ problem: unknown }>().toEqualTypeOf<DeadLetter<Order>>()
  // @ts-expect-error nothing is a value that can be sent
  const sent = outgoingRecord(graveyard, { value: { id: 'a' } })
  await expect(sent).rejects.toMatchObject({
    code: 'MESSAGE_INVALID',
    message: 'expected a topic that can be sent to, got deadLetters(orders)',
  })
})
