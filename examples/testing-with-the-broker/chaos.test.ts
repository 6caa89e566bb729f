/** Everything at once, by chance. The seed is in what a failed test shows: put it in `chaos({ seed })` to see it again. */
import { embeddedKafka } from '@holdfast/broker/vitest'
import { expect, test } from 'vitest'
import { clients } from './clients.fixture.ts'

const kafka = embeddedKafka({ brokers: 3, topics: { orders: 1 } })

test.each(clients)('with $name every order is billed, whatever happens on the way', async ({ send, work }) => {
  const billed = new Set<string>()
  const orders = Array.from({ length: 30 }, (_, index) => `order ${index}`)
  await send(kafka().bootstrap, orders)

  const chaos = kafka().chaos({ seed: 2026, rate: 0.1, delayMsMax: 20 })
  const worker = await work(kafka().bootstrap, (order) => void billed.add(order))
  await kafka().waitForCommit('billing', 'orders', { 0: orders.length }, { timeoutMs: 30_000 })
  chaos.remove()

  expect([...billed]).toEqual(orders)
  expect(chaos.hits).not.toEqual([])
  await worker.stop()
})
