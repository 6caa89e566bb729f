/** What an application might look like: a topic, and a function that subscribes to it. The test beside it uses both. */
import { type Consumer, type Holdfast, json, topic } from 'holdfast'
import { z } from 'zod'

const Order = z.object({ id: z.string(), customer: z.string(), total: z.number().positive() })

export const orders = topic('orders', { value: json(Order), key: (order) => order.customer })

export type Charge = (customer: string, total: number, signal: AbortSignal) => Promise<void>

export function chargeOrders(app: Holdfast, charge: Charge): Consumer {
  return app.consume(orders, { retry: { inPlace: ['10ms', '20ms'] } }, async ({ value: order }, { signal }) => {
    await charge(order.customer, order.total, signal)
  })
}
