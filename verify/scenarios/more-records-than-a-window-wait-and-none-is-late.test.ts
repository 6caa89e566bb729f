/** R22, R28, G3, G4: a delay topic is read ahead by a bounded window. More records than that may wait: they are read when
 *  there is room, tried when they are due, not much later, and the topic they came from goes on meanwhile. */
import { createHoldfast, topic } from 'holdfast'
import { testKit } from 'holdfast/testing'
import { expect, test } from 'vitest'
import { Diary, type Fails, noting, patientApp, type Tried } from './consumer-world.ts'

const orders = topic('orders')
const windowRecords = 1_000
const count = 2_500
const once: Fails = ({ what, attempt }) => (what !== 'good' && attempt === 1 ? new Error('away') : undefined)

test('of 2,500 records that wait in one partition at most a window is held, and each is tried when it is due', async () => {
  await using kit = await testKit({ topics: { orders: 1 } })
  const app = createHoldfast({ ...patientApp, kafka: kit.kafka })
  const diary = new Diary<Tried>()
  const consumer = app.consume(orders, { retry: { delays: ['10m'] } }, noting(kit, diary, once))
  kit.broker.append(
    'orders',
    0,
    Array.from({ length: count }, (_, number) => ({ key: `key ${number % 50}`, value: `${number}` })),
  )
  await app.start()
  await kit.waitForRecords('billing.orders.retry.10m', count)
  await kit.time.advance('1m')

  expect(consumer.status()?.waiting).toBe(windowRecords)
  kit.broker.append('orders', 0, [{ value: 'good' }])
  await kit.waitUntilCommitted('billing', 'orders', { limit: '1m' })
  expect(app.health()).toEqual({ live: true, ready: true, reasons: [] })
  await kit.waitFor(() => consumer.status()?.counts.done === count + 1, 'all second attempts')
  await kit.waitUntilCommitted('billing', 'billing.orders.retry.10m')

  const firstAtMs = new Map(diary.lines.filter(({ attempt }) => attempt === 1).map(({ what, atMs }) => [what, atMs]))
  const waitsMs = diary.lines
    .filter(({ attempt }) => attempt === 2)
    .map(({ what, atMs }) => atMs - (firstAtMs.get(what) ?? 0))
  expect(waitsMs).toHaveLength(count)
  expect(Math.min(...waitsMs)).toBeGreaterThanOrEqual(600_000)
  expect(Math.max(...waitsMs)).toBeLessThan(600_000 + 1_000)
  expect(consumer.status()?.latenessMaxMs).toBeLessThan(1_000)
  await app.stop()
})
