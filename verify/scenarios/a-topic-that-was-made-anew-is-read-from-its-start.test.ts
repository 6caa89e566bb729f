/** R8, R12, R28, G8: a topic that is deleted and made again under its name has other records at the same offsets. The
 *  consumer notices by the topic id, says so and reads the new one from its start, without asking in a hot loop. */
import { EmbeddedKafka } from '@holdfast/broker'
import { createHoldfast, topic } from 'holdfast'
import { expect, test } from 'vitest'
import { append, committedAt, Diary, requestsOf, testApp } from './consumer-world.ts'

async function deleteTopic(kafka: EmbeddedKafka, name: string): Promise<void> {
  const connection = kafka.core.connect(1, 'tool')
  await kafka.core.handle(1, 'DeleteTopics', 5, { topicNames: [name], timeoutMs: 1_000 }, connection)
  connection.disconnect()
}

test.each([0, 1, 5])('after %i records of the old topic were handled', async (before) => {
  await using kafka = await EmbeddedKafka.start({ topics: { orders: 1 } })
  await using app = createHoldfast({ ...testApp, kafka: kafka.bootstrap })
  const handled = new Diary<string>()
  const consumer = app.consume(topic('orders'), {}, ({ valueBytes }) => handled.note(`${valueBytes?.toString()}`))
  if (before > 0) append(kafka, 'orders', Array<object>(before).fill({ value: 'old' }))
  await app.start()
  await consumer.whenCaughtUp()
  if (before > 0) await committedAt(kafka, 'billing', 'orders', before)

  await deleteTopic(kafka, 'orders')
  kafka.core.createTopic('orders', 1)
  append(kafka, 'orders', [{ value: 'new 0' }, { value: 'new 1' }])
  await handled.until((lines) => lines.includes('new 1'))
  await committedAt(kafka, 'billing', 'orders', 2)

  expect(handled.lines.slice(before)).toEqual(['new 0', 'new 1'])
  expect(requestsOf(kafka, 'Fetch').length).toBeLessThan(100)
})

test('while a topic is gone, nobody asks for it in a hot loop', async () => {
  await using kafka = await EmbeddedKafka.start({ topics: { orders: 1 } })
  await using app = createHoldfast({ ...testApp, kafka: kafka.bootstrap, heartbeatInterval: '100ms' })
  const handled = new Diary<string>()
  app.consume(topic('orders'), {}, ({ valueBytes }) => handled.note(`${valueBytes?.toString()}`))
  append(kafka, 'orders', [{ value: 'old' }])
  await app.start()
  await handled.until((lines) => lines.length === 1)
  const beats = new Diary<number>()
  kafka.core.intercept('Heartbeat', () => beats.note(1) as undefined)

  await deleteTopic(kafka, 'orders')
  await beats.until((lines) => lines.length === 10)

  expect(requestsOf(kafka, 'Fetch').length).toBeLessThan(100)
  kafka.core.createTopic('orders', 1)
  append(kafka, 'orders', [{ value: 'new' }])
  await handled.until((lines) => lines.includes('new'))
})
