/** R10, R19, R22, C6: a record that waits, in place or in a delay topic, is dropped by an owner that loses its partition and
 *  read again by the next one, which knows how often it failed and when it is due. So does the same member when it gets
 *  the partition back. After a crash that holds for what the last acknowledged commit told; the rest begins anew. */
import { createHoldfast, type AppOptions, type ConsumeOptions, type Holdfast, topic } from 'holdfast'
import { type Machine, testKit, type TestKit } from 'holdfast/testing'
import { describe, expect, test } from 'vitest'
import {
  Diary,
  type Fails,
  machineOf,
  nextEvent,
  noting,
  patientApp,
  recordEvents,
  type Tried,
} from './consumer-world.ts'

const orders = topic('orders')
const partitions = 4
const dueAfterMs = 3_600_000
/** Commits tell due times in tenths of a second. */
const latenessMaxMs = 500
const once: Fails = ({ attempt }) => (attempt === 1 ? new Error('away') : undefined)

type Line = Tried & { readonly app: string }
type Options = ConsumeOptions<Uint8Array> & Pick<AppOptions, 'protocol'>

/** Waits of both kinds are exactly an hour: jitter is for `retry.inPlace` only. */
const places: readonly [string, Options][] = [
  ['in place, eager', { retry: { delays: ['1h'] }, whileRetrying: 'block', protocol: 'eager' }],
  ['in place, cooperative', { retry: { delays: ['1h'] }, whileRetrying: 'block', protocol: 'cooperative' }],
  ['in a delay topic, eager', { retry: { delays: ['1h'] }, protocol: 'eager' }],
  ['in a delay topic, cooperative', { retry: { delays: ['1h'] }, protocol: 'cooperative' }],
]

function open(
  kit: TestKit,
  machine: Machine,
  name: string,
  diary: Diary<Line>,
  { protocol, ...options }: Options,
): Holdfast {
  const app = createHoldfast({ ...patientApp, protocol, kafka: { environment: machine } })
  const tried = new Diary<Tried>()
  const attempt = noting(kit, tried, once)
  app.consume(orders, options, (message, context) => {
    try {
      return attempt(message, context)
    } finally {
      diary.note({ ...(tried.lines.at(-1) as Tried), app: name })
    }
  })
  return app
}

function appendOneEach(kit: TestKit): void {
  for (let partition = 0; partition < partitions; partition++) {
    kit.broker.append('orders', partition, [{ value: `of ${partition}` }])
  }
}

/** Every record was tried twice: the second time when it was due, neither earlier nor later. */
function expectKeptWaits(diary: Diary<Line>): void {
  const [firsts, seconds] = [1, 2].map((attempt) => diary.lines.filter((line) => line.attempt === attempt))
  expect(diary.lines).toHaveLength(2 * partitions)
  for (const first of firsts ?? []) {
    const later = seconds?.filter(({ what }) => what === first.what) ?? []
    expect(later).toHaveLength(1)
    expect((later[0]?.atMs ?? 0) - first.atMs).toBeGreaterThanOrEqual(dueAfterMs)
    expect((later[0]?.atMs ?? 0) - first.atMs).toBeLessThan(dueAfterMs + latenessMaxMs)
  }
}

