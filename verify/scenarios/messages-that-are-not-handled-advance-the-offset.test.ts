/** R8, R17, A7: filtered, empty and deleted (tombstone) messages advance the offset like handled ones; a filter that throws
 *  is a failed attempt and advances nothing. */
import { EmbeddedKafka } from '@holdfast/broker'
import { createHoldfast, json, topic } from 'holdfast'
import { expect, test } from 'vitest'
import { append, commitRequests, committedAt, committedOffset, nextEvent, testApp } from './consumer-world.ts'

const orders = topic('orders', { value: json<{ readonly total?: number } | null>() })

test('filtered, tombstone and empty-object messages are counted once each and committed', async () => {
  await using kafka = await EmbeddedKafka.start({ topics: { orders: 1 } })
  await using app = createHoldfast({ ...testApp, kafka: kafka.bootstrap })
  const handled: unknown[] = []
  const isWanted = (value: unknown): boolean => JSON.stringify(value) !== '{"total":0}'
  const consumer = app.consume(orders, { order: 'partition', filter: ({ value }) => isWanted(value) }, ({ value }) => {
    handled.push(value)
  })
  append(kafka, 'orders', [
    { value: '{"total":1}' },
    { value: '{"total":0}' },
    { value: null },
    { value: '{}' },
    { value: '{"total":0}' },
  ])

  await app.start()
  await committedAt(kafka, 'billing', 'orders', 5)

  expect(handled).toEqual([{ total: 1 }, null, {}])
  expect(consumer.status()?.counts).toMatchObject({ accepted: 5, done: 3, filtered: 2 })
})

test('offsets that hold no record for us, a marker at the end included, are committed too', async () => {
  await using kafka = await EmbeddedKafka.start({ topics: { orders: 1 } })
  await using app = createHoldfast({ ...testApp, kafka: kafka.bootstrap })
  const handled: number[] = []
  app.consume(topic('orders'), { order: 'partition' }, ({ offset }) => void handled.push(offset))
  append(kafka, 'orders', 6)
  kafka.core.compactAway('orders', 0, [1, 2, 4, 5])
  kafka.core.appendTransactionMarker('orders', 0)

  await app.start()
  await committedAt(kafka, 'billing', 'orders', 7)

  expect(handled).toEqual([0, 3])
})

test.each([
  ['throws', () => raise(), /the filter is broken/],
  ['answers with a promise', () => Promise.resolve(true) as never, /expected the filter to return true or false/],
  ['answers with a promise that fails', () => Promise.reject(new Error('away')) as never, /expected the filter to/],
])('a filter that %s fails the attempt: nothing is committed', async (_, filter, words) => {
  await using kafka = await EmbeddedKafka.start({ topics: { orders: 1 } })
  await using app = createHoldfast({ ...testApp, kafka: kafka.bootstrap })
  const handled: number[] = []
  const consumer = app.consume(
    orders,
    { filter, retry: { inPlace: ['1ms', '1ms'] }, deadLetters: false },
    ({ offset }) => {
      handled.push(offset)
    },
  )
  append(kafka, 'orders', [{ value: '{}' }])
  const blocked = nextEvent(app, 'partition.blocked')

  await app.start()

  expect(await blocked).toMatchObject({ offset: 0, error: { message: expect.stringMatching(words) as string } })
  expect(handled).toEqual([])
  expect(consumer.status()?.counts).toMatchObject({ accepted: 1, done: 0, filtered: 0 })
  await app.stop()
  expect(committedOffset(kafka, 'billing', 'orders')).toBe(0)
  expect(commitRequests(kafka, 'billing').every(({ offset }) => offset === 0)).toBe(true)
})

function raise(): never {
  throw new Error('the filter is broken')
}
