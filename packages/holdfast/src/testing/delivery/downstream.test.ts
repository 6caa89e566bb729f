import { expect, test } from 'vitest'
import { SeededRandom } from '../seeded-random.ts'
import { VirtualClock } from '../virtual-clock.ts'
import { Downstream, DownstreamError, type HandlerCall, handlerCalls } from './downstream.ts'
import { DeliveryLog } from './log.ts'
import type { CallPlan } from './plan.ts'

const calm: CallPlan = { latencyMaxMs: 0, fails: 0, hangs: 0, spared: new Set() }

function stage(plan: Partial<CallPlan>) {
  const clock = new VirtualClock()
  const view = clock.view('a')
  const log = new DeliveryLog(() => clock.monotonicMs())
  const random = new SeededRandom(1)
  const downstream = new Downstream({
    machine: 'a',
    clock: view,
    random,
    plan: { ...calm, ...plan },
    log,
    onMoment: () => undefined,
  })
  const stop = new AbortController()
  const within = (name: string, more: Partial<HandlerCall> = {}): HandlerCall => {
    const source = { topic: 'orders', partition: 0, offset: 0 }
    return { run: 1, source, name, attempt: 1, attemptsMax: 3, signal: () => stop.signal, calls: 0, ...more }
  }
  const ends = (): string[] => log.events.flatMap((event) => (event.kind === 'called' ? [event.end] : []))
  return { clock, view, downstream, within, ends, stop }
}

/** Calls once for each of many records. */
async function callMany(
  { clock, downstream, within }: ReturnType<typeof stage>,
  more: Partial<HandlerCall> = {},
  from = 0,
) {
  let effects = 0
  const call = downstream.faulty(() => {
    effects += 1
    return effects
  }, 'charge')
  const results = await clock.runUntil(
    Promise.allSettled(
      Array.from({ length: 100 - from }, (_, index) =>
        handlerCalls.run(within(String(from + index), more), () => call()),
      ),
    ),
  )
  return { effects, rejected: (results ?? []).filter((result) => result.status === 'rejected') }
}

test('without faults a call does what its function does, and gives what it gives', async () => {
  const { downstream, clock } = stage({ latencyMaxMs: 20 })
  const add = downstream.faulty(async (one: number, other: number) => one + other)
  const refuse = downstream.faulty(() => {
    throw new RangeError('no')
  })

  await expect(clock.runUntil(add(1, 2))).resolves.toBe(3)
  await expect(clock.runUntil(refuse())).rejects.toThrow('no')
  expect(clock.monotonicMs()).toBeGreaterThan(0)
})

test('a call that is made to fail says whether it took effect, and tells the truth', async () => {
  const calls = stage({ fails: 1 })

  const { effects, rejected } = await callMany(calls)

  const reasons = rejected.map(({ reason }) => reason as DownstreamError)
  expect(reasons).toHaveLength(100)
  expect(reasons.filter(({ tookEffect }) => tookEffect)).toHaveLength(effects)
  expect(calls.ends().filter((end) => end === 'failedAfter')).toHaveLength(effects)
  expect(effects).toBeGreaterThan(20)
  expect(effects).toBeLessThan(80)
})

test('the last attempt of a record is never disturbed, nor is what no handler calls', async () => {
  expect(await callMany(stage({ fails: 1 }), { attempt: 3, attemptsMax: 3 })).toMatchObject({
    effects: 100,
    rejected: [],
  })
  expect(await callMany(stage({ hangs: 1 }), { attempt: 1, attemptsMax: 1 })).toMatchObject({
    effects: 100,
    rejected: [],
  })
  const { downstream, clock } = stage({ fails: 1 })
  await expect(clock.runUntil(downstream.faulty(() => 1)())).resolves.toBe(1)
})

test('a call that is spared changes the fate of no other', async () => {
  const before = stage({ fails: 0.5 })
  await callMany(before)
  const [spared = '', ...others] = before.downstream.faulted
  const after = stage({ fails: 0.5, spared: new Set([spared]) })
  await callMany(after)

  expect(others.length).toBeGreaterThan(20)
  expect(after.downstream.faulted).toEqual(others)
})

test('a message that is left out changes the fate of no other', async () => {
  const all = stage({ fails: 0.5 })
  await callMany(all)
  const some = stage({ fails: 0.5 })
  await callMany(some, {}, 7)

  expect(all.downstream.faulted.length).toBeGreaterThan(20)
  expect(some.downstream.faulted).toEqual(all.downstream.faulted.filter((name) => Number(name.split(' ')[1]) >= 7))
})

test('a call that hangs ends after a minute, or when its attempt is aborted', async () => {
  const patient = stage({ hangs: 1 })
  const { rejected } = await callMany(patient)
  expect(patient.clock.monotonicMs()).toBe(60_000)
  expect(patient.ends().every((end) => end.startsWith('hung'))).toBe(true)
  expect(rejected.every(({ reason }) => reason instanceof DownstreamError)).toBe(true)

  const aborted = stage({ hangs: 1 })
  aborted.clock.setTimer(1_000, () => aborted.stop.abort(new Error('time is up')))
  const { rejected: refused } = await callMany(aborted)
  expect(refused.filter(({ reason }) => reason.message === 'time is up').length).toBeGreaterThan(20)
})

test('on a machine that crashed nothing goes on', async () => {
  const { downstream, clock, view } = stage({ latencyMaxMs: 20 })
  let effects = 0
  const call = downstream.faulty(() => (effects += 1))
  void call()
  view.halt()
  await clock.advance('1h')

  expect(effects).toBe(0)
})
