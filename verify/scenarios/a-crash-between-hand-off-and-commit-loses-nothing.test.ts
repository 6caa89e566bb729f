/** G1, R20, B7: a machine may die at any moment between a failed attempt and the commit that says that its record is
 *  elsewhere now. Then the record may be there twice and be tried more often, never not at all, and never too early. */
import { createHoldfast, type ConsumeOptions, topic } from 'holdfast'
import { type Machine, testKit, type TestKit } from 'holdfast/testing'
import { expect, test } from 'vitest'
import { Diary, headersOf, machineOf, noting, patientApp, type Tried } from './consumer-world.ts'

const orders = topic('orders')
const delayMs = 60_000

type Moment = (kit: TestKit, machine: Machine, target: string) => void

const whenProduced =
  (fate: 'close' | undefined): Moment =>
  (kit, machine, target) => {
    const forget = kit.broker.intercept('Produce', ({ topics }) => {
      if (!topics.some(({ name }) => name === target)) return undefined
      forget()
      machine.crash()
      return fate
    })
  }

const moments: readonly [string, Moment][] = [
  ['before the write arrives', whenProduced('close')],
  ['when it is stored and not acknowledged', whenProduced(undefined)],
  [
    'when it is acknowledged and not committed',
    (kit, machine, target) => {
      const forget = kit.broker.intercept('OffsetCommit', () => {
        if (kit.records(target).length === 0) return undefined
        forget()
        machine.crash()
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
  const fails = ({ what, attempt }: Tried): Error | undefined => (what === 'bad' && attempt === 1 ? new Error('away') : undefined)
  const [first, second] = [machineOf(kit, 'first'), machineOf(kit, 'second')]
  let crashes = 0
  const halted = new Promise<void>((resolve) => {
    const crash = first.crash.bind(first)
    first.crash = () => {
      crash()
      crashes += 1
      resolve()
    }
  })
  const before = createHoldfast({ ...patientApp, kafka: { environment: first } })
  before.consume(orders, options, noting(kit, diary, fails))
  await before.start()
  moment(kit, first, target)
  kit.broker.append('orders', 0, [{ value: 'bad' }, { value: 'behind' }])
  await halted

  const after = createHoldfast({ ...patientApp, kafka: { environment: second } })
  after.consume(orders, options, noting(kit, diary, fails))
  await after.start()
  await kit.waitUntilCommitted('billing', 'orders')
  await kit.waitUntilCommitted('billing', target === 'billing.orders.dlq' ? 'orders' : target)
  await kit.time.advance('5m')

  expect(crashes).toBe(1)
  const bad = diary.lines.filter(({ what }) => what === 'bad')
  const copies = kit.records(target)
  expect(copies.length).toBeGreaterThanOrEqual(1)
  expect(copies.length).toBeLessThanOrEqual(2)
  expect(new Set(copies.map((copy) => headersOf(copy)['holdfast-id']))).toEqual(new Set(['orders/0/0']))
  expect(copies.map(({ value }) => value?.toString())).toEqual(copies.map(() => 'bad'))
  if (target !== 'billing.orders.dlq') {
    const retried = bad.filter(({ attempt }) => attempt > 1)
    expect(retried).toHaveLength(copies.length)
    for (const { atMs } of retried) expect(atMs).toBeGreaterThanOrEqual((bad[0]?.atMs ?? 0) + delayMs)
  }
  expect(diary.lines.some(({ what }) => what === 'behind')).toBe(true)
  await after.stop()
})
