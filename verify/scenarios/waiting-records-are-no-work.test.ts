/** R23, G8: a record in a delay topic that is not due is nothing to do: it is no lag, makes nobody wait for it, is no reason
 *  to restart a process, and there is nothing to explain about it. */
import { createHoldfast, RetryAfterError, topic } from 'holdfast'
import { testKit } from 'holdfast/testing'
import { expect, test } from 'vitest'
import { Diary, type Fails, noting, patientApp, recordEvents, type Tried } from './consumer-world.ts'

const orders = topic('orders')
const firstOnes: Fails = ({ what, attempt }) => {
  if (attempt > 1 || what === 'good') return undefined
  return what === 'soon' ? new RetryAfterError('30m') : new Error('away')
}

test('while records wait, the consumer is caught up, alive and has nothing to explain', async () => {
  await using kit = await testKit({ topics: { orders: 2 } })
  const app = createHoldfast({ ...patientApp, kafka: kit.kafka, commitInterval: '100ms' })
  const diary = new Diary<Tried>()
  // Short enough that a watchdog which took waiting for work would bark long before anything is due.
  const options = { retry: { delays: ['2h'] }, attemptTimeout: '1s', concurrency: 2 } as const
  const consumer = app.consume(orders, options, noting(kit, diary, firstOnes))
  const events = recordEvents(app)
  for (const partition of [0, 1]) {
    kit.broker.append('orders', partition, [{ value: 'late' }, { value: 'good' }, { value: 'soon' }])
  }
  await app.start()
  await consumer.whenCaughtUp()
  expect(diary.lines).toHaveLength(6)
  await kit.time.advance('1m')

  // What is soon finishes above what is late: that holds up the commit of the delay topic, and nobody.
  for (const [after, waiting] of [
    ['1s', 4],
    ['10m', 4],
    ['50m', 2],
  ] as const) {
    await kit.time.advance(after)
    const caughtUpAtMs = kit.time.monotonicMs()
    await consumer.whenCaughtUp()
    expect(kit.time.monotonicMs() - caughtUpAtMs).toBeLessThan(1_000)
    const status = consumer.status()
    expect(status).toMatchObject({ waiting, parked: 0, inFlight: 0 })
    expect(
      status?.partitions.map(({ lag, buffered, blockedBy, pausedFor }) => [lag, buffered, blockedBy, pausedFor]),
    ).toEqual(status?.partitions.map(() => [0, 0, null, []]))
    expect(consumer.explain()).toEqual([])
    expect(app.health()).toEqual({ live: true, ready: true, reasons: [] })
  }
  expect(
    events.filter(({ name }) => name === 'group.stalled' || name === 'group.lost' || name === 'health.changed'),
  ).toEqual([])
  expect(diary.lines).toHaveLength(8)

  await kit.waitFor(() => consumer.status()?.counts.done === 6, 'the second attempts', { limit: '2h' })
  await kit.waitUntilCommitted('billing', 'billing.orders.retry.2h')
  expect(consumer.status()).toMatchObject({ waiting: 0, counts: { done: 6, retried: 4 } })
  await app.stop()
})

test('a wait for the end of a topic does not wait for what left it', async () => {
  await using kit = await testKit({ topics: { orders: 1 } })
  const app = createHoldfast({ ...patientApp, kafka: kit.kafka })
  const diary = new Diary<Tried>()
  const consumer = app.consume(orders, { retry: { delays: ['1h'] } }, noting(kit, diary, firstOnes))
  await app.start()
  await consumer.assigned()
  kit.broker.append('orders', 0, [{ value: 'late' }])
  const startedMs = kit.time.monotonicMs()

  await consumer.whenCaughtUp()

  expect(diary.lines.map(({ attempt }) => attempt)).toEqual([1])
  expect(kit.time.monotonicMs() - startedMs).toBeLessThan(60_000)
  await app.stop()
})
