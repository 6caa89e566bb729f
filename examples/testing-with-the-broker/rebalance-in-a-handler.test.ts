/** A second worker joins while the first is in the middle of a record: nothing is lost, whoever finishes it. */
import { embeddedKafka } from '@holdfast/broker/vitest'
import { expect, test } from 'vitest'
import { clients } from './clients.fixture.ts'

const kafka = embeddedKafka({ topics: { orders: 2 } })

test.each(clients)('with $name a rebalance in the middle of a record loses nothing', async ({ send, work }) => {
  const billed: string[] = []
  const reached = Promise.withResolvers<void>()
  const bank = Promise.withResolvers<void>()
  const bill = async (order: string): Promise<void> => {
    reached.resolve()
    await bank.promise
    billed.push(order)
  }
  const first = await work(kafka().bootstrap, bill)
  await kafka().waitForAssignment('billing', { members: 1 })
  await send(kafka().bootstrap, ['a', 'b', 'c'])
  await reached.promise // the handler of 'a' is at the bank

  const joining = work(kafka().bootstrap, bill)
  await kafka().waitUntil('a rebalance', () => kafka().group('billing')?.state === 'preparing')
  bank.resolve()
  const second = await joining
  await kafka().waitForAssignment('billing', { members: 2 })
  await kafka().waitForCommit('billing', 'orders', { 0: 3 })

  expect(new Set(billed)).toEqual(new Set(['a', 'b', 'c']))
  await Promise.all([first.stop(), second.stop()])
})
