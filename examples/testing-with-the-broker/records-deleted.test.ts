/** Retention was faster than the worker: the records after its last commit are gone, and it must go on with those that are left. */
import { embeddedKafka } from '@holdfast/broker/vitest'
import { expect, test } from 'vitest'
import { clients } from './clients.fixture.ts'

const kafka = embeddedKafka({ topics: { orders: 1 } })

test.each(clients)('with $name work goes on after records that are gone', async ({ send, work }) => {
  const billed: string[] = []
  const bill = (order: string): void => void billed.push(order)
  const before = await work(kafka().bootstrap, bill)
  await send(kafka().bootstrap, ['a'])
  await kafka().waitForCommit('billing', 'orders', { 0: 1 })
  await before.stop()

  await send(kafka().bootstrap, ['b', 'c'])
  await send(kafka().bootstrap, ['d'])
  kafka().deleteRecordsBefore('orders', 0, 3) // 'b' and 'c'
  const after = await work(kafka().bootstrap, bill)
  await kafka().waitForLag('billing', 0)
  await kafka().waitForCommit('billing', 'orders', { 0: 4 })

  expect(billed).toEqual(['a', 'd'])
  await after.stop()
})
