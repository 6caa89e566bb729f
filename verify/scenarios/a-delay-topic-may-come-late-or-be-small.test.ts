/** R12, R18, R20, R22: a delay topic that is missing when the app starts, because nobody was to look, or that has fewer
 *  partitions than its source, costs no record: what should wait there waits where it is until it can, and comes back. */
import { createHoldfast, topic } from 'holdfast'
import { testKit } from 'holdfast/testing'
import { expect, test } from 'vitest'
import { Diary, type Fails, nextEvent, noting, patientApp, type Tried } from './consumer-world.ts'

const orders = topic('orders')
const delayTopic = 'billing.orders.retry.1m'
const once: Fails = ({ attempt }) => (attempt === 1 ? new Error('away') : undefined)

test('a delay topic that is made while the app runs is written and read from then on', async () => {
  await using kit = await testKit({ topics: { orders: 2 } })
  const app = createHoldfast({ ...patientApp, kafka: kit.kafka, topics: 'ignore' })
  const diary = new Diary<Tried>()
  const consumer = app.consume(orders, { retry: { delays: ['1m'] } }, noting(kit, diary, once))
  const failed = nextEvent(app, 'record.handOffFailed')
  kit.broker.append('orders', 1, [{ value: 'a' }])
  await app.start()
  expect((await failed).reason).toContain(delayTopic)
  expect(app.health().reasons.join()).toContain('orders/1: records cannot be written where they go')

  kit.broker.createTopic(delayTopic, 2)
  await kit.waitFor(() => consumer.status()?.counts.done === 1, 'the second attempt', { limit: '30m' })

  expect(diary.lines.map(({ what, attempt }) => [what, attempt])).toEqual([
    ['a', 1],
    ['a', 2],
  ])
  expect(app.health()).toEqual({ live: true, ready: true, reasons: [] })
  await app.stop()
})

test('records of three partitions wait in the one partition of their delay topic, and come back as they were', async () => {
  await using kit = await testKit({ topics: { orders: 3, [delayTopic]: 1 } })
  const app = createHoldfast({ ...patientApp, kafka: kit.kafka, topics: 'ignore' })
  const diary = new Diary<Tried>()
  const consumer = app.consume(orders, { retry: { delays: ['1m'] } }, noting(kit, diary, once))
  for (const partition of [0, 1, 2]) kit.broker.append('orders', partition, [{ key: 'ann', value: `of ${partition}` }])
  await app.start()
  await kit.waitFor(() => consumer.status()?.counts.done === 3, 'all second attempts')

  const seconds = diary.lines.filter(({ attempt }) => attempt === 2)
  expect(seconds).toHaveLength(3)
  for (const partition of [0, 1, 2]) {
    expect(seconds).toContainEqual(
      expect.objectContaining({ what: `of ${partition}`, topic: 'orders', partition, offset: 0 }),
    )
  }
  await app.stop()
})
