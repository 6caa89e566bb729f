import { expect, test } from 'vitest'
import { type GuaranteeName, guarantees, noDeadLetters, type Reading } from './guarantees.ts'
import type { At, Copy, DeliveryEvent } from './log.ts'

// Each test tells a story by hand: what an observer would have written down, a millisecond between two events that say
// nothing else. Whatever is not said is about machine `a` and record `k` in partition 0 of the source.

type Unstamped<E> = E extends unknown ? Omit<E, 'atMs'> : never
type Told = Unstamped<DeliveryEvent> & { readonly atMs?: number }

const group = 'billing'
const delayTopic = 'billing.orders.retry.30s'
const deadLetters = 'billing.orders.dlq'
const orders: Reading = {
  group,
  topic: 'orders',
  order: 'key',
  attemptTimeoutMs: 2_000,
  abortGraceMs: 500,
  isDelayTopic: false,
  deadLetters,
}
const delayed: Reading = { ...orders, topic: delayTopic, isDelayTopic: true }

const source = (offset: number): At => ({ topic: 'orders', partition: 0, offset })
const who = (machine = 'a') => ({ machine, group })
const appended = (offset: number, key: string | null = 'k'): Told => ({
  kind: 'appended',
  ...source(offset),
  key,
  shown: '',
  copy: null,
})
const stored = (offset: number, of: number, more: Partial<Copy> & { topic?: string } = {}): Told => {
  const { topic = delayTopic, ...rest } = more
  const copy = { group, source: source(of), attempts: 1, dueMs: 0, reason: 'no', ...rest }
  return { kind: 'appended', topic, partition: 0, offset, key: 'k', shown: '', copy }
}
const began = (
  run: number,
  offset: number,
  more: { machine?: string; attempt?: number; atMs?: number; topic?: string } = {},
): Told => {
  const { machine, attempt = 1, ...rest } = more
  return { kind: 'began', ...who(machine), run, attempt, ...source(offset), source: source(offset), ...rest }
}
const ended = (
  run: number,
  offset: number,
  more: { machine?: string; result?: 'done' | 'failed' | 'filtered'; atMs?: number; topic?: string } = {},
): Told => {
  const { machine, result = 'done', ...rest } = more
  return { kind: 'ended', ...who(machine), run, result, reason: null, ...source(offset), ...rest }
}
const handled = (run: number, offset: number, machine = 'a'): Told[] => [
  began(run, offset, { machine }),
  ended(run, offset, { machine }),
]
const announced = (offset: number, dueMs: number): Told => ({
  kind: 'retryAnnounced',
  ...who(),
  ...source(offset),
  attempt: 1,
  dueMs,
})
const committed = (offset: number): Told => ({ kind: 'committed', group, ...source(offset) })
const asked = (machine = 'a'): Told => ({ kind: 'asked', ...who(machine) })
const left = (machine = 'a'): Told => ({ kind: 'left', ...who(machine), topic: 'orders', partition: 0 })
const drained: Told = { kind: 'drained' }

/** What is broken, by name. */
function broken(told: readonly Told[], readings: readonly Reading[] = [orders, delayed]): Record<string, string[]> {
  let nowMs = 0
  const events = told.map((event) => {
    nowMs = event.atMs ?? nowMs + 1
    return { ...event, atMs: nowMs }
  })
  const sentences = [...guarantees, noDeadLetters].map((guarantee): [GuaranteeName, string[]] => [
    guarantee.name,
    guarantee.broken({ events, readings }),
  ])
  return Object.fromEntries(sentences.filter(([, found]) => found.length > 0))
}

test('a story in which all goes well breaks nothing, faults, retries and filters included', () => {
  const story = [
    ...[0, 1, 2, 3].map((offset) => appended(offset, offset === 3 ? null : 'k')),
    asked(),
    ...handled(1, 0),
    began(2, 1),
    ended(2, 1, { result: 'failed' }),
    announced(1, 500),
    committed(1),
    began(3, 3),
    ended(3, 3, { result: 'filtered' }),
    began(4, 1, { attempt: 2, atMs: 500 }),
    { kind: 'crashed', machine: 'a' } as const,
    asked('b'),
    ...handled(5, 1, 'b'),
    began(6, 2, { machine: 'b' }),
    ended(6, 2, { machine: 'b', result: 'failed' }),
    stored(0, 2, { dueMs: 30_000 }),
    { kind: 'handedOff', ...who('b'), ...source(2) } as const,
    committed(4),
    began(7, 0, { machine: 'b', topic: delayTopic, attempt: 2, atMs: 30_000 }),
    ended(7, 0, { machine: 'b', topic: delayTopic }),
    { kind: 'committed', group, topic: delayTopic, partition: 0, offset: 1 } as const,
    drained,
  ]

  expect(broken(story)).toEqual({})
})

