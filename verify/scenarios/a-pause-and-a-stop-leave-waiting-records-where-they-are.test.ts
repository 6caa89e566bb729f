/** R19, R29, R32: `pause()` of a consumer holds its delay topics too: what comes due meanwhile is tried after `resume()`. A
 *  stop waits for no record that waits, in place or in a topic, is clean all the same, and forgets nothing. */
import { createHoldfast, type ConsumeOptions, type Consumer, type Holdfast, topic } from 'holdfast'
import { testKit, type TestKit } from 'holdfast/testing'
import { expect, test } from 'vitest'
import { Diary, noting, patientApp, recordEvents, type Tried } from './consumer-world.ts'

const orders = topic('orders')
const once = ({ attempt }: Tried): Error | undefined => (attempt === 1 ? new Error('away') : undefined)

type World = { readonly app: Holdfast; readonly consumer: Consumer }

function open(kit: TestKit, diary: Diary<Tried>, options: ConsumeOptions<Uint8Array>): World {
  const app = createHoldfast({ ...patientApp, kafka: kit.kafka })
  return { app, consumer: app.consume(orders, options, noting(kit, diary, once)) }
}

const places: readonly [string, ConsumeOptions<Uint8Array>][] = [
  ['in a delay topic', { retry: { delays: ['10m'] } }],
  ['in place', { retry: { delays: ['10m'] }, whileRetrying: 'block' }],
]

test.each(places)('what comes due %s during a pause is tried after it, and not before', async (_where, options) => {
  await using kit = await testKit({ topics: { orders: 1 } })
  const diary = new Diary<Tried>()
  const { app, consumer } = open(kit, diary, options)
  kit.broker.append('orders', 0, [{ value: 'a' }])
  await app.start()
  await diary.until((lines) => lines.length === 1)
  await kit.time.advance('1m')

  await consumer.pause()
  kit.broker.append('orders', 0, [{ value: 'b' }])
  await kit.time.advance('30m')
  expect(diary.lines).toHaveLength(1)
  expect(app.health()).toMatchObject({ live: true, ready: true })
  await consumer.resume()
  const resumedAtMs = kit.time.monotonicMs()
  await diary.until((lines) => lines.length === 3)

  expect(
    diary.lines
      .slice(1)
      .map(({ what, attempt }) => `${what}${attempt}`)
      .toSorted((a, b) => a.localeCompare(b)),
  ).toEqual(['a2', 'b1'])
  for (const { atMs } of diary.lines.slice(1)) expect(atMs).toBeLessThan(resumedAtMs + 100)
  await app.stop()
})

test.each(places)('a pause before the first record waits %s survives a restart of the app', async (_where, options) => {
  await using kit = await testKit({ topics: { orders: 1 } })
  const diary = new Diary<Tried>()
  const { app, consumer } = open(kit, diary, options)
  kit.broker.append('orders', 0, [{ value: 'a' }])
  await app.start()
  await diary.until((lines) => lines.length === 1)
  await kit.time.advance('1m')
  await consumer.pause()
  await app.stop()
  await app.start()
  await kit.time.advance('30m')
  expect(diary.lines).toHaveLength(1)

  await consumer.resume()
  await diary.until((lines) => lines.length === 2)

  expect(diary.lines[1]).toMatchObject({ what: 'a', attempt: 2 })
  await app.stop()
})

test.each(places)(
  'a stop while a record waits %s is quick and clean, and the next start goes on',
  async (_where, options) => {
    await using kit = await testKit({ topics: { orders: 1 } })
    const diary = new Diary<Tried>()
    const before = open(kit, diary, options)
    kit.broker.append('orders', 0, [
      { key: 'ann', value: 'a' },
      { key: 'bob', value: 'b' },
    ])
    await before.app.start()
    await diary.until((lines) => lines.length === 2)
    await kit.time.advance('1m')

    const stoppedAtMs = kit.time.monotonicMs()
    const events = recordEvents(before.app)
    expect(await before.app.stop()).toEqual({ clean: true, uncommitted: 0, abandoned: 0 })
    expect(kit.time.monotonicMs() - stoppedAtMs).toBeLessThan(1_000)
    for (const { name, event } of events)
      if (name === 'partition.revoked') expect(event).toMatchObject({ forgottenAttempts: 0 })

    const after = open(kit, diary, options)
    await after.app.start()
    await diary.until((lines) => lines.length === 4)
    expect(diary.lines.slice(2).map(({ what, attempt }) => [what, attempt])).toEqual([
      ['a', 2],
      ['b', 2],
    ])
    for (const [index, { atMs }] of diary.lines.slice(2).entries()) {
      expect(atMs - (diary.lines[index]?.atMs ?? 0)).toBeGreaterThanOrEqual(600_000)
      expect(atMs - (diary.lines[index]?.atMs ?? 0)).toBeLessThan(600_000 + 500)
    }
    await after.app.stop()
  },
)
