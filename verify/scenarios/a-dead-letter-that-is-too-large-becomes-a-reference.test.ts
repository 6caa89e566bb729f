/** R20: a record that does not fit among the dead letters with all that is said about it loses the stack, then the message,
 *  then its value: what remains names the record that still lies in its source. Nothing is stuck and nothing is dropped
 *  without a trace. A retry, which would be none without its value, becomes a dead letter instead. */
import { createHoldfast, type ConsumeOptions, deadLetters, topic } from 'holdfast'
import { testKit, type TestKit } from 'holdfast/testing'
import { expect, test } from 'vitest'
import { Diary, headersOf, patientApp } from './consumer-world.ts'

const orders = topic('orders')
const dlq = 'billing.orders.dlq'
const failure = new RangeError('m'.repeat(900))
failure.stack = `${String(failure)}\n${'    at somewhere\n'.repeat(100)}`

function kitWith(sizes: Record<string, string>): Promise<TestKit> {
  const own = Object.entries(sizes).map(([name, size]) => [
    name,
    { partitions: 1, configs: { 'max.message.bytes': size } },
  ])
  return testKit({ topics: { orders: 1, ...(Object.fromEntries(own) as object) } })
}

async function dying(kit: TestKit, options: ConsumeOptions<Uint8Array>, valueBytes: number): Promise<Buffer> {
  // Whoever looks before the start would refuse topics as small as these.
  const app = createHoldfast({ ...patientApp, kafka: kit.kafka, topics: 'ignore' })
  app.consume(orders, { ...options, deadLetters: true }, ({ key }) => {
    if (key === 'bad') throw failure
  })
  const value = Buffer.alloc(valueBytes, 'v')
  kit.broker.append('orders', 0, [{ key: 'bad', value, headers: [{ key: 'tag', value: 'theirs' }] }, { key: 'good' }])
  await app.start()
  await kit.waitUntilCommitted('billing', 'orders')
  expect(app.health()).toMatchObject({ live: true, reasons: [] })
  await app.stop()
  return value
}

test.each([
  ['fits with everything', 20_000, { stack: true, message: true, value: true }],
  ['does not fit with its stack', 13_000, { stack: false, message: true, value: true }],
  ['does not fit with its message', 11_500, { stack: false, message: false, value: true }],
  ['does not fit at all', 5_000, { stack: false, message: false, value: false }],
])('a record that %s leaves what fits', async (_how, messageBytesMax, left) => {
  await using kit = await kitWith({ [dlq]: String(messageBytesMax) })
  const value = await dying(kit, { retry: { inPlace: [] } }, 10_000)

  const [dead, ...others] = kit.records(dlq)
  const headers = headersOf(dead ?? { headers: [] })
  expect(others).toEqual([])
  expect(dead?.key?.toString()).toBe('bad')
  expect(dead?.value).toEqual(left.value ? value : null)
  expect('holdfast-error-stack' in headers).toBe(left.stack)
  expect('holdfast-error-message' in headers).toBe(left.message)
  expect([headers['holdfast-reference'], headers['holdfast-value-size']]).toEqual(
    left.value ? [undefined, undefined] : ['value-too-large', '10000'],
  )
  expect(headers).toMatchObject({
    tag: 'theirs',
    'holdfast-id': 'orders/0/0',
    'holdfast-src-topic': 'orders',
    'holdfast-src-offset': '0',
    'holdfast-error-class': 'RangeError',
  })
})

test('a retry that does not fit into its delay topic becomes a dead letter', async () => {
  await using kit = await kitWith({ [dlq]: '100000', 'billing.orders.retry.1s': '5000' })
  const value = await dying(kit, { retry: { delays: ['1s'] } }, 10_000)

  expect(kit.records('billing.orders.retry.1s')).toEqual([])
  expect(kit.records(dlq).map((record) => record.value)).toEqual([value])
  const [dead] = kit.records(dlq)
  expect(headersOf(dead ?? { headers: [] })).toMatchObject({
    'holdfast-attempt': '1',
    'holdfast-error-code': 'RECORD_TOO_LARGE',
  })
})

test('whoever consumes dead letters learns that the value of a reference is not there', async () => {
  await using kit = await kitWith({ [dlq]: '5000' })
  await dying(kit, { retry: { inPlace: [] } }, 10_000)
  const app = createHoldfast({ ...patientApp, kafka: kit.kafka, topics: 'ignore', group: 'watch' })
  const diary = new Diary<unknown>()
  app.consume(deadLetters(orders, { group: 'billing' }), {}, ({ value }) => diary.note(value))
  await app.start()
  await diary.until((lines) => lines.length === 1)

  expect(diary.lines).toEqual([
    expect.objectContaining({ value: undefined, problem: expect.stringContaining('too large') as string, attempts: 1 }),
  ])
  await app.stop()
})
