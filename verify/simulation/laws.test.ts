/** Each law against a story that breaks it, told by hand, and all of them against one that is lawful. A law that no story
 *  can break would prove nothing. */

import { describe, expect, test } from 'vitest'
import { boundStories } from './bound-laws.fixture.ts'
import { commitStories } from './commit-laws.fixture.ts'
import { divisionStories } from './division-laws.fixture.ts'
import { freshnessStories } from './freshness-laws.fixture.ts'
import { groupStories } from './group-laws.fixture.ts'
import { laws, violationsOf } from './laws.ts'
import { lifeStories } from './life-laws.fixture.ts'
import { orderStories } from './order-laws.fixture.ts'
import { policyStories } from './policy-laws.fixture.ts'
import { progressStories } from './progress-laws.fixture.ts'
import { requestStories } from './request-laws.fixture.ts'
import { retryStories } from './retry-laws.fixture.ts'
import { sendStories } from './send-laws.fixture.ts'
import {
  aborted,
  announced,
  appended,
  asked,
  assigned,
  beats,
  began,
  committed,
  ended,
  expelled,
  heard,
  joins,
  left,
  life,
  sent,
  stopped,
  story,
  terms,
  type Stories,
} from './story.fixture.ts'

const unlawful: Stories = {
  ...commitStories,
  ...orderStories,
  ...retryStories,
  ...policyStories,
  ...freshnessStories,
  ...groupStories,
  ...divisionStories,
  ...requestStories,
  ...progressStories,
  ...boundStories,
  ...lifeStories,
  ...sendStories,
}

describe('every law', () => {
  for (const { name } of laws) {
    test(`${name} is broken by a story that breaks it`, () => {
      const stories = unlawful[name] ?? []
      expect(stories.length).toBeGreaterThan(0)
      for (const [what, events, more] of stories) {
        const broken = new Set(violationsOf(events, { ...terms, ...more }).map(({ law }) => law))
        expect([what, broken.has(name)]).toEqual([what, true])
      }
    })
  }
})

test('a lawful story with a retry, a crash, a loss, a zombie and two clean stops breaks no law', () => {
  const events = story(
    life('switchedOn', 'a'),
    ...joins('a', 1),
    committed(0),
    ...[appended(0), appended(1), appended(2, 'l'), appended(3, null)],
    began(1, 0, { machine: 'a' }),
    ended(1, 0, { machine: 'a' }),
    committed(1),
    began(2, 1, { machine: 'a' }),
    life('crashed', 'a'),
    life('switchedOn'),
    life('started'),
    ...joins('b', 2),
    asked(),
    began(3, 1),
    ended(3, 1, { result: 'failed', atMs: 100 }),
    announced(1, 150),
    began(4, 2),
    ended(4, 2),
    began(5, 1, { attempt: 2, atMs: 150 }),
    ended(5, 1),
    left(),
    ...joins('b', 3),
    asked(),
    { kind: 'healed' },
    // Offset 2 was done and not committed when the partition left, so it comes again; 3 ignores its abort.
    began(6, 2, { atMs: 1_000 }),
    began(7, 3, { atMs: 1_000 }),
    ended(6, 2),
    committed(3),
    ...beats('b', 3, 2_500),
    aborted(7, 3, { atMs: 3_000 }),
    appended(4, 'm'),
    appended(5, 'n'),
    began(8, 4, { atMs: 3_500 }),
    began(9, 5, { atMs: 3_500 }),
    ended(7, 3, { atMs: 4_000 }),
    ended(8, 4),
    ended(9, 5),
    committed(6),
    { kind: 'drained' },
    { kind: 'counted', machine: 'b', accepted: 8, accounted: 8, alreadyDone: 0 },
    life('stopping'),
    left(),
    sent('LeaveGroup', 1),
    stopped(),
    life('switchedOn', 'd'),
    ...joins('d', 4),
    asked('d'),
    appended(6),
    began(10, 6, { machine: 'd' }),
    ended(10, 6, { machine: 'd' }),
    committed(7),
  )
  expect(violationsOf(events, terms)).toEqual([])
})

test('a member that the group forgot goes on until it hears of that, whatever it asks meanwhile', () => {
  const events = story(
    ...[
      appended(0),
      appended(1),
      ...joins('a', 1),
      committed(0),
      assigned('a'),
      asked('a'),
      began(1, 0, { machine: 'a' }),
    ],
    ...[expelled('a'), ...joins('b', 2), assigned('b'), asked('b'), asked('a'), ended(1, 0, { machine: 'a' })],
    ...[began(2, 0), began(3, 1, { machine: 'a' })],
  )
  expect(violationsOf(events, { ...terms, isCalm: false })).toEqual([])
})

test('a member that the group forgot may repeat what another one finished before it stopped', () => {
  const events = story(
    ...[appended(0), ...joins('a', 1), committed(0), assigned('a'), expelled('a')],
    ...[...joins('b', 2), assigned('b'), asked('b'), began(1, 0), ended(1, 0), committed(1)],
    ...[life('stopping'), left(), stopped(), began(2, 0, { machine: 'a' })],
  )
  expect(violationsOf(events, { ...terms, isCalm: false })).toEqual([])
})

test('an attempt that was aborted holds its permit until its grace is over, and no longer', () => {
  const events = story(
    ...[appended(0, 'a'), appended(1, 'b'), appended(2, 'c'), appended(3, 'd')],
    ...[...joins('b', 1), committed(0), began(1, 0), began(2, 1)],
    ...[aborted(1, 0, { atMs: 300 }), aborted(2, 1, { atMs: 300 })],
    ...[began(3, 2, { atMs: 800 }), began(4, 3, { atMs: 800 })],
  )
  expect(violationsOf(events, terms)).toEqual([])
})

test('what is in flight when a partition leaves may end out of order: that is counted elsewhere, not forbidden', () => {
  const events = story(
    ...[appended(0), appended(1), ...joins('b', 1), committed(0), began(1, 0)],
    ...[aborted(1, 0), left(), ...joins('b', 2), asked()],
    ...[ended(1, 0), began(2, 0), ended(2, 0), began(3, 1)],
  )
  expect(violationsOf(events, { ...terms, isCalm: false })).toEqual([])
})

test('during a stop, what lies below a record that has begun is finished, so that nothing must be repeated', () => {
  const events = story(
    ...[appended(0, 'a'), appended(1, 'b'), ...joins('b', 1), committed(0), began(1, 1), ended(1, 1), life('stopping')],
    ...[began(2, 0), ended(2, 0), committed(2), left(), stopped()],
  )
  expect(violationsOf(events, terms)).toEqual([])
})

test('a join in flight keeps the lease, and looking for the coordinator excuses from heartbeats', () => {
  const events = story(
    ...[appended(0), appended(1, 'l'), ...joins('b', 1, { atMs: 0 }), committed(0)],
    ...[sent('FindCoordinator', 1, { atMs: 2_000 }), heard('FindCoordinator', 1, { atMs: 4_900 })],
    ...[sent('JoinGroup', 2, { memberId: 'b-1', atMs: 4_950 }), began(1, 0, { atMs: 9_000 }), began(2, 1)],
  )
  expect(violationsOf(events, { ...terms, protocol: 'cooperative', isCalm: false })).toEqual([])
})
