/** The kit as its users hold it: a whole app in one process, on virtual time. */

import { createHoldfast, text, topic } from 'holdfast'
import { testKit, type TestKit } from 'holdfast/testing'
import { expect, test } from 'vitest'

const orders = topic('orders', { value: text() })

function kitWithOrders(): Promise<TestKit> {
  return testKit({ topics: { orders: 3 } })
}

test('an app starts, handles what was sent and stops, without a word about time', async () => {
  await using kit = await kitWithOrders()
  const app = createHoldfast({ group: 'billing', kafka: kit.kafka, profile: 'test', log: false })
  const handled: string[] = []
  app.consume(orders, {}, async (message) => {
    await kit.time.pass('20ms')
    handled.push(message.value)
  })

  await app.start()
  await app.sendAll(
    orders,
    ['a', 'b', 'c'].map((value) => ({ key: value, value })),
  )
  await kit.waitUntilCommitted('billing', 'orders')

  expect(handled.toSorted()).toEqual(['a', 'b', 'c'])
  expect(
    kit
      .records('orders')
      .map(({ value }) => String(value))
      .toSorted(),
  ).toEqual(['a', 'b', 'c'])
  expect(await app.stop()).toEqual({ clean: true, uncommitted: 0, abandoned: 0 })
})

test('a retry that is due in an hour runs after an hour, and an hour passes at once', async () => {
  await using kit = await kitWithOrders()
  const app = createHoldfast({ group: 'billing', kafka: kit.kafka, log: false })
  const attemptsAtMs: number[] = []
  app.consume(orders, { retry: { inPlace: ['1h'] } }, () => {
    attemptsAtMs.push(kit.time.monotonicMs())
    if (attemptsAtMs.length === 1) throw new Error('not yet')
  })
  let dueInMs = 0
  app.on('attempt.failed', ({ retryInMs }) => (dueInMs = retryInMs ?? 0))
  await app.start()
  await app.send(orders, { key: 'k', value: 'v' })
  await kit.waitFor(() => attemptsAtMs.length === 1, 'the first attempt')
  const [firstMs = 0] = attemptsAtMs

  await kit.time.advanceTo(firstMs + dueInMs - 1)
  expect(attemptsAtMs).toHaveLength(1)
  await kit.time.advance(1)
  expect(attemptsAtMs).toEqual([firstMs, firstMs + dueInMs])
  await app.stop()
})

test('a broker that goes away and comes back loses nothing', async () => {
  await using kit = await kitWithOrders()
  const app = createHoldfast({ group: 'billing', kafka: kit.kafka, profile: 'test', log: false })
  const handled: string[] = []
  app.consume(orders, {}, (message) => void handled.push(message.value))
  await app.start()

  kit.network.takeDown(1)
  const sending = app.send(orders, { key: 'k', value: 'v' })
  await kit.time.advance('3s')
  expect(kit.records('orders')).toEqual([])
  kit.network.bringUp(1)
  await sending
  await kit.waitUntilCommitted('billing', 'orders')

  expect(handled).toEqual(['v'])
  expect(kit.network.counts.nodeDown).toBeGreaterThan(0)
  await app.stop()
})

test('a wait for what never comes ends in virtual time, in its own words', async () => {
  await using kit = await kitWithOrders()
  const tick = (): void => void kit.time.setTimer(1_000, tick)
  tick()
  await expect(kit.waitForRecords('orders', 1, { limit: '10m' })).rejects.toThrow(
    '1 records in orders did not come true: given up after 10m',
  )
})
