/** Another node leads the partition: whoever reads or writes it must ask where it is now. Nothing is lost and, because the
 *  producer is idempotent, nothing stored twice; a record may be read twice while its reader finds the new leader. */
import { embeddedKafka } from '@holdfast/broker/vitest'
import { expect, test } from 'vitest'
import { clients } from './clients.fixture.ts'

const kafka = embeddedKafka({ brokers: 3, topics: { orders: 1 } })

test.each(clients)('with $name reading and writing follow the leader', async ({ send, work }) => {
  const billed: string[] = []
  const worker = await work(kafka().bootstrap, (order) => void billed.push(order))
  await send(kafka().bootstrap, ['a'])
  await kafka().waitForCommit('billing', 'orders', { 0: 1 })

  kafka().moveLeader('orders', 0, 3)
  await send(kafka().bootstrap, ['b'])
  await kafka().waitForCommit('billing', 'orders', { 0: 2 })

  expect(kafka().records('orders', 0)).toHaveLength(2)
  expect(new Set(billed)).toEqual(new Set(['a', 'b']))
  await worker.stop()
})
