/** R18, R20, R21, B2: a record has exactly one attempt more than its policy has waits; then it lies among the dead letters
 *  with its key, value and headers as its producer wrote them, behind them where it was and what the last attempt threw. */
import { createHoldfast, deadLetters, type DeadLetter, type Message, topic } from 'holdfast'
import { testKit } from 'holdfast/testing'
import { expect, test } from 'vitest'
import { Diary, headersOf, noting, patientApp, type Tried } from './consumer-world.ts'

const orders = topic('orders')
const notUtf8 = Buffer.from([0xff, 0x00, 0xfe])
const theirs = [
  { key: 'traceparent', value: '00-1-2-01' },
  { key: 'tag', value: 'b' },
  { key: 'tag', value: 'a' },
  { key: 'empty', value: null },
  { key: 'bytes', value: notUtf8 },
]
const storedTheirs = theirs.map(({ key, value }) => ({ key, value: value === null ? null : Buffer.from(value) }))
const sentAtMs = 1_700_000_000_123

test.each([
  ['no wait at all', { inPlace: [] }, 1],
  ['waits in place', { inPlace: ['10ms', '100ms', '1s'] }, 4],
  ['waits in delay topics', { delays: ['1s', '1m', '1s'] }, 4],
  ['waits in place, then in delay topics', { inPlace: ['10ms', '20ms'], delays: ['1s', '1h'] }, 5],
] as const)('with %s a record dies after exactly so many attempts', async (_policy, retry, attempts) => {
  await using kit = await testKit({ topics: { orders: 2 } })
  const app = createHoldfast({ ...patientApp, kafka: kit.kafka })
  const diary = new Diary<Tried>()
  app.consume(
    orders,
    { retry, deadLetters: true },
    noting(kit, diary, ({ attempt }) => new RangeError(`away ${attempt}`)),
  )
  kit.broker.append('orders', 1, [{ key: notUtf8, value: notUtf8, headers: theirs, timestampMs: sentAtMs }])
  await app.start()

  const [dead] = await kit.waitForRecords('billing.orders.dlq', 1, { limit: '2h' })
  await kit.time.advance('2h')

  expect(diary.lines.map(({ attempt }) => attempt)).toEqual(Array.from({ length: attempts }, (_, index) => index + 1))
  expect(kit.records('billing.orders.dlq')).toEqual([dead])
  expect(dead).toMatchObject({ partition: 1, key: notUtf8, value: notUtf8 })
  expect(dead?.headers.slice(0, theirs.length)).toEqual(storedTheirs)
  const firstFailed = headersOf(dead ?? { headers: [] })['holdfast-first-failed'] ?? ''
  expect(Number(firstFailed)).toBeGreaterThan(0)
  const message = `away ${attempts}`
  expect(headersOf({ headers: dead?.headers.slice(theirs.length) ?? [] })).toEqual({
    'holdfast-attempt': String(attempts),
    'holdfast-first-failed': firstFailed,
    'holdfast-src-topic': 'orders',
    'holdfast-src-partition': '1',
    'holdfast-src-offset': '0',
    'holdfast-src-timestamp': String(sentAtMs),
    'holdfast-src-group': 'billing',
    'holdfast-error-class': 'RangeError',
    'holdfast-error-message': message,
    'holdfast-error-stack': expect.stringContaining(`RangeError: ${message}`) as string,
    'holdfast-id': 'orders/1/0',
    '__dlq.errors.topic': 'orders',
    '__dlq.errors.partition': '1',
    '__dlq.errors.offset': '0',
    '__dlq.errors.group': 'billing',
    '__dlq.errors.delivery.count': String(attempts),
    '__dlq.errors.message': message,
  })
  expect(kit.committed('billing')).toContainEqual(expect.objectContaining({ topic: 'orders', partition: 1, offset: 1 }))
  await app.stop()
})

type Seen = Message<DeadLetter<Uint8Array>>

/** Lets one record die and returns its dead letter as a consumer sees it. */
async function seenDead(): Promise<Seen> {
  await using kit = await testKit({ topics: { orders: 2 } })
  const app = createHoldfast({ ...patientApp, kafka: kit.kafka })
  app.consume(orders, { retry: { inPlace: [] } }, () => {
    throw new RangeError('away')
  })
  const diary = new Diary<Seen>()
  app.consume(deadLetters(orders), {}, (message) => diary.note(message))
  kit.broker.append('orders', 1, [{ key: notUtf8, value: notUtf8, headers: theirs, timestampMs: sentAtMs }])
  await app.start()
  await diary.until((lines) => lines.length === 1)
  await app.stop()
  return diary.lines[0] as Seen
}

test('a dead letter that is consumed tells the same, with the original key and value', async () => {
  const { value, keyBytes, valueBytes, topic: at, partition } = await seenDead()

  expect([keyBytes, valueBytes, at, partition]).toEqual([notUtf8, notUtf8, 'billing.orders.dlq', 1])
  expect(value).toMatchObject({
    value: notUtf8,
    attempts: 1,
    source: { topic: 'orders', partition: 1, offset: 0, group: 'billing', timestamp: new Date(sentAtMs) },
    error: { class: 'RangeError', message: 'away' },
  })
})

// Known: the six headers that Kafka gave names to are still among them.
test('a dead letter that is consumed shows the headers of the user only', async () => {
  expect((await seenDead()).headers).toEqual(storedTheirs)
})
