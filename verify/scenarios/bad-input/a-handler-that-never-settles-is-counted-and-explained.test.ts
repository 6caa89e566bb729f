/** R16, R32: a handler that never settles and ignores its abort gives its permit back, keeps its lane, is counted and named;
 *  its record stays uncommitted and stop() does not wait for it. Ten of them are more than a process should carry. */
import { createHoldfast, topic } from 'holdfast'
import { testKit } from 'holdfast/testing'
import { expect, test } from 'vitest'
import { Diary } from '../consumer-world.ts'

const never = new Promise<never>(() => undefined)

test('the others of the partition go on, its own key waits, and explain() names its offset', async () => {
  await using kit = await testKit({ topics: { orders: 1 } })
  const app = createHoldfast({ kafka: kit.kafka, group: 'billing', log: false })
  const diary = new Diary<number>()
  const consumer = app.consume(topic('orders'), { concurrency: 1 }, ({ offset }) => {
    diary.note(offset)
    return offset === 1 ? never : undefined
  })
  kit.broker.append('orders', 0, [{ key: 'a' }, { key: 'stuck' }, { key: 'b' }, { key: 'stuck' }, { key: 'c' }])

  await app.start()
  await diary.until((lines) => lines.includes(4))
  await kit.waitFor(() => kit.committed('billing')[0]?.offset === 1, 'the commit of 1')
  await kit.time.advance('10m')

  expect(diary.lines).toEqual([0, 1, 2, 4])
  expect(consumer.status()).toMatchObject({ inFlight: 0, zombies: 1, counts: { accepted: 5, done: 3 } })
  expect(consumer.explain().join('\n')).toMatch(
    /orders\/0: offset 1 holds the commit for .*aborted \(timeout\) and has not settled/,
  )
  expect(app.health()).toMatchObject({ live: true })
  expect(kit.committed('billing')).toMatchObject([{ offset: 1 }])

  const stopsFromMs = kit.time.monotonicMs()
  expect(await app.stop()).toMatchObject({ clean: false, abandoned: 1 })
  expect(kit.time.monotonicMs() - stopsFromMs).toBeLessThan(21_000)
  expect(kit.committed('billing')).toMatchObject([{ offset: 1 }])
})

test('a late success counts, and its lane goes on', async () => {
  await using kit = await testKit({ topics: { orders: 1 } })
  const app = createHoldfast({ kafka: kit.kafka, group: 'billing', log: false })
  const late = Promise.withResolvers<void>()
  const diary = new Diary<number>()
  const consumer = app.consume(topic('orders'), { order: 'partition' }, ({ offset }) => {
    diary.note(offset)
    return offset === 0 ? late.promise : undefined
  })
  kit.broker.append('orders', 0, [{ value: 'a' }, { value: 'b' }])
  await app.start()
  await diary.until((lines) => lines.length === 1)
  await kit.time.advance('1m')
  expect(consumer.status()).toMatchObject({ zombies: 1 })

  late.resolve()
  await kit.waitUntilCommitted('billing', 'orders')

  expect(diary.lines).toEqual([0, 1])
  expect(consumer.status()).toMatchObject({ zombies: 0, retriedInPlace: 0, counts: { accepted: 2, done: 2 } })
  await app.stop()
})

test('with ten of them the app is not live', async () => {
  await using kit = await testKit({ topics: { orders: 1 } })
  const app = createHoldfast({ kafka: kit.kafka, group: 'billing', log: false })
  const diary = new Diary<number>()
  app.consume(topic('orders'), { order: 'none', concurrency: 20 }, ({ offset }) => {
    diary.note(offset)
    return never
  })
  kit.broker.append('orders', 0, Array<object>(9).fill({}))
  await app.start()
  await diary.until((lines) => lines.length === 9)
  await kit.time.advance('1m')
  expect(app.health()).toMatchObject({ live: true })

  kit.broker.append('orders', 0, [{}])
  await diary.until((lines) => lines.length === 10)
  await kit.time.advance('1m')

  expect(app.health()).toEqual({ live: false, ready: true, reasons: ['orders: 10 handlers ignore their abort'] })
  await app.stop()
})
