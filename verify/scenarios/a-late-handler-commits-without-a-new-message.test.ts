/** R9, A6: the last handler of a burst ends when the topic is idle already; its offset is committed within the commit
 *  interval, although no message comes to carry it. */
import { EmbeddedKafka } from '@holdfast/broker'
import { createHoldfast, topic } from 'holdfast'
import { expect, test } from 'vitest'
import { chunkOf, MemberRig, offsets } from '../../packages/holdfast/src/engine/member-rig.fixture.ts'
import { append, committedAt, Gate, testApp } from './consumer-world.ts'

test('a handler that ends 100 ms after the burst is committed within the interval', () => {
  const rig = new MemberRig().assign()
  rig.deliver(chunkOf(offsets(0, 1, 2, 3, 4)))
  for (const offset of [0, 1, 2, 3]) rig.end(offset)
  rig.advance(1_000)
  rig.answerCommit()
  expect(rig.lastCommitted()).toBe(4)

  rig.advance(100)
  rig.end(4)
  rig.advance(1_000)

  expect(rig.lastCommitted()).toBe(5)
})

test('on an idle topic the broker hears of the last handler', async () => {
  await using kafka = await EmbeddedKafka.start({ topics: { orders: 1 } })
  await using app = createHoldfast({ ...testApp, kafka: kafka.bootstrap })
  const lastMayEnd = new Gate()
  app.consume(topic('orders'), {}, (message) => (message.offset === 4 ? lastMayEnd.opened : undefined))
  append(kafka, 'orders', 5)
  await app.start()
  await committedAt(kafka, 'billing', 'orders', 4)

  const committed = committedAt(kafka, 'billing', 'orders', 5)
  lastMayEnd.open()
  await committed

  expect(kafka.core.endOffset('orders', 0)).toBe(5)
})
