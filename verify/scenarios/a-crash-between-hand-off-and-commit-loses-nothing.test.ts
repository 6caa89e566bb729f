/** G1, R20, B7: a machine may die at any moment between a failed attempt and the commit that says that its record is
 *  elsewhere now. Then the record may be there twice and be tried more often, never not at all, and never too early. */
import { createHoldfast, type ConsumeOptions, topic } from 'holdfast'
import { testKit, type TestKit } from 'holdfast/testing'
import { expect, test } from 'vitest'
import { Diary, type Fails, headersOf, machineOf, noting, patientApp, type Tried } from './consumer-world.ts'

const orders = topic('orders')
const delayMs = 60_000

/** Calls `crash` when the moment has come. */
type Moment = (kit: TestKit, target: string, crash: () => void) => void

/** Long enough for a commit that waits for no write. */
const muteForMs = 3_000

const whenProduced =
  (fate: (kit: TestKit, crash: () => void) => 'drop' | undefined): Moment =>
  (kit, target, crash) => {
    const forget = kit.broker.intercept('Produce', ({ topics }) => {
      if (!topics.some(({ name }) => name === target)) return undefined
      forget()
      return fate(kit, crash)
    })
  }

const moments: readonly [string, Moment][] = [
  [
    'while the write is on its way',
    whenProduced((kit, crash) => {
      kit.time.setTimer(muteForMs, crash)
      return 'drop'
    }),
  ],
  [
    'when it is stored and not acknowledged',
    whenProduced((_kit, crash) => {
      crash()
      return undefined
    }),
  ],
  [
    'when it is acknowledged and not committed',
    (kit, target, crash) => {
      const forget = kit.broker.intercept('OffsetCommit', () => {
        if (kit.records(target).length === 0) return undefined
        forget()
        crash()
        return 'close'
      })
    },
  ],
]

const ways: readonly [string, ConsumeOptions<Uint8Array>][] = [
  ['billing.orders.retry.1m', { retry: { delays: [delayMs] }, deadLetters: true }],
  ['billing.orders.dlq', { retry: { inPlace: [] }, deadLetters: true }],
]

test.each(
  moments.flatMap(([when, moment]) => ways.map(([target, options]) => [when, target, options, moment] as const)),
)('a crash %s to %s loses nothing, and the retry is not early', async (_when, target, options, moment) => {
  await using kit = await testKit({ topics: { orders: 1 } })
  kit.network.conditions = { ...kit.network.conditions, latencyMs: [2, 9] }
  const diary = new Diary<Tried>()
  const isDying = target === 'billing.orders.dlq'
  const fails: Fails = ({ what, attempt }) =>
    what === 'bad' && (attempt === 1 || isDying) ? new Error('away') : undefined
  const [first, second] = [machineOf(kit, 'first'), machineOf(kit, 'second')]
  const crashed = Promise.withResolvers<void>()
  const before = createHoldfast({ ...patientApp, kafka: { environment: first } })
  before.consume(orders, options, noting(kit, diary, fails))
  await before.start()
  moment(kit, target, () => {
    first.crash()
    crashed.resolve()
  })
  kit.broker.append('orders', 0, [{ value: 'bad' }, { value: 'behind' }])
  await crashed.promise

  const after = createHoldfast({ ...patientApp, kafka: { environment: second } })
  after.consume(orders, options, noting(kit, diary, fails))
  await after.start()
  await kit.waitUntilCommitted('billing', 'orders')
  if (!isDying) await kit.waitUntilCommitted('billing', target)
  await kit.time.advance('5m')

  const copies = kit.records(target)
  expect(copies.length).toBeLessThanOrEqual(2)
  for (const copy of copies) {
    expect(copy.value?.toString()).toBe('bad')
    expect(headersOf(copy)['holdfast-id']).toBe('orders/0/0')
  }
  const tried = diary.lines.filter(({ what }) => what === 'bad')
  // The next owner may know of the failure already and then let the record wait in place.
  const kept = isDying ? copies : tried.filter(({ attempt }) => attempt === 2)
  expect(kept.length).toBeGreaterThanOrEqual(1)
  expect(kept.length).toBeLessThanOrEqual(2)
  for (const { attempt, atMs } of isDying ? [] : tried) {
    expect(attempt === 1 || atMs >= (tried[0]?.atMs ?? 0) + delayMs).toBe(true)
  }
  expect(diary.lines.some(({ what }) => what === 'behind')).toBe(true)
  await after.stop()
})
