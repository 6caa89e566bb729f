/** A worker was silent for too long; its group went on without it, and only then its commit arrives. Kafka refuses it. What
 *  follows is up to the client: kafkajs handles the record again, @platformatic/kafka joins again and repeats the commit. */
import { embeddedKafka } from '@holdfast/broker/vitest'
import { expect, test } from 'vitest'
import { clients } from './clients.fixture.ts'

const kafka = embeddedKafka({ topics: { orders: 1 } })

test.each(clients)('with $name the commit of a zombie is refused, and no order is lost', async ({ send, work }) => {
  const billed: string[] = []
  const worker = await work(kafka().bootstrap, (order) => void billed.push(order))
  const { members } = await kafka().waitForAssignment('billing')

  const gate = kafka().hold('OffsetCommit')
  await send(kafka().bootstrap, ['a'])
  await gate.arrived // 'a' is billed, and its commit is on the way
  kafka().expireMember('billing', members[0]?.memberId ?? '')
  gate.release()
  await kafka().waitForCommit('billing', 'orders', { 0: 1 })

  const [first, ...later] = kafka().history.filter({ api: 'OffsetCommit', group: 'billing' })
  expect(JSON.stringify(first?.response)).toContain('"errorCode":25') // UNKNOWN_MEMBER_ID
  expect(later).toHaveLength(1)
  expect(new Set(billed)).toEqual(new Set(['a']))
  await worker.stop()
})
