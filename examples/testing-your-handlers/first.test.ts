import { createHoldfast } from 'holdfast'
import { testKit } from 'holdfast/testing'
import { expect, test } from 'vitest'
import { orders } from './database.ts'

test('every order is billed', async () => {
  await using kit = await testKit({ topics: { orders: 3 } })
  const app = createHoldfast({ kafka: kit.kafka, group: 'billing', log: false })
  const billed: string[] = []
  app.consume(orders, {}, async ({ value: order }) => {
    billed.push(order.id)
  })

  await app.start()
  await app.send(orders, { value: { id: 'o-1', customer: 'ann', total: 10 } })
  await kit.waitUntilCommitted('billing', 'orders')

  expect(billed).toEqual(['o-1'])
})
