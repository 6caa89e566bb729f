/** R20, R29, G1, B5: while a record cannot be written to where it should wait, or to the dead letters, its offset stays
 *  open, its partition pauses and health says why; other partitions go on. When the topic is back, it goes there once. */
import { createHoldfast, type ConsumeOptions, type Holdfast, topic } from 'holdfast'
import { testKit, type TestKit } from 'holdfast/testing'
import { expect, test } from 'vitest'
import {
  Diary,
  type Fails,
  headersOf,
  nextEvent,
  noting,
  patientApp,
  recordEvents,
  refuseProduce,
  type Tried,
} from './consumer-world.ts'

const orders = topic('orders')
const authorizationFailed = 29

const ways: readonly [string, string, ConsumeOptions<Uint8Array>, attempts: readonly number[]][] = [
  ['the delay topic', 'billing.orders.retry.5s', { retry: { delays: ['5s'] }, deadLetters: true }, [1, 2]],
  ['the dead-letter topic', 'billing.orders.dlq', { retry: { inPlace: [] }, deadLetters: true }, [1]],
]

type World = { kit: TestKit; app: Holdfast; diary: Diary<Tried>; committed: (partition: number) => number | undefined }

const once = ({ what, attempt }: Tried): Error | undefined =>
  what === 'bad' && attempt === 1 ? new Error('away') : undefined

function worldOf(
  kit: TestKit,
  options: ConsumeOptions<Uint8Array>,
  fails: Fails = once,
): World & { consumer: ReturnType<Holdfast['consume']> } {
  const app = createHoldfast({ ...patientApp, kafka: kit.kafka })
  const diary = new Diary<Tried>()
  const consumer = app.consume(orders, options, noting(kit, diary, fails))
  const committed = (partition: number): number | undefined =>
    kit.committed('billing').find((each) => each.topic === 'orders' && each.partition === partition)?.offset
  return { kit, app, diary, consumer, committed }
}

test.each(ways)(
  'while %s refuses a record its partition waits and the others go on',
  async (_what, target, options, attempts) => {
    await using kit = await testKit({ topics: { orders: 2 } })
    const { app, diary, consumer, committed } = worldOf(kit, options)
    await app.start()
    await consumer.assigned()
    const comeBack = refuseProduce(kit, target, authorizationFailed)
    const events = recordEvents(app)
    const failed = nextEvent(app, 'record.handOffFailed')
    kit.broker.append('orders', 0, [{ value: 'before' }, { value: 'bad' }, { value: 'behind' }])
    expect(await failed).toMatchObject({ at: { topic: 'orders', partition: 0 }, offset: 1, to: target })

    kit.broker.append('orders', 0, [{ value: 'late' }])
    for (let number = 0; number < 5; number++) {
      kit.broker.append('orders', 1, [{ value: `other ${number}` }])
      await kit.waitFor(() => committed(1) === number + 1, 'the commit of the other partition')
    }
    await kit.time.advance('10s')

    expect(committed(0)).toBe(1)
    expect(
      consumer.status()?.partitions.find(({ topic: at, partition }) => at === 'orders' && partition === 0)?.pausedFor,
    ).toEqual(['retry'])
    expect(diary.lines.filter(({ what }) => what === 'late')).toEqual([])
    const reason = expect.stringMatching(
      /^orders\/0: records cannot be written where they go: .*TOPIC_AUTHORIZATION_FAILED/,
    ) as string
    expect(app.health()).toEqual({ live: true, ready: true, reasons: [reason] })
    expect(consumer.explain().join('\n')).toContain('orders/0: paused (retry)')
    const tries = events.filter(({ name }) => name === 'record.handOffFailed')
    expect(tries.length).toBeGreaterThan(1)
    expect(tries.length).toBeLessThanOrEqual(12)

    comeBack()
    await kit.waitFor(() => committed(0) === 4, 'the commit of the partition that waited')
    await kit.waitForRecords(target, 1)
    await kit.time.advance('1m')

    expect(diary.lines.filter(({ what }) => what === 'bad').map(({ attempt }) => attempt)).toEqual(attempts)
    for (const what of ['before', 'behind', 'late'])
      expect(diary.lines.filter((line) => line.what === what)).toHaveLength(1)
    expect(kit.records(target)).toHaveLength(1)
    expect(app.health()).toEqual({ live: true, ready: true, reasons: [] })
    expect(consumer.explain()).toEqual([])
    expect(await app.stop()).toMatchObject({ clean: true })
  },
)

test.each(ways)(
  'what %s did not take when the app was stopped is tried by the next app, as the next attempt',
  async (_what, target, options) => {
    await using kit = await testKit({ topics: { orders: 2 } })
    const never = (): Error => new Error('away')
    const before = worldOf(kit, options, never)
    await before.app.start()
    const comeBack = refuseProduce(kit, target, authorizationFailed)
    const failed = nextEvent(before.app, 'record.handOffFailed')
    kit.broker.append('orders', 0, [{ value: 'bad' }])
    await failed
    await before.app.stop()
    expect(kit.records(target)).toEqual([])
    comeBack()

    const after = worldOf(kit, options, never)
    await after.app.start()
    const [dead] = await kit.waitForRecords('billing.orders.dlq', 1)
    await kit.waitUntilCommitted('billing', 'orders')

    expect([...before.diary.lines, ...after.diary.lines].map(({ attempt }) => attempt)).toEqual([1, 2])
    expect(headersOf(dead ?? { headers: [] })).toMatchObject({ 'holdfast-attempt': '2', 'holdfast-id': 'orders/0/0' })
    await after.app.stop()
  },
)

test('a delay topic whose answers never come may get a record twice, and never not at all', async () => {
  await using kit = await testKit({ topics: { orders: 1 } })
  const { app, diary, consumer, committed } = worldOf(kit, { retry: { delays: ['5s'] } })
  await app.start()
  await consumer.assigned()
  const speakAgain = kit.broker.intercept('Produce', () => 'applyThenDrop')
  kit.broker.append('orders', 0, [{ value: 'bad' }, { value: 'behind' }])
  await kit.waitForRecords('billing.orders.retry.5s', 1)
  await kit.time.advance('45s')
  expect(committed(0) ?? 0).toBe(0)
  speakAgain()
  await kit.waitFor(() => committed(0) === 2, 'the commit of all')
  await kit.time.advance('1m')

  const tried = diary.lines.filter(({ what }) => what === 'bad').map(({ attempt }) => attempt)
  expect(tried[0]).toBe(1)
  expect(tried.slice(1)).toEqual(kit.records('billing.orders.retry.5s').map(() => 2))
  await app.stop()
})
