/** WRONG: the totals live in a variable of the module, and the database gets copies of them. */
import { createHoldfast, type Holdfast, type TestKafka } from 'holdfast'
import { orders } from './database.ts'

const totals = new Map<string, number>()

export function totalsApp(kafka: TestKafka, save: (customer: string, total: number) => Promise<void>): Holdfast {
  const app = createHoldfast({ kafka, group: 'totals', log: false })
  app.consume(orders, {}, async ({ value: { customer, total } }) => {
    const sum = (totals.get(customer) ?? 0) + total
    totals.set(customer, sum)
    await save(customer, sum)
  })
  return app
}
