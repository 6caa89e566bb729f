/** Forty orders of ann and bob, and what must have become of them when everything is over. */
import type { DeliveryOutcome } from 'holdfast/testing'
import { expect } from 'vitest'
import { Database, type Order, orders } from './database.ts'

export const everyOrderCounts = {
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
