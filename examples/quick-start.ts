import { createHoldfast, json, topic } from 'holdfast'
import { z } from 'zod'

const Order = z.object({ id: z.string(), total: z.number() })
const orders = topic('orders', { value: json(Order), key: (order) => order.id })

const app = createHoldfast({ group: 'billing' }) // finds Kafka by KAFKA_BROKERS

app.consume(orders, { concurrency: 50, attemptTimeout: '20s' }, async ({ value: order }, { log }) => {
  log.info({ order: order.id, total: order.total }, 'billed')
})

await app.run() // until SIGTERM: ends what runs, commits, leaves the group
