import { createHoldfast } from 'holdfast'
import { testKit } from 'holdfast/testing'
import { expect, test } from 'vitest'
import { orders } from './database.ts'

test('an order that fails is billed again after an hour, and not a minute sooner', async () => {
  await using kit = await testKit({ topics: { orders: 3 } })
  const app = createHoldfast({ kafka: kit.kafka, group: 'billing', log: false })
  let attempts = 0
  app.consume(orders, { retry: { delays: ['1h'] } }, async () => {
    attempts += 1
    if (attempts === 1) throw new Error('the bank is closed')
  })

  await app.start()
  await app.send(orders, { value: { id: 'o-1', customer: 'ann', total: 10 } })
  await kit.waitForRecords('billing.orders.retry.1h', 1)
  await kit.time.advance('59m')
  expect(attempts).toBe(1)

  await kit.time.advance('2m')
  expect(attempts).toBe(2)
})
