import { createHoldfast, topic } from 'holdfast'
import { testKit } from 'holdfast/testing'
import { expect, test } from 'vitest'

test('two starts while the app stops begin one run', async () => {
  await using kit = await testKit({ topics: { orders: 1 } })
  const app = createHoldfast({ kafka: kit.kafka, group: 'billing', log: false })
  app.consume(topic('orders'), {}, () => undefined)
  let starts = 0
  app.on('app.started', () => (starts += 1))
  await app.start()
  const stopped = app.stop()
  await Promise.all([stopped, app.start(), app.start()])
  await kit.time.advance('10s')
  expect(starts).toBe(2)
  expect(kit.broker.group('billing')?.members.length).toBe(1)
  await app.stop()
})

test('a stop right after a start that follows a stop leaves nothing running', async () => {
  await using kit = await testKit({ topics: { orders: 1 } })
  const app = createHoldfast({ kafka: kit.kafka, group: 'billing', log: false })
  app.consume(topic('orders'), {}, () => undefined)
  await app.start()
  await app.stop()
  const starting = app.start().catch(() => undefined)
  await app.stop()
  await starting
  await kit.time.advance('10s')
  expect(app.health().reasons).toEqual(['the app is stopped'])
  await app.stop()
})

test('a stop during the start resolves closed', async () => {
  await using kit = await testKit({ topics: { orders: 1 } })
  const app = createHoldfast({ kafka: kit.kafka, group: 'billing', log: false })
  app.consume(topic('orders'), {}, () => undefined)
  const starting = app.start().catch(() => undefined)
  const result = await app.stop()
  await starting
  expect(await app.closed).toEqual(result)
})

test('whenCaughtUp rejects when the app stops while it asks where the log ends', async () => {
  await using kit = await testKit({ topics: { orders: 1 } })
  const app = createHoldfast({ kafka: kit.kafka, group: 'billing', log: false })
  const consumer = app.consume(topic('orders'), {}, () => new Promise(() => undefined))
  await app.start()
  await consumer.assigned()
  kit.broker.append('orders', 0, [{ value: 'x' }])
  const caughtUp = consumer.whenCaughtUp().then(
    () => 'resolved',
    () => 'rejected',
  )
  const stopped = app.stop()
  expect(await caughtUp).toBe('rejected')
  await stopped
})
