/** R28, R5, G4, C17: two permits are all taken by handlers that do not end; the third record waits, while fetches and
 *  heartbeats go on and the member stays in its group, however long it takes. */
import { createHoldfast, topic } from 'holdfast'
import { testKit } from 'holdfast/testing'
import { expect, test } from 'vitest'
import { Diary, Gate } from './consumer-world.ts'

test('with both permits taken for ten minutes no third handler starts, and the member keeps its partitions', async () => {
  await using kit = await testKit({ topics: { orders: 2 } })
  const app = createHoldfast({ kafka: kit.kafka, group: 'billing', log: false })
  const started = new Diary<string>()
  const gate = new Gate()
  const consumer = app.consume(topic('orders'), { concurrency: 2, attemptTimeout: '1h' }, async (message) => {
    started.note(`${message.partition}/${message.offset}`)
    await gate.opened
  })
  const values = Array.from({ length: 5 }, (_, index) => ({ value: String(index) }))
  kit.broker.append('orders', 0, values)
  await app.start()
  await started.until((lines) => lines.length === 2)
  const before = { fetches: requests('Fetch'), heartbeats: requests('Heartbeat') }

  for (const partition of [0, 1]) kit.broker.append('orders', partition, values)
  await kit.time.advance('10m')

  expect(started.lines).toHaveLength(2)
  expect(consumer.status()).toMatchObject({ inFlight: 2, maxInFlight: 2 })
  expect(consumer.status()?.partitions.map(({ position }) => position)).toEqual([10, 5])
  expect(requests('Heartbeat') - before.heartbeats).toBe(200)
  expect(requests('Fetch') - before.fetches).toBeGreaterThan(1_000)
  expect(kit.broker.group('billing')).toMatchObject({ state: 'stable', generation: 1 })
  expect(app.health()).toMatchObject({ live: true, ready: true })

  gate.open()
  await kit.waitUntilCommitted('billing', 'orders')
  expect(consumer.status()).toMatchObject({ maxInFlight: 2, counts: { accepted: 15, done: 15 } })
  await app.stop()

  function requests(api: string): number {
    return kit.broker.history.filter((entry) => entry.api === api).length
  }
})
