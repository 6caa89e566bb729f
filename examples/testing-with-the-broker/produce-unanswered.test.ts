/** The broker has stored the record, and the answer is lost. A plain producer sends it again and stores it twice; an idempotent
 *  one sends it again and stores it once. */
import { embeddedKafka } from '@holdfast/broker/vitest'
import { expect, test } from 'vitest'
import { clients } from './clients.fixture.ts'

const kafka = embeddedKafka({ topics: { orders: 1 } })

test.each(clients)('with $name only an idempotent producer stores once what it sends twice', async ({ send }) => {
  kafka().fail('Produce', { drop: 'afterApply' })
  await send(kafka().bootstrap, ['plain'], { idempotent: false })

  kafka().fail('Produce', { drop: 'afterApply' })
  await send(kafka().bootstrap, ['idempotent'], { idempotent: true })

  const stored = kafka()
    .records('orders', 0)
    .map(({ value }) => String(value))
  expect(stored).toEqual(['plain', 'plain', 'idempotent'])
})
