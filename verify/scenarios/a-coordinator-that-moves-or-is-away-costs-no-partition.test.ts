/** R2, R5: while the coordinator is away, loading or elsewhere the member asks again and keeps what it owns; work goes on
 *  where it is. */
import { EmbeddedKafka } from '@holdfast/broker'
import { createHoldfast, topic } from 'holdfast'
import { expect, test } from 'vitest'
import { append, committedAt, Diary, Gate, recordEvents, requestsOf, testApp } from './consumer-world.ts'

test('a coordinator that moves to another node is found, and the group does not rebalance', async () => {
  await using kafka = await EmbeddedKafka.start({ brokers: 2, topics: { orders: 2 } })
  await using app = createHoldfast({ ...testApp, kafka: kafka.bootstrap, heartbeatInterval: '100ms' })
  const handled = new Diary<number>()
  const consumer = app.consume(topic('orders'), {}, ({ offset }) => handled.note(offset))
  append(kafka, 'orders', 3)
  await app.start()
  await committedAt(kafka, 'billing', 'orders', 3)
  const events = recordEvents(app)
  const from = kafka.core.coordinatorOf('billing')
  const to = from === 1 ? 2 : 1

  kafka.core.moveCoordinator('billing', to)
  append(kafka, 'orders', 3)
  await committedAt(kafka, 'billing', 'orders', 6)

  expect(handled.lines).toEqual([0, 1, 2, 3, 4, 5])
  expect(kafka.core.group('billing')).toMatchObject({ state: 'stable', generation: 1 })
  expect(events.map(({ name }) => name)).not.toContain('group.lost')
  expect(requestsOf(kafka, 'OffsetCommit').at(-1)).toMatchObject({ nodeId: to })
  expect(consumer.status()?.counts).toMatchObject({ done: 6, abandoned: 0 })
})

test.each([14, 15, 16])('a coordinator that answers %i for a while loses us nothing', async (errorCode) => {
  await using kafka = await EmbeddedKafka.start({ topics: { orders: 1 } })
  await using app = createHoldfast({ ...testApp, kafka: kafka.bootstrap, heartbeatInterval: '100ms' })
  const handled = new Diary<number>()
  app.consume(topic('orders'), {}, ({ offset }) => handled.note(offset))
  append(kafka, 'orders', 3)
  await app.start()
  await committedAt(kafka, 'billing', 'orders', 3)
  const events = recordEvents(app)
  const beaten = new Gate()
  let beats = 0
  const recover = kafka.core.intercept('Heartbeat', () => {
    beats += 1
    if (beats === 3) beaten.open()
    return { throttleTimeMs: 0, errorCode }
  })

  append(kafka, 'orders', 3)
  await beaten.opened
  recover()
  await committedAt(kafka, 'billing', 'orders', 6)

  expect(handled.lines).toEqual([0, 1, 2, 3, 4, 5])
  expect(kafka.core.group('billing')).toMatchObject({ generation: 1 })
  expect(events.map(({ name }) => name)).not.toContain('group.lost')
})

test('joining goes on until the coordinator is there', async () => {
  await using kafka = await EmbeddedKafka.start({ topics: { orders: 1 } })
  await using app = createHoldfast({ ...testApp, kafka: kafka.bootstrap })
  let joins = 0
  kafka.core.intercept('JoinGroup', () => {
    joins += 1
    if (joins > 4) return undefined
    if (joins % 2 === 0) return 'close'
    return {
      throttleTimeMs: 0,
      errorCode: 14,
      generationId: -1,
      protocolType: null,
      protocolName: null,
      leader: '',
      skipAssignment: false,
      memberId: '',
      members: [],
    }
  })
  const consumer = app.consume(topic('orders'), {}, () => undefined)
  append(kafka, 'orders', 3)

  await app.start()
  await consumer.whenCaughtUp()

  expect(consumer.status()?.counts).toMatchObject({ done: 3 })
})
