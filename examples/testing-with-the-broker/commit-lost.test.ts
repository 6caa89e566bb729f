/** A commit that the broker has stored, while its answer is lost: the client must not take it for one that failed for good. */
import { embeddedKafka } from '@holdfast/broker/vitest'
import { expect, test } from 'vitest'
import { clients } from './clients.fixture.ts'

const kafka = embeddedKafka({ topics: { orders: 1 } })

test.each(clients)('with $name work goes on after the answer to a commit was lost', async ({ send, work }) => {
  const lost = kafka().fail('OffsetCommit', { drop: 'afterApply', group: 'billing' })

  const worker = await work(kafka().bootstrap, () => {})
  await send(kafka().bootstrap, ['a', 'b', 'c'])
  await kafka().waitForCommit('billing', 'orders', { 0: 3 })

  expect(lost.calls).toBe(1)
  await worker.stop()
})
