/** R30, D7: an app that does not run says so to whoever sends, at once and without a connection. */
import { EmbeddedKafka } from '@holdfast/broker'
import { createHoldfast, topic } from 'holdfast'
import { expect, test } from 'vitest'
import { testApp } from './consumer-world.ts'

const orders = topic('orders')
const message = { value: Buffer.from('a') }

test('before the start, and after the stop, a send is rejected with NOT_STARTED and stores nothing', async () => {
  await using kafka = await EmbeddedKafka.start({ topics: { orders: 1 } })
  await using app = createHoldfast({ ...testApp, kafka: kafka.bootstrap })
  const refused = { code: 'NOT_STARTED', remedy: 'Await app.start() first.' }

  await expect(app.send(orders, message)).rejects.toMatchObject(refused)
  await expect(app.sendAll(orders, [message, message])).rejects.toMatchObject(refused)
  expect(kafka.core.history).toEqual([])

  await app.start()
  await app.send(orders, message)
  await app.stop()
  await expect(app.send(orders, message)).rejects.toMatchObject(refused)

  expect(kafka.core.records('orders', 0)).toHaveLength(1)
})
