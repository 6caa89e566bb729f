/** A transaction that was aborted leaves records in the log, which nobody may handle. */
import { embeddedKafka } from '@holdfast/broker/vitest'
import { expect, test } from 'vitest'
import { clients } from './clients.fixture.ts'

const kafka = embeddedKafka({ topics: { orders: 1 } })

test.each(clients)('with $name what was aborted is never billed', async ({ sendAll, work }) => {
  const billed: string[] = []
  await sendAll(kafka().bootstrap, ['a', 'b'], 'abort')
  await sendAll(kafka().bootstrap, ['c'], 'commit')

  const worker = await work(kafka().bootstrap, (order) => void billed.push(order))
  await kafka().waitForCommit('billing', 'orders', { 0: 4 }) // two records, a marker, and 'c'

  expect(kafka().records('orders')).toHaveLength(3)
  expect(billed).toEqual(['c'])
  await worker.stop()
})
