/** Fetches come late and small, as over a bad line: records come all the same, each once and in order. */
import { embeddedKafka } from '@holdfast/broker/vitest'
import { expect, test } from 'vitest'
import { clients } from './clients.fixture.ts'

const kafka = embeddedKafka({ topics: { orders: 1 } })

test.each(clients)('with $name slow and small fetches change nothing but the time', async ({ send, work }) => {
  const billed: string[] = []
  kafka().delay('Fetch', 30)
  kafka().fetchLimit({ bytes: 1 }) // one batch at a time
  for (const order of ['a', 'b', 'c']) await send(kafka().bootstrap, [order])

  const worker = await work(kafka().bootstrap, (order) => void billed.push(order))
  await kafka().waitForLag('billing', 0)

  expect(billed).toEqual(['a', 'b', 'c'])
  await worker.stop()
})
