import { expect, test } from 'vitest'
import type { DeliveryEvent } from './log.ts'
import { storyOf } from './story.ts'

const at = { topic: 'orders', partition: 0, offset: 3 }
const who = { machine: 'a', group: 'billing' }
const appended: DeliveryEvent = { atMs: 0, kind: 'appended', ...at, key: 'ann', shown: '{"total":10}', copy: null }

test('a story is told in the words of its records', () => {
  const events: DeliveryEvent[] = [
    { atMs: 0, kind: 'started', machine: 'a' },
    appended,
    { atMs: 0, kind: 'asked', ...who },
    { atMs: 5, kind: 'began', ...who, ...at, run: 1, attempt: 1, source: at },
    { atMs: 6, kind: 'called', machine: 'a', run: 1, call: 'charge', end: 'failedAfter' },
    { atMs: 7, kind: 'ended', ...who, ...at, run: 1, result: 'failed', reason: 'Error: no' },
    { atMs: 1_000, kind: 'crashed', machine: 'a' },
  ]

  expect(storyOf(events).split('\n')).toEqual([
    '    0.000  a      ■ starts',
    '    0.000  kafka  + orders 0/3 key ann {"total":10}',
    '    0.005  a      ▶ orders 0/3 key ann attempt 1',
    '    0.006  a        charge: done, but its answer is lost (made to fail)',
    '    0.007  a      ✗ orders 0/3 key ann failed: Error: no',
    '    1.000  a      ■ crashes: its memory is gone',
  ])
})

test('a copy tells what it is a copy of, and when it is due', () => {
  const copy = { group: 'billing', source: at, attempts: 2, dueMs: 30_000, reason: 'no' }
  const place = { topic: 'billing.orders.retry.30s', partition: 0, offset: 0 }

  expect(storyOf([{ ...appended, ...place, copy }])).toBe(
    '    0.000  kafka  + billing.orders.retry.30s 0/0 is orders 0/3 after 2 attempts, due at 30.000',
  )
  expect(storyOf([{ ...appended, ...place, copy: { ...copy, dueMs: null } }])).toContain('a dead letter')
})

test('commits that say nothing new and partitions that leave at a stop are no part of it', () => {
  const committed: DeliveryEvent = { atMs: 1, kind: 'committed', group: 'billing', ...at }
  const left: DeliveryEvent = { atMs: 1, kind: 'left', ...who, topic: 'orders', partition: 0 }
  const stopping: DeliveryEvent = { atMs: 2, kind: 'stopping', machine: 'a' }

  expect(storyOf([{ ...committed, offset: 0 }, committed, committed]).split('\n')).toHaveLength(1)
  expect(storyOf([left, stopping, left]).split('\n')).toHaveLength(1)
})

test('a long story keeps its begin and its end, and says how much is missing', () => {
  const events = Array.from({ length: 100 }, (_, atMs): DeliveryEvent => ({ ...appended, atMs, offset: atMs }))

  const lines = storyOf(events).split('\n')

  expect(lines).toHaveLength(40)
  expect(lines[0]).toContain('orders 0/0')
  expect(lines[19]).toContain('… 61 more lines …')
  expect(lines[39]).toContain('orders 0/99')
})
