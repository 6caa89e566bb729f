/** R17, R18, B1: a record whose first attempt fails is tried again, wherever it waits meanwhile, and succeeds exactly once;
 *  the second attempt sees the same message as the first. What follows a failure is decided by `stepAfter`, and how long
 *  waits grow and what jitter takes off them (B10) is tested beside `engine/retry-steps.ts` and `engine/backoff.ts`. */
import { createHoldfast, type ConsumeOptions, topic } from 'holdfast'
import { testKit } from 'holdfast/testing'
import { expect, test } from 'vitest'
import { Diary, noting, patientApp, type Tried } from './consumer-world.ts'

const orders = topic('orders')

const waits: readonly [string, ConsumeOptions<Uint8Array>][] = [
  ['in place', { retry: { inPlace: ['1s'] } }],
  ['in a delay topic', { retry: { delays: ['1s'] } }],
  ['in place because nothing may pass', { retry: { delays: ['1s'] }, whileRetrying: 'block' }],
]

test.each(waits)('a record that fails once and waits %s is handled twice and done once', async (_where, options) => {
  await using kit = await testKit({ topics: { orders: 3 } })
  const app = createHoldfast({ ...patientApp, kafka: kit.kafka })
  const diary = new Diary<Tried>()
  const consumer = app.consume(
    orders,
    options,
    noting(kit, diary, ({ attempt }) => (attempt === 1 ? new Error('away') : undefined)),
  )
  kit.broker.append('orders', 1, [{}, { key: 'ann', value: 'a' }])
  await app.start()
  await diary.until((lines) => lines.filter(({ attempt }) => attempt === 2).length === 2)
  await kit.waitUntilCommitted('billing', 'orders')
  await kit.time.advance('1h')

  const tried = diary.lines.map(({ what, attempt, topic: at, partition, offset }) => [
    what,
    attempt,
    at,
    partition,
    offset,
  ])
  expect(tried).toHaveLength(4)
  expect(tried).toEqual(
    expect.arrayContaining([
      ['', 1, 'orders', 1, 0],
      ['', 2, 'orders', 1, 0],
      ['a', 1, 'orders', 1, 1],
      ['a', 2, 'orders', 1, 1],
    ]),
  )
  expect(consumer.status()?.counts).toMatchObject({ done: 2, deadLettered: 0, filtered: 0, alreadyDone: 0 })
  expect(await app.stop()).toEqual({ clean: true, uncommitted: 0, abandoned: 0 })
})
