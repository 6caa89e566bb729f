/** Keeps a total per customer in the database. Right or wrong, depending on what `count` does with an order that
 *  comes twice. */
import { createHoldfast, type Holdfast, type TestKafka } from 'holdfast'
import { type Order, orders } from './database.ts'

export function totalsApp(kafka: TestKafka, count: (order: Order) => Promise<void>): Holdfast {
  const app = createHoldfast({ kafka, group: 'totals', log: false })
  app.consume(orders, {}, async ({ value: order }) => {
    await count(order)
  })
  return app
}