describe.each(places)('a record that waits %s', (_where, options) => {
  test('is due as before for a member that joins, for the one that stays, and after that one is alone again', async () => {
    await using kit = await testKit({ topics: { orders: partitions } })
    const diary = new Diary<Line>()
    const first = open(kit, machineOf(kit, 'first'), 'first', diary, options)
    const second = open(kit, machineOf(kit, 'second'), 'second', diary, options)
    const events = recordEvents(first)
    appendOneEach(kit)
    await first.start()
    await diary.until((lines) => lines.length === partitions)
    await kit.time.advance('10m')

    const joined = nextEvent(second, 'partition.assigned')
    await second.start()
    await joined
    await kit.time.advance('10m')
    expect(diary.lines).toHaveLength(partitions)
    await second.stop()
    await kit.time.advance('10m')
    await second.start()
    await diary.until((lines) => lines.length === 2 * partitions)
    await kit.time.advance('5m')

    expectKeptWaits(diary)
    expect(new Set(diary.lines.map(({ app }) => app))).toEqual(new Set(['first', 'second']))
    for (const { name, event } of events)
      if (name === 'partition.revoked') expect(event).toMatchObject({ forgottenAttempts: 0 })
    await Promise.all([first.stop(), second.stop()])
  })

  test('is due as before for a member that lost everything and joins anew', async () => {
    await using kit = await testKit({ topics: { orders: partitions } })
    const diary = new Diary<Line>()
    const app = open(kit, machineOf(kit, 'first'), 'first', diary, options)
    appendOneEach(kit)
    await app.start()
    await diary.until((lines) => lines.length === partitions)
    await kit.time.advance('10m')

    const lost = nextEvent(app, 'group.lost')
    kit.broker.expireMember('billing', kit.broker.group('billing')?.members[0]?.memberId ?? '')
    await lost
    await diary.until((lines) => lines.length === 2 * partitions)
    await kit.time.advance('5m')

    expectKeptWaits(diary)
    await app.stop()
  })

  test('is due as before after a crash, as the last acknowledged commit told', async () => {
    await using kit = await testKit({ topics: { orders: partitions } })
    const diary = new Diary<Line>()
    const machine = machineOf(kit, 'first')
    const first = open(kit, machine, 'first', diary, options)
    appendOneEach(kit)
    await first.start()
    await diary.until((lines) => lines.length === partitions)
    await kit.time.advance('10m')
    machine.crash()

    const second = open(kit, machineOf(kit, 'second'), 'second', diary, options)
    await second.start()
    await diary.until((lines) => lines.length === 2 * partitions)
    await kit.time.advance('5m')

    expectKeptWaits(diary)
    await second.stop()
  })
})

test('what waits in place and was told by no commit begins anew after a crash', async () => {
  await using kit = await testKit({ topics: { orders: partitions } })
  const diary = new Diary<Line>()
  const machine = machineOf(kit, 'first')
  const options: Options = { retry: { delays: ['1h'] }, whileRetrying: 'block' }
  const first = open(kit, machine, 'first', diary, options)
  const assigned = nextEvent(first, 'partition.assigned')
  await first.start()
  await assigned
  await kit.time.advance('1m')
  const accept = kit.broker.intercept('OffsetCommit', ({ topics }) => ({
    throttleTimeMs: 0,
    topics: topics.map(({ name, partitions: each }) => ({
      name,
      partitions: each.map(({ partitionIndex }) => ({ partitionIndex, errorCode: 14 })),
    })),
  }))
  appendOneEach(kit)
  await diary.until((lines) => lines.length === partitions)
  await kit.time.advance('10m')
  machine.crash()
  accept()

  const second = open(kit, machineOf(kit, 'second'), 'second', diary, options)
  await second.start()
  await diary.until((lines) => lines.length === 3 * partitions)

  expect(diary.lines.map(({ attempt }) => attempt)).toEqual(
    [1, 1, 2].flatMap((attempt) => Array.from({ length: partitions }, () => attempt)),
  )
  await second.stop()
})

test('what waits in place in its delay topic keeps its attempts over restarts', async () => {
  await using kit = await testKit({ topics: { orders: 1 } })
  const diary = new Diary<Tried>()
  const thrice: Fails = ({ attempt }) => (attempt <= 3 ? new Error('away') : undefined)
  // One may wait in place: the second one goes to the topic with attempts in place left.
  const options = { retry: { inPlace: ['1h', '1h', '1h'], buckets: ['1h'] }, parkedRecords: 1 }
  kit.broker.append('orders', 0, [
    { key: 'ann', value: 'a' },
    { key: 'bob', value: 'b' },
  ])
  for (let starts = 0; diary.lines.filter(({ attempt }) => attempt === 4).length < 2 && starts < 40; starts++) {
    const app = createHoldfast({ ...patientApp, kafka: kit.kafka })
    app.consume(orders, options, noting(kit, diary, thrice))
    await app.start()
    await kit.time.advance('20m')
    expect(await app.stop()).toMatchObject({ clean: true })
  }

  for (const what of ['a', 'b']) {
    expect(diary.lines.filter((line) => line.what === what).map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4])
  }
})
