import { createHoldfast } from 'holdfast'
import { testKit } from 'holdfast/testing'
import { expect, test } from 'vitest'
import { countPayments, events, keepBalances } from './typed-events.ts'

test('each event goes to the handler of its type, in the order of its account', async () => {
  await using kit = await testKit({ topics: { accounts: 3 } })
  await using app = createHoldfast({ kafka: kit.kafka, group: 'balances', log: false })
  const balances = new Map<string, number>()
  const counted = { payments: 0, others: 0 }
  const consumers = [keepBalances(app, balances), countPayments(app, counted)]

  await app.start()
  await app.sendAll(events, [
    { value: { type: 'opened', account: 'ann' } },
    { value: { type: 'paid', account: 'ann', cents: 250 } },
    { value: { type: 'opened', account: 'bob' } },
    { value: { type: 'paid', account: 'ann', cents: 50 } },
  ])
  await Promise.all(consumers.map((consumer) => consumer.whenCaughtUp()))

  expect(Object.fromEntries(balances)).toEqual({ ann: 300, bob: 0 })
  expect(counted).toEqual({ payments: 2, others: 2 })
})