test('at least once: a record that nobody finished is lost when everything is committed', () => {
  const story = [appended(0), appended(1), ...handled(1, 0), began(2, 1), ended(2, 1, { result: 'failed' })]

  expect(broken([...story, drained])).toEqual({
    'at least once': ['orders 0/1 was never done by billing, and yet everything is committed'],
  })
  expect(broken(story)).toEqual({})
})

test('at least once: each group that reads a topic must have done its records', () => {
  const other = { ...orders, group: 'shipping' }

  expect(broken([appended(0), ...handled(1, 0), drained], [orders, other])).toEqual({
    'at least once': ['orders 0/0 was never done by shipping, and yet everything is committed'],
  })
})

test('no dead letters: a record that dies is told with its last reason, and is not lost', () => {
  const dead = stored(0, 0, { topic: deadLetters, attempts: 4, dueMs: null, reason: 'the total is negative' })

  expect(broken([appended(0), began(1, 0), ended(1, 0, { result: 'failed' }), dead, committed(1), drained])).toEqual({
    'no dead letters': ['orders 0/0 died after 4 attempts, the last one left alone: the total is negative'],
  })
})

test('order: a record may not begin before the one below it in its lane is done, nor beside it', () => {
  const beside = [appended(0), appended(1), began(1, 0), began(2, 1), ended(1, 0), ended(2, 1)]
  const before = [appended(0), appended(1), began(1, 0), ended(1, 0, { result: 'failed' }), ...handled(2, 1)]

  expect(broken(beside)).toEqual({
    order: [
      'at 0.004 s a began attempt 1 of orders 0/1 while orders 0/0 was running',
      'at 0.004 s a began attempt 1 of orders 0/1 before 0 of its lane was done',
    ],
  })
  expect(broken(before)).toEqual({
    order: ['at 0.005 s a began attempt 1 of orders 0/1 before 0 of its lane was done'],
  })
  expect(broken(beside, [{ ...orders, order: 'none' }])).toEqual({})
})

test('order: lanes are those of the settings, and records without a key are alone', () => {
  const story = [appended(0, 'ann'), appended(1, 'bob'), began(1, 0), began(2, 1), ended(1, 0), ended(2, 1)]
  const keyless = [appended(0, null), appended(1, null), began(1, 0), began(2, 1), ended(1, 0), ended(2, 1)]

  expect(broken(story)).toEqual({})
  expect(broken(keyless)).toEqual({})
  expect(Object.keys(broken(story, [{ ...orders, order: 'partition' }]))).toEqual(['order'])
})

test('order: what waits in a delay topic holds nobody up', () => {
  const failed = [appended(0), appended(1), began(1, 0), ended(1, 0, { result: 'failed' })]

  expect(Object.keys(broken([...failed, ...handled(2, 1)]))).toEqual(['order'])
  expect(broken([...failed, stored(0, 0), ...handled(2, 1)])).toEqual({})
})

test('order: in a delay topic the time is the order, and attempts of a key still never overlap', () => {
  const copies = [appended(0), appended(1), stored(0, 0, { attempts: 0 }), stored(1, 1, { attempts: 0 })]
  const late = began(2, 0, { topic: delayTopic })
  const first = [began(1, 1, { topic: delayTopic }), ended(1, 1, { topic: delayTopic })]

  expect(broken([...copies, ...first, late])).toEqual({})
  expect(
    broken([...copies, late, ended(2, 0, { topic: delayTopic, result: 'failed' }), began(1, 1, { topic: delayTopic })]),
  ).toEqual({})
  expect(Object.keys(broken([...copies, late, began(1, 1, { topic: delayTopic })]))).toEqual(['order'])
})

