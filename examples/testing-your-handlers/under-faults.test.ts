/** A handler that counts orders, in three versions: two lose or repeat, and `expectDelivery` shows how. */
import { type DeliveryOutcome, expectDelivery } from 'holdfast/testing'
import { expect, test } from 'vitest'
import { Database, type Order, orders } from './database.ts'
import { totalsApp } from './totals-app.ts'

/** Forty orders of ann and bob, and what must have become of them when everything is over. */
const everyOrderCounts = {
  topic: orders,
  records: (index: number) => ({ value: { id: `o-${index}`, customer: index % 3 === 0 ? 'ann' : 'bob', total: 10 } }),
  downstream: () => new Database(),
  check: ({ downstream, sent }: DeliveryOutcome<Order, Database>) => {
    for (const customer of new Set(sent.map(({ value: order }) => order.customer))) {
      const total = sent.filter(({ value: order }) => order.customer === customer).length * 10
      expect(downstream.totals.get(customer), `the total of ${customer}`).toBe(total)
    }
  },
}

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

test('totals in the memory of the process do not survive a crash', async () => {
  const delivery = expectDelivery(async ({ kafka, downstream, life }) => {
    // A process that starts anew has modules of its own.
    const path = `./totals-in-memory.ts?${life}`
    const fresh: typeof import('./totals-in-memory.ts') = await import(/* @vite-ignore */ path)
    return fresh.totalsApp(kafka, (customer, total) => downstream.save(customer, total))
  }, everyOrderCounts)

  await expect(delivery).rejects.toThrow(/the total of \w+: expected \d+ to be \d+[^]*crashes: its memory is gone/)
})

test('totals that only add count an order twice if it comes twice', async () => {
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
