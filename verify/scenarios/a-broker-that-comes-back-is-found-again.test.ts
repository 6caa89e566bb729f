/** G8, R2, R28: a broker that goes away and comes back on its port, or cuts every connection, costs no restart of ours:
 *  fetching, heartbeats, commits and sends go on by themselves. */
import { EmbeddedKafka } from '@holdfast/broker'
import { createHoldfast, topic } from 'holdfast'
import { expect, test } from 'vitest'
import { append, committedAt, Diary, nextEvent, recordEvents, testApp } from './consumer-world.ts'

const orders = topic('orders')

test('after a broker was replaced by an empty one on the same port, the app joins, reads from its start and commits', async () => {
  const old = await EmbeddedKafka.start({ topics: { orders: 1 } })
  await using app = createHoldfast({ ...testApp, kafka: old.bootstrap, heartbeatInterval: '100ms' })
  const handled = new Diary<string>()
  const consumer = app.consume(orders, {}, ({ valueBytes }) => handled.note(`${valueBytes?.toString()}`))
  append(old, 'orders', [{ value: 'old 0' }, { value: 'old 1' }])
  await app.start()
  await committedAt(old, 'billing', 'orders', 2)
  const failed = nextEvent(app, 'connection.failed')
  await old.stop()
  await failed

  const port = Number(old.bootstrap.split(':')[1])
  await using kafka = await EmbeddedKafka.start({ ports: [port], topics: { orders: 1 } })
  append(kafka, 'orders', [{ value: 'new 0' }])
  await committedAt(kafka, 'billing', 'orders', 1)
  await app.send(orders, { value: Buffer.from('new 1') })
  await handled.until((lines) => lines.length === 4)

  expect(handled.lines).toEqual(['old 0', 'old 1', 'new 0', 'new 1'])
  await consumer.whenCaughtUp()
  expect(app.health()).toMatchObject({ live: true, ready: true })
})

test('cut connections cost neither the membership nor a record, and nothing is handled twice', async () => {
  await using kafka = await EmbeddedKafka.start({ topics: { orders: 2 } })
  await using app = createHoldfast({ ...testApp, kafka: kafka.bootstrap, heartbeatInterval: '100ms' })
  const handled = new Diary<string>()
  app.consume(orders, {}, ({ partition, offset }) => handled.note(`${partition}/${offset}`))
  await app.start()
  const events = recordEvents(app)

  for (let round = 1; round <= 10; round++) {
    append(kafka, 'orders', 10)
    append(kafka, 'orders', 10, 1)
    kafka.core.cutConnections()
    await handled.until((lines) => lines.length >= 20 * round)
  }
  await Promise.all([committedAt(kafka, 'billing', 'orders', 100), committedAt(kafka, 'billing', 'orders', 100, 1)])

  expect(new Set(handled.lines).size).toBe(200)
  expect(handled.lines).toHaveLength(200)
  expect(events.map(({ name }) => name)).not.toContain('group.lost')
  expect(await app.stop()).toMatchObject({ clean: true })
})
