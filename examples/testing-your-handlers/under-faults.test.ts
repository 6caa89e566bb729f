/** A handler that counts orders, in three versions: two of them lose or repeat, and `expectDelivery` shows how. */
import { expectDelivery } from 'holdfast/testing'
import { expect, test } from 'vitest'
import type { Order } from './database.ts'
import { everyOrderCounts } from './every-order-counts.ts'
import { totalsApp } from './totals-app.ts'

test('totals that know which orders they have counted are right, whatever happens', async () => {
  const report = await expectDelivery(
    ({ kafka, downstream, faulty }) =>
      totalsApp(
        kafka,
        faulty((order: Order) => downstream.addOnce(order), 'addOnce'),
      ),
    everyOrderCounts,
  )

  expect(report.messages).toBe(2_000)
  expect(Object.values(report.faults).every((times) => times > 0)).toBe(true)
})

test('totals that only add are wrong when an order comes twice', async () => {
  const delivery = expectDelivery(
    ({ kafka, downstream, faulty }) =>
      totalsApp(
        kafka,
        faulty((order: Order) => downstream.add(order), 'add'),
      ),
    everyOrderCounts,
  )

  await expect(delivery).rejects.toThrow(/the total of \w+: expected 20 to be 10[^]*its answer is lost/)
})

test('totals in the memory of the process are wrong after a crash', async () => {
  const delivery = expectDelivery(async ({ kafka, downstream, life }) => {
    // A process that starts anew has modules of its own.
    const path = `./totals-in-memory.ts?${life}`
    const fresh: typeof import('./totals-in-memory.ts') = await import(/* @vite-ignore */ path)
    return fresh.totalsApp(kafka, (customer, total) => downstream.save(customer, total))
  }, everyOrderCounts)

  await expect(delivery).rejects.toThrow(/the total of \w+: expected 10 to be 20[^]*crashes: its memory is gone/)
})
