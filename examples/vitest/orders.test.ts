/** How to test a handler: against a Kafka that lives in the test, over real TCP, without Docker and without sleeping. */
import { EmbeddedKafka } from '@holdfast/broker'
import { createHoldfast, type Holdfast } from 'holdfast'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { chargeOrders, orders } from './charge-orders.ts'

let kafka: EmbeddedKafka
let app: Holdfast

beforeEach(async () => {
  kafka = await EmbeddedKafka.start({ topics: { orders: 3 } })
  app = createHoldfast({ kafka: kafka.bootstrap, group: 'test', profile: 'test', log: 'error' })
})

afterEach(async () => {
  await app.stop()
  await kafka.stop()
})

test('every order is charged, those of a customer in the order in which they came', async () => {
  const charged: Record<string, number[]> = {}
  const consumer = chargeOrders(app, async (customer, total) => {
    charged[customer] = [...(charged[customer] ?? []), total]
  })

  await app.start()
  await app.sendAll(orders, [
    { value: { id: '1', customer: 'ann', total: 10 } },
    { value: { id: '2', customer: 'bob', total: 5 } },
    { value: { id: '3', customer: 'ann', total: 20 } },
  ])
  await consumer.whenCaughtUp()

  expect(charged).toEqual({ ann: [10, 20], bob: [5] })
})

test('a charge that fails is tried again until it succeeds', async () => {
  let tries = 0
  const consumer = chargeOrders(app, async () => {
    tries += 1
    if (tries < 3) throw new Error('the bank is away')
  })

  await app.start()
  await app.send(orders, { value: { id: '1', customer: 'ann', total: 10 } })
  await consumer.whenCaughtUp()

  expect(tries).toBe(3)
  expect(consumer.status()?.counts).toMatchObject({ accepted: 1, done: 1 })
})

test('what is finished stays finished: the next start charges nobody twice', async () => {
  const charged: string[] = []
  const consumer = chargeOrders(app, async (customer) => {
    charged.push(customer)
  })

  await app.start()
  await app.send(orders, { value: { id: '1', customer: 'ann', total: 10 } })
  await consumer.whenCaughtUp()
  expect(await app.stop()).toMatchObject({ clean: true })

  await app.start()
  await consumer.whenCaughtUp()

  expect(charged).toEqual(['ann'])
})

test('an order that does not fit its schema is refused before it is sent', async () => {
  await app.start()

  await expect(app.send(orders, { value: { id: '1', customer: 'ann', total: -1 } })).rejects.toMatchObject({
    code: 'MESSAGE_INVALID',
  })
})
