/** R22, G3, B3: a record that waits in a topic, or in place without jitter, is never tried before its time: not by its own
 *  process, not by one that was started meanwhile, not by a machine whose calendar is wrong. */
import { createHoldfast, type ConsumeOptions, RetryAfterError, topic } from 'holdfast'
import { testKit } from 'holdfast/testing'
import { expect, test } from 'vitest'
import { Diary, type Fails, headersOf, machineOf, noting, patientApp, type Tried } from './consumer-world.ts'

const orders = topic('orders')
const once = ({ attempt }: Tried): Error | undefined => (attempt === 1 ? new Error('away') : undefined)
const askingFor =
  (delay: string) =>
  ({ attempt }: Tried): Error | undefined =>
    attempt === 1 ? new RetryAfterError(delay) : undefined
/** Timers, and the way to the delay topic and back. */
const latenessMaxMs = 100

const waits: readonly [string, ConsumeOptions<Uint8Array>, Fails][] = [
  ['in a delay topic', { retry: { delays: ['3s'] } }, once],
  ['in place where nothing may pass', { retry: { delays: ['3s'] }, whileRetrying: 'block' }, once],
  ['as its handler asked, in place', {}, askingFor('3s')],
  ['as its handler asked, in a longer delay topic', { retry: { buckets: ['1h'] } }, askingFor('3s')],
  ['as its handler asked, in a shorter delay topic', { retry: { buckets: ['1s'] } }, askingFor('3s')],
]

test.each(waits)(
  'a record that has to wait 3 s %s is not tried after 2.999 s, and then soon',
  async (_where, options, fails) => {
    await using kit = await testKit({ topics: { orders: 1 } })
    const app = createHoldfast({ ...patientApp, kafka: kit.kafka })
    const diary = new Diary<Tried>()
    app.consume(orders, options, noting(kit, diary, fails))
    await app.start()
    const failed = diary.until((lines) => lines.length === 1)
    kit.broker.append('orders', 0, [{ value: 'a' }])
    await failed
    const failedAtMs = diary.lines[0]?.atMs ?? 0

    await kit.time.advanceTo(failedAtMs + 1_000)
    expect(diary.lines).toHaveLength(1)
    await kit.time.advanceTo(failedAtMs + 2_999)
    expect(diary.lines).toHaveLength(1)
    await diary.until((lines) => lines.length === 2)

    const waitedMs = (diary.lines[1]?.atMs ?? 0) - failedAtMs
    expect(waitedMs).toBeGreaterThanOrEqual(3_000)
    expect(waitedMs).toBeLessThan(3_000 + latenessMaxMs)
    expect(diary.lines[1]).toMatchObject({ what: 'a', attempt: 2 })
    await app.stop()
  },
)

test('a wait beyond the longest delay topic is told there, and kept to the end', async () => {
  await using kit = await testKit({ topics: { orders: 1 } })
  const app = createHoldfast({ ...patientApp, kafka: kit.kafka })
  const diary = new Diary<Tried>()
  app.consume(orders, { retry: { delays: ['1s', '5s'] } }, noting(kit, diary, askingFor('2h')))
  kit.broker.append('orders', 0, [{ value: 'a' }])
  await app.start()
  await diary.until((lines) => lines.length === 2)

  const [first, second] = diary.lines
  expect((second?.atMs ?? 0) - (first?.atMs ?? 0)).toBeGreaterThanOrEqual(7_200_000)
  expect((second?.atMs ?? 0) - (first?.atMs ?? 0)).toBeLessThan(7_200_000 + latenessMaxMs)
  const [waiting] = kit.records('billing.orders.retry.5s')
  expect(headersOf(waiting ?? { headers: [] })).toMatchObject({ 'holdfast-delay': '7200000', 'holdfast-attempt': '1' })
  await app.stop()
})

test.each([
  ['is tried on time by a process that was started meanwhile', '40m'],
  ['is tried at once by a process that is started when it is due already', '3h'],
])('a record that waits an hour in a delay topic %s', async (_when, downFor) => {
  await using kit = await testKit({ topics: { orders: 1 } })
  const diary = new Diary<Tried>()
  const before = createHoldfast({ ...patientApp, kafka: kit.kafka })
  before.consume(orders, { retry: { delays: ['1h'] } }, noting(kit, diary, once))
  kit.broker.append('orders', 0, [{ value: 'a' }])
  await before.start()
  await kit.waitForRecords('billing.orders.retry.1h', 1)
  expect(await before.stop()).toMatchObject({ clean: true })
  await kit.time.advance(downFor)

  const after = createHoldfast({ ...patientApp, kafka: kit.kafka })
  after.consume(orders, { retry: { delays: ['1h'] } }, noting(kit, diary, once))
  const startedMs = kit.time.monotonicMs()
  await after.start()
  await diary.until((lines) => lines.length === 2)

  const [first, second] = diary.lines
  const dueMs = (first?.atMs ?? 0) + 3_600_000
  expect(second).toMatchObject({ what: 'a', attempt: 2 })
  expect(second?.atMs).toBeGreaterThanOrEqual(dueMs)
  expect(second?.atMs).toBeLessThan(Math.max(dueMs, startedMs) + latenessMaxMs)
  await after.stop()
})

test.each([
  ['is two hours ahead', 7_200_000, 0],
  ['is a day behind', -86_400_000, 0],
  ['jumps two hours forward while the record waits', 0, 7_200_000],
  ['jumps a day back while the record waits', 0, -86_400_000],
])(
  'a record that waits a minute in a delay topic waits a minute on a machine whose calendar %s',
  async (_how, errorMs, jumpMs) => {
    await using kit = await testKit({ topics: { orders: 1 } })
    const machine = machineOf(kit, 'wrong')
    machine.jumpEpoch(errorMs)
    const app = createHoldfast({ ...patientApp, kafka: { environment: machine } })
    const diary = new Diary<Tried>()
    app.consume(orders, { retry: { delays: ['1m'] } }, noting(kit, diary, once))
    kit.broker.append('orders', 0, [{ value: 'a' }])
    await app.start()
    await kit.waitForRecords('billing.orders.retry.1m', 1)
    await kit.time.advance('30s')
    machine.jumpEpoch(jumpMs)
    await diary.until((lines) => lines.length === 2)

    const waitedMs = (diary.lines[1]?.atMs ?? 0) - (diary.lines[0]?.atMs ?? 0)
    expect(waitedMs).toBeGreaterThanOrEqual(60_000)
    expect(waitedMs).toBeLessThan(60_000 + latenessMaxMs)
    await app.stop()
  },
)
