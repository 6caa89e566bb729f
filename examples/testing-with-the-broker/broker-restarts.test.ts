/** A broker stops, and its clients are refused, until it is back on the same port with all that it had. */
import { embeddedKafka } from '@holdfast/broker/vitest'
import { expect, test } from 'vitest'
import { clients } from './clients.fixture.ts'

const kafka = embeddedKafka({ topics: { orders: 1 } })

test.each(clients)('with $name work goes on when the broker is back', async ({ send, work }) => {
  const billed: string[] = []
  const worker = await work(kafka().bootstrap, (order) => void billed.push(order))
  await send(kafka().bootstrap, ['a'])
  await kafka().waitForCommit('billing', 'orders', { 0: 1 })

  await kafka().node(1).stop()
  kafka().append('orders', 0, [{ value: 'b' }]) // nobody can read it yet
  await kafka().node(1).start()
  await kafka().waitForCommit('billing', 'orders', { 0: 2 })

  expect(billed).toEqual(['a', 'b'])
  await worker.stop()
})
