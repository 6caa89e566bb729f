/** R17, R19, R22, B4: most of a burst fails at first and two handlers run at once: waiting takes no permit, so nothing
 *  stands still, and every record succeeds exactly once, whatever the others do. */
import { createHoldfast, type ConsumeOptions, topic } from 'holdfast'
import { testKit } from 'holdfast/testing'
import { expect, test } from 'vitest'
import { Diary, noting, patientApp, type Tried } from './consumer-world.ts'

const count = 30
const partitions = 3
const keys = 5
/** Seven of ten. */
const failsAtFirst = (number: number): boolean => number % 10 < 7

const policies: readonly [string, ConsumeOptions<Uint8Array>][] = [
  ['in place', { retry: { inPlace: ['1s'] } }],
  ['in place, with room for two', { retry: { inPlace: ['1s'] }, parkedRecords: 2 }],
  ['in a delay topic', { retry: { delays: ['1s'] } }],
  ['in place and what has no room in a delay topic', { retry: { inPlace: ['1s'], buckets: ['2s'] }, parkedRecords: 1 }],
  ['in place where nothing may pass', { retry: { delays: ['1s'] }, whileRetrying: 'block' }],
  [
    'in place where nothing may pass, with room for one',
    { retry: { delays: ['1s'] }, whileRetrying: 'block', parkedRecords: 1 },
  ],
]

test.each(policies)('of 30 records of which 21 fail once and wait %s each succeeds once', async (_where, options) => {
  await using kit = await testKit({ topics: { orders: partitions } })
  const app = createHoldfast({ ...patientApp, kafka: kit.kafka })
  const diary = new Diary<Tried>()
  const attempt = noting(kit, diary, ({ what, attempt: number }) =>
    number === 1 && failsAtFirst(Number(what)) ? new Error('away') : undefined,
  )
  const consumer = app.consume(topic('orders'), { ...options, concurrency: 2 }, async (message, context) => {
    await kit.time.pass('20ms')
    return attempt(message, context)
  })
  for (let number = 0; number < count; number++) {
    kit.broker.append('orders', number % partitions, [{ key: `key ${number % keys}`, value: String(number) }])
  }
  await app.start()
  await kit.waitFor(() => consumer.status()?.counts.done === count, 'a success of each')
  await kit.waitUntilCommitted('billing', 'orders')
  await kit.time.advance('1m')

  const attemptsOf = Array.from({ length: count }, (_, number) =>
    diary.lines.filter(({ what }) => what === String(number)),
  )
  expect(attemptsOf.map((tried) => tried.map(({ attempt: number }) => number))).toEqual(
    Array.from({ length: count }, (_, number) => (failsAtFirst(number) ? [1, 2] : [1])),
  )
  expect(consumer.status()).toMatchObject({
    maxInFlight: 2,
    inFlight: 0,
    parked: 0,
    waiting: 0,
    counts: { done: count },
  })
  expect(await app.stop()).toMatchObject({ clean: true })
})
