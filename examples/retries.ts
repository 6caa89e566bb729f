/** What happens to a message that fails: it is tried again here, then it waits where it holds up nobody, then it is put aside
 *  for somebody to look at. */
import { type Consumer, deadLetters, type Holdfast, json, NonRetriableError, RetryAfterError, topic } from 'holdfast'
import { z } from 'zod'

const Order = z.object({ id: z.string(), customer: z.string(), total: z.number() })
export const orders = topic('orders', { value: json(Order), key: (order) => order.customer })

export type Answer = { status: 'charged' | 'unknown customer' } | { status: 'busy'; retryAfterSeconds: number }
export type Charge = (customer: string, total: number) => Promise<Answer>

export function chargeOrders(app: Holdfast, charge: Charge): Consumer {
  return app.consume(
    orders,
    {
      retry: {
        inPlace: ['100ms', '1s'], // the lane waits too
        delays: ['30s', '5m'], // in delay topics: nobody waits but this message
        buckets: ['1h'], // for longer waits that the bank asks for
      },
      deadLetters: true, // after five attempts
    },
    async ({ value: order }) => {
      const answer = await charge(order.customer, order.total)
      if (answer.status === 'unknown customer') throw new NonRetriableError('no attempt can help')
      if (answer.status === 'busy') throw new RetryAfterError(answer.retryAfterSeconds * 1_000)
    },
  )
}

/** `deadLetters(orders)` is consumed like any topic; its values also tell where each message was and why it died. */
export function reportDeadOrders(app: Holdfast, report: (line: string) => void): Consumer {
  return app.consume(deadLetters(orders), {}, ({ value: dead }) => {
    const order = dead.value?.id ?? `what is no order (${dead.problem})`
    report(`${order} at ${dead.source?.topic}, attempts: ${dead.attempts}, ${dead.error?.message}`)
  })
}
