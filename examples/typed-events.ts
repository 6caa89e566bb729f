/** One topic, several kinds of events: each kind has its handler, and the compiler misses none. */
import { byType, type Consumer, type Holdfast, json, topic } from 'holdfast'
import { z } from 'zod'

const Event = z.discriminatedUnion('type', [
  z.object({ type: z.literal('opened'), account: z.string() }),
  z.object({ type: z.literal('paid'), account: z.string(), cents: z.number().int() }),
])
export const events = topic('accounts', { value: json(Event), key: (event) => event.account })

export function keepBalances(app: Holdfast, balances: Map<string, number>): Consumer {
  return app.consume(
    events,
    {},
    byType({
      opened: ({ value }) => void balances.set(value.account, 0),
      paid: ({ value }) => void balances.set(value.account, (balances.get(value.account) ?? 0) + value.cents),
    }),
  )
}

/** With `otherwise` a handler need not know every kind. */
export function countPayments(app: Holdfast, counted: { payments: number; others: number }): Consumer {
  return app.consume(
    events,
    { group: 'statistics' },
    byType({ paid: () => void counted.payments++ }, { otherwise: () => void counted.others++ }),
  )
}
