/** How to test retries that take an hour: in virtual time, where an hour is over at once. */
import { createHoldfast, type Holdfast, topic } from 'holdfast'
import { testKit, type TestKit } from 'holdfast/testing'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { chargeOrders, orders, reportDeadOrders } from './retries.ts'

let kit: TestKit
let app: Holdfast

beforeEach(async () => {
  kit = await testKit({ topics: { orders: 3 } })
  app = createHoldfast({ kafka: kit.kafka, group: 'billing', log: false })
})

afterEach(async () => {
  await app.stop()
  kit.close()
})

const order = { id: 'a-1', customer: 'ann', total: 10 }

test('an order that keeps failing is tried five times, two of them from delay topics, and then put aside', async () => {
  const triedAtMs: number[] = []
  const reports: string[] = []
  chargeOrders(app, async () => {
    triedAtMs.push(kit.time.monotonicMs())
    throw new Error('the bank is away')
  })
  const undertaker = reportDeadOrders(app, (line) => reports.push(line))

  await app.start()
  await app.send(orders, { value: order })
  await kit.waitFor(() => reports.length > 0, 'a report')
  await undertaker.whenCaughtUp()

  expect(reports).toEqual(['a-1 at orders, attempts: 5, the bank is away'])
  const waits = triedAtMs.slice(1).map((at, index) => at - (triedAtMs[index] ?? 0))
  expect(waits[2]).toBeGreaterThanOrEqual(30_000)
  expect(waits[3]).toBeGreaterThanOrEqual(300_000)
  expect(kit.records('billing.orders.retry.30s')).toHaveLength(1)
  expect(kit.records('billing.orders.retry.5m')).toHaveLength(1)
  expect(undertaker.topic).toBe('billing.orders.dlq')
  expect(undertaker.status()?.counts).toMatchObject({ done: 1 })
})

test('orders of the same customer go on while one of them waits', async () => {
  const charged: number[] = []
  chargeOrders(app, async (_customer, total) => {
    if (total === 10 && !charged.includes(20)) throw new Error('not yet')
    charged.push(total)
    return { status: 'charged' }
  })

  await app.start()
  await app.sendAll(orders, [{ value: order }, { value: { ...order, id: 'a-2', total: 20 } }])
  await kit.waitFor(() => charged.length === 2, 'both orders')

  expect(charged).toEqual([20, 10])
})

test('a bank that is busy says when to come back', async () => {
  const triedAtMs: number[] = []
  chargeOrders(app, async () => {
    triedAtMs.push(kit.time.monotonicMs())
    return triedAtMs.length === 1 ? { status: 'busy', retryAfterSeconds: 3_000 } : { status: 'charged' }
  })

  await app.start()
  await app.send(orders, { value: order })
  await kit.waitFor(() => triedAtMs.length === 2, 'the second attempt')

  expect((triedAtMs[1] ?? 0) - (triedAtMs[0] ?? 0)).toBeGreaterThanOrEqual(3_000_000)
  expect(kit.records('billing.orders.retry.1h')).toHaveLength(1)
})

test('what no attempt can help is put aside at once, and so is what is no order', async () => {
  const reports: string[] = []
  chargeOrders(app, async () => ({ status: 'unknown customer' }))
  reportDeadOrders(app, (line) => reports.push(line))

  await app.start()
  await app.send(orders, { value: order })
  await app.send(topic('orders'), { value: Buffer.from('{') })
  await kit.waitFor(() => reports.length === 2, 'two reports')

  expect(reports.toSorted()).toEqual([
    'a-1 at orders, attempts: 1, no attempt can help',
    expect.stringMatching(/^what is no order \(expected JSON, got 1 bytes .*\) at orders, attempts: 1, expected JSON/),
  ])
})
