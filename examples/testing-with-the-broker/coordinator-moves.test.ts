/** The node that keeps the group is another one from now on, as after a broker was replaced: commits must find it. */
import { embeddedKafka } from '@holdfast/broker/vitest'
import { expect, test } from 'vitest'
import { clients } from './clients.fixture.ts'

const kafka = embeddedKafka({ brokers: 3, topics: { orders: 1 } })

test.each(clients)('with $name commits follow the coordinator', async ({ send, work }) => {
  const worker = await work(kafka().bootstrap, () => {})
  await send(kafka().bootstrap, ['a'])
  await kafka().waitForCommit('billing', 'orders', { 0: 1 })

  const before = kafka().core.coordinatorOf('billing')
  kafka().moveCoordinator('billing')
  await send(kafka().bootstrap, ['b'])
  await kafka().waitForCommit('billing', 'orders', { 0: 2 })

  const [last] = kafka().history.filter({ api: 'OffsetCommit', group: 'billing' }).slice(-1)
  expect(last?.nodeId).not.toBe(before)
  await worker.stop()
})
