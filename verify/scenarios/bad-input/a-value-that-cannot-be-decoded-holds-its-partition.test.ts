/** R17, R18: a value that is no JSON, or does not satisfy its schema, never reaches the handler, and no further attempt can
 *  help. Without dead letters its partition stands still: nothing is dropped, the other partitions go on. */
import { EmbeddedKafka } from '@holdfast/broker'
import { createHoldfast, HoldfastError, json, topic } from 'holdfast'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { append, committedAt, committedOffset, nextEvent, testApp } from '../consumer-world.ts'

const orders = topic('orders', { value: json(z.object({ id: z.string(), total: z.number().positive() })) })
const asyncOrders = topic('orders', { value: json(z.object({ id: z.string() }).refine(async ({ id }) => id !== '')) })
const good = '{"id":"a","total":1}'

test.each([
  ['no JSON', orders, '{"id":', /expected JSON/],
  ['no UTF-8', orders, Buffer.from([0x22, 0xff, 0x22]), /expected UTF-8/],
  ['JSON of another shape', orders, '{"id":7,"total":1}', /does not satisfy its schema/],
  ['a value out of range', orders, '{"id":"a","total":-1}', /does not satisfy its schema/],
  ['nothing', orders, null, /does not satisfy its schema/],
  ['empty', orders, '', /expected JSON/],
  ['refused by a schema that takes its time', asyncOrders, '{"id":""}', /does not satisfy its schema/],
])('a value that is %s', async (_, of, value, words) => {
  await using kafka = await EmbeddedKafka.start({ topics: { orders: 2 } })
  await using app = createHoldfast({ ...testApp, kafka: kafka.bootstrap })
  const handled: string[] = []
  const consumer = app.consume(
    of,
    { retry: { inPlace: ['1ms', '1ms'] }, deadLetters: false },
    ({ partition, offset }) => {
      handled.push(`${partition}/${offset}`)
    },
  )
  append(kafka, 'orders', [{ value: good }, { value }, { value: good }])
  append(kafka, 'orders', [{ value: good }], 1)
  const failures: unknown[] = []
  app.on('attempt.failed', ({ error }) => void failures.push(error))
  const blocked = nextEvent(app, 'partition.blocked')

  await app.start()
  const { error, offset, at } = await blocked
  append(kafka, 'orders', [{ value: good }], 1)
  await Promise.all([committedAt(kafka, 'billing', 'orders', 1), committedAt(kafka, 'billing', 'orders', 2, 1)])

  expect({ offset, ...at }).toEqual({ topic: 'orders', partition: 0, offset: 1 })
  expect(error).toBeInstanceOf(HoldfastError)
  expect(error).toMatchObject({ code: 'MESSAGE_INVALID', message: expect.stringMatching(words) as string })
  expect(failures).toHaveLength(1)
  expect(handled).not.toContain('0/1')
  expect(handled).toEqual(expect.arrayContaining(['0/0', '1/0', '1/1']))
  expect(consumer.explain()[0]).toMatch(/^orders\/0: offset 1 holds the commit .* failed once, last with HoldfastError/)
  expect(app.health()).toMatchObject({ live: false, ready: true })
  await app.stop()
  expect(committedOffset(kafka, 'billing', 'orders')).toBe(1)
})

test('after the value is understood, a restart handles it and everything behind it', async () => {
  await using kafka = await EmbeddedKafka.start({ topics: { orders: 1 } })
  const values = [{ value: good }, { value: '{"id":"b","total":-1}' }, { value: good }]
  append(kafka, 'orders', values)
  await using strict = createHoldfast({ ...testApp, kafka: kafka.bootstrap })
  strict.consume(orders, { order: 'partition', deadLetters: false }, () => undefined)
  const blocked = nextEvent(strict, 'partition.blocked')
  await strict.start()
  await blocked
  await strict.stop()

  await using lenient = createHoldfast({ ...testApp, kafka: kafka.bootstrap })
  const handled: number[] = []
  const consumer = lenient.consume(topic('orders'), { order: 'partition' }, ({ offset }) => void handled.push(offset))
  await lenient.start()
  await consumer.whenCaughtUp()

  expect(handled).toEqual([1, 2])
})