test('no early retry: neither in place nor from a delay topic does an attempt begin before its time', () => {
  const failed = [appended(0), began(1, 0), ended(1, 0, { result: 'failed' })]
  const inPlace = [...failed, announced(0, 1_000)]
  const copied = [...failed, stored(0, 0, { dueMs: 30_000 })]

  expect(broken([...inPlace, began(2, 0, { attempt: 2, atMs: 999 })])).toEqual({
    'no early retry': ['at 0.999 s a began attempt 2 of orders 0/0, which was due at 1.000 s'],
  })
  expect(broken([...inPlace, began(2, 0, { attempt: 2, atMs: 1_000 })])).toEqual({})
  expect(Object.keys(broken([...copied, began(2, 0, { attempt: 2, topic: delayTopic, atMs: 29_990 })]))).toEqual([
    'no early retry',
  ])
})

test('contiguous commits: nothing is committed above a record that is not finished', () => {
  const story = [appended(0), appended(1, 'other'), began(1, 0), ...handled(2, 1), committed(2)]

  expect(broken(story)).toEqual({
    'contiguous commits': ['at 0.006 s orders 0/2 was committed while orders 0/0 was not done'],
  })
  expect(
    broken([appended(0), appended(1, 'other'), began(1, 0), ...handled(2, 1), stored(0, 0), committed(2)]),
  ).toEqual({})
})

test('contiguous commits: a copy counts only once it is stored, and must itself be finished', () => {
  const story = [appended(0), began(1, 0), ended(1, 0, { result: 'failed' })]
  const ofCopy: Told = { kind: 'committed', group, topic: delayTopic, partition: 0, offset: 1 }

  expect(Object.keys(broken([...story, committed(1), stored(0, 0)]))).toEqual(['contiguous commits'])
  expect(Object.keys(broken([...story, stored(0, 0), committed(1), ofCopy]))).toEqual(['contiguous commits'])
})

test('bounded duplicates: what is done is not handled again while its partition stays', () => {
  const again = [appended(0), ...handled(1, 0), ...handled(2, 0)]

  expect(broken(again)).toEqual({
    'bounded duplicates': [
      'at 0.004 s a began attempt 1 of orders 0/0, which it had done, and the partition had not left',
    ],
  })
  expect(broken([appended(0), ...handled(1, 0), left(), ...handled(2, 0)])).toEqual({})
  expect(broken([appended(0), ...handled(1, 0), ...handled(2, 0, 'b')])).toEqual({})
  expect(Object.keys(broken([appended(0), ...handled(1, 0), left('b'), ...handled(2, 0)]))).toEqual([
    'bounded duplicates',
  ])
})

test('bounded duplicates: a result that came after the abort of its attempt does not count', () => {
  const late = [appended(0), began(1, 0), ended(1, 0, { atMs: 2_200 }), announced(0, 2_300)]

  expect(broken([...late, began(2, 0, { attempt: 2, atMs: 2_300 })])).toEqual({})
})

test('bounded duplicates: what was committed when a machine asked is not handled by it', () => {
  const story = [appended(0), ...handled(1, 0), committed(1), asked('b'), ...handled(2, 0, 'b')]

  expect(broken(story)).toEqual({
    'bounded duplicates': ['at 0.006 s b began attempt 1 of orders 0/0, although 1 was committed before'],
  })
  expect(broken([appended(0), ...handled(1, 0), asked('b'), committed(1), ...handled(2, 0, 'b')])).toEqual({})
})

test('everything ends: a run that is stuck says why, and so does an app that gives up', () => {
  expect(broken([{ kind: 'stuck', reason: 'partition 0 stands still' }])).toEqual({
    'everything ends': ['partition 0 stands still'],
  })
  expect(broken([{ kind: 'failed', machine: 'a', reason: 'fenced' }])).toEqual({ 'everything ends': ['a: fenced'] })
})

test('dead letters that are themselves read must be done too', () => {
  const dead = stored(0, 0, { topic: deadLetters, attempts: 4, dueMs: null })
  const undertaker: Reading = { ...orders, topic: deadLetters, deadLetters: null }
  const story = [appended(0), dead, committed(1)]

  expect(broken([...story, drained], [orders, undertaker])).toMatchObject({
    'at least once': [`${deadLetters} 0/0 was never done by billing, and yet everything is committed`],
  })
  const done = [began(1, 0, { topic: deadLetters }), ended(1, 0, { topic: deadLetters })]
  expect(Object.keys(broken([...story, ...done, drained], [orders, undertaker]))).toEqual(['no dead letters'])
})
