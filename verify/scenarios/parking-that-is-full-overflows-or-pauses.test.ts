/** R15, R19: at most `parkedRecords` of a partition wait in place. The next failure goes to a delay topic before its time,
 *  if there is one; where there is none, and always under `block`, the partition pauses and goes on when there is room. */
import { createHoldfast, type ConsumeOptions, type Consumer, type Holdfast, topic } from 'holdfast'
import { testKit, type TestKit } from 'holdfast/testing'
import { expect, test } from 'vitest'
import { Diary, headersOf, noting, patientApp, recordEvents, type Tried } from './consumer-world.ts'

const orders = topic('orders')
const count = 6
const once = ({ attempt }: Tried): Error | undefined => (attempt === 1 ? new Error('away') : undefined)

type World = {
  readonly app: Holdfast
  readonly consumer: Consumer
  readonly diary: Diary<Tried>
  events: ReturnType<typeof recordEvents>
}

/** Six records of six keys fail at their first attempt, two may wait in place. */
async function overfull(kit: TestKit, options: ConsumeOptions<Uint8Array>): Promise<World> {
  const app = createHoldfast({ ...patientApp, kafka: kit.kafka })
  const diary = new Diary<Tried>()
  const consumer = app.consume(orders, { ...options, parkedRecords: 2, concurrency: 1 }, noting(kit, diary, once))
  const events = recordEvents(app)
  kit.broker.append(
    'orders',
    0,
    Array.from({ length: count }, (_, number) => ({ key: `key ${number}`, value: `${number}` })),
  )
  await app.start()
  return { app, consumer, diary, events }
}

const doneTwice = (diary: Diary<Tried>): boolean => diary.lines.filter(({ attempt }) => attempt === 2).length === count
const retryPauses = ({ events }: World): string[] =>
  events
    .filter(({ name, event }) => name.startsWith('partition.') && 'reason' in event && event.reason === 'retry')
    .map(({ name }) => name)

test('what has no room waits in the delay topic, with its attempt, and nothing pauses', async () => {
  await using kit = await testKit({ topics: { orders: 1 } })
  const world = await overfull(kit, { retry: { inPlace: ['10m'], buckets: ['1h'] } })
  await kit.waitForRecords('billing.orders.retry.1h', count - 2)
  expect(world.consumer.status()).toMatchObject({ parked: 2, counts: { retried: count - 2 } })
  await kit.waitFor(() => doneTwice(world.diary), 'a second attempt of each')

  const overflown = kit.records('billing.orders.retry.1h')
  expect(overflown.map(({ value }) => String(value))).toEqual(['2', '3', '4', '5'])
  for (const record of overflown) expect(headersOf(record)).toMatchObject({ 'holdfast-attempt': '1' })
  expect(retryPauses(world)).toEqual([])
  expect(world.consumer.status()?.counts).toMatchObject({ done: count, retried: count - 2 })
  await world.app.stop()
})

test.each([
  ['there is no delay topic', { retry: { inPlace: ['10m'] } }],
  ['nothing may pass', { retry: { delays: ['10m'] }, whileRetrying: 'block' }],
] as const)(
  'where %s the partition pauses while parking is full, and goes on with what has room',
  async (_why, options) => {
    await using kit = await testKit({ topics: { orders: 1 } })
    const world = await overfull(kit, options)
    await world.diary.until((lines) => lines.length === 2)
    await kit.time.settle()

    expect(world.diary.lines).toHaveLength(2)
    expect(world.consumer.status()).toMatchObject({ parked: 2, partitions: [{ pausedFor: ['retry'] }] })
    expect(world.app.health()).toMatchObject({ live: true, ready: true })
    await kit.waitFor(() => doneTwice(world.diary), 'a second attempt of each')
    await kit.waitUntilCommitted('billing', 'orders')

    expect(world.diary.lines).toHaveLength(2 * count)
    const pauses = retryPauses(world)
    expect(pauses.length).toBeGreaterThan(2)
    expect(pauses).toEqual(pauses.map((_, index) => (index % 2 === 0 ? 'partition.paused' : 'partition.resumed')))
    expect(world.consumer.status()).toMatchObject({
      parked: 0,
      counts: { done: count, retried: 0 },
      partitions: [{ pausedFor: [] }],
    })
    expect(kit.broker.topics().filter(({ name }) => name.includes('.retry.'))).toEqual([])
    await world.app.stop()
  },
)
