/** Each law against a story that breaks it, told by hand, and all of them against one that is lawful. A law that no story
 *  can break would prove nothing. */

import { describe, expect, test } from 'vitest'
import { freshnessStories } from './freshness-laws.fixture.ts'
import { laws, violationsOf } from './laws.ts'
import { policyStories } from './policy-laws.fixture.ts'
import {
  terms,
  story,
  delayTopic,
  deadLetters,
  appended,
  stored,
  began,
  ended,
  aborted,
  assigned,
  expelled,
  committed,
  asked,
  handedOff,
  life,
  stopped,
  left,
  announced,
  failed,
} from './story.fixture.ts'
import { type TraceEvent } from './trace.ts'

/** By law: stories that break it, each with what makes it unlawful. */
const unlawful: Readonly<Record<string, readonly (readonly [what: string, events: readonly TraceEvent[]])[]>> = {
  ...policyStories,
  ...freshnessStories,
  'nothing-lost': [
    [
      'a record that nobody handled',
      story(appended(0), appended(1, 'l'), began(1, 0), ended(1, 0), { kind: 'drained' }),
    ],
    [
      'a record that went to a delay topic and was forgotten there',
      story(appended(0), ...failed(1, 0, 0), stored(0, 0), { kind: 'drained' }),
    ],
  ],
  'marks-claim-only-finished': [
    [
      'a record that runs and is marked',
      story(appended(0), appended(1, 'l'), began(1, 0), began(2, 1), committed(0, { finished: [1] })),
    ],
    [
      'a copy that is marked although the record goes nowhere from it',
      story(appended(0), ...failed(1, 0, 0), stored(0, 0), committed(0, { topic: delayTopic, finished: [0] })),
    ],
    [
      'attempts that nobody made',
      story(appended(0), ...failed(1, 0, 9), committed(0, { failed: [{ offset: 0, attempts: 2, dueMs: 9 }] })),
    ],
  ],
  'commit-never-passes-unfinished': [
    [
      'a commit above a record before its copy is stored',
      story(appended(0), ...failed(1, 0, 0), committed(1), stored(0, 0)),
    ],
    [
      'a commit in a delay topic above a copy that nobody handled',
      story(appended(0), ...failed(1, 0, 0), stored(0, 0), committed(1), committed(1, { topic: delayTopic })),
    ],
    ['a commit above a running record', story(appended(0), began(1, 0), committed(1), ended(1, 0))],
    [
      'a commit above a record that failed',
      story(appended(0), began(1, 0), ended(1, 0, { result: 'failed' }), committed(1)),
    ],
    ['one beyond the highest', story(appended(0), began(1, 0), ended(1, 0), appended(1), committed(2))],
  ],
  'commit-never-goes-back': [
    ['a late commit', story(appended(0), began(1, 0), ended(1, 0), committed(1), committed(0))],
  ],
  'marked-is-never-repeated': [
    [
      'a restart below the commit',
      story(
        ...[appended(0), began(1, 0, { machine: 'a' }), ended(1, 0, { machine: 'a' })],
        ...[committed(1), asked(), began(2, 0)],
      ),
    ],
    [
      'a record that was marked above the line',
      story(
        ...[appended(0), appended(1, 'l'), began(1, 1, { machine: 'a' }), ended(1, 1, { machine: 'a' })],
        ...[committed(0, { finished: [1] }), asked(), began(2, 1)],
      ),
    ],
    [
      'a copy that was marked in its delay topic',
      story(
        ...[appended(0), ...failed(1, 0, 0), stored(0, 0)],
        ...[began(2, 0, { topic: delayTopic, of: 0, attempt: 2 }), ended(2, 0, { topic: delayTopic })],
        ...[committed(1, { topic: delayTopic }), asked(), began(3, 0, { topic: delayTopic, of: 0, attempt: 2 })],
      ),
    ],
  ],
  'clean-stop-repeats-nothing': [
    [
      'a finished record that the next process handles',
      story(appended(0), began(1, 0), ended(1, 0), life('stopping'), left(), stopped(), began(2, 0, { machine: 'c' })),
    ],
    [
      'a record that was handed off',
      story(
        ...[appended(0), ...failed(1, 0, 0), stored(0, 0), handedOff(0)],
        ...[life('stopping'), left(), stopped(), began(2, 0, { machine: 'c' })],
      ),
    ],
    [
      'attempts of a parked record that begin anew',
      story(appended(0), ...failed(1, 0, 0), life('stopping'), left(), stopped(), began(2, 0, { machine: 'c' })),
    ],
  ],
  'lane-order': [
    [
      'a follower that starts while its predecessor waits for a retry',
      story(appended(0), appended(1), began(1, 0), ended(1, 0, { result: 'failed' }), announced(0, 9), began(2, 1)),
    ],
    ['a predecessor that starts late', story(appended(0), appended(1), began(1, 1), ended(1, 1), began(2, 0))],
  ],
  'lane-never-overlaps': [
    ['two of a key at once', story(appended(0), appended(1), began(1, 0), began(2, 1))],
    [
      'two attempts of one record, the partition having left in between',
      story(appended(0), began(1, 0), left(), began(2, 0)),
    ],
  ],
  'first-completions-in-order': [
    [
      'the later record first, in two processes',
      story(
        appended(0),
        appended(1),
        began(1, 1, { machine: 'a' }),
        ended(1, 1, { machine: 'a' }),
        began(2, 0),
        ended(2, 0),
      ),
    ],
  ],
  'done-once-by-its-owner': [
    ['a record handled twice', story(appended(0), began(1, 0), ended(1, 0), began(2, 0))],
    ['a record that was handed off', story(appended(0), ...failed(1, 0, 0), stored(0, 0), handedOff(0), began(2, 0))],
  ],
  'one-owner': [
    [
      'a member that goes on after the group gave its partition to another',
      story(
        ...[appended(0), appended(1), assigned('a'), began(1, 0, { machine: 'a' })],
        ...[assigned('a', 'nothing'), assigned('b'), began(2, 1, { machine: 'a' })],
      ),
    ],
    [
      'one that was forgotten, is back, and goes on with what it had before',
      story(
        ...[appended(0), assigned('a'), expelled('a'), assigned('a', 'nothing'), assigned('b')],
        began(1, 0, { machine: 'a' }),
      ),
    ],
  ],
  'attempts-count-on': [
    ['an attempt that nothing counts up to', story(appended(0), ...failed(1, 0, 0), began(2, 0, { attempt: 3 }))],
    [
      'a copy that begins anew',
      story(appended(0), ...failed(1, 0, 0), stored(0, 0), began(2, 0, { topic: delayTopic, of: 0, attempt: 1 })),
    ],
    [
      'a committed attempt that is made again',
      story(
        ...[
          appended(0),
          ...failed(1, 0, 0, { machine: 'a' }),
          committed(0, { failed: [{ offset: 0, attempts: 1, dueMs: 0 }] }),
        ],
        ...[asked(), began(2, 0)],
      ),
    ],
    [
      'more attempts than there are',
      story(
        ...[appended(0), ...failed(1, 0, 0), ...failed(2, 0, 0, { attempt: 2 }), ...failed(3, 0, 0, { attempt: 3 })],
        ...[...failed(4, 0, 0, { attempt: 4 }), ...failed(5, 0, 0, { attempt: 5 })],
      ),
    ],
    [
      'another attempt of what was hopeless',
      story(appended(0, 'k', 'hopeless 1'), ...failed(1, 0, 0), began(2, 0, { attempt: 2 })),
    ],
    [
      'a message that comes from elsewhere than its headers say',
      story(
        appended(0),
        appended(1),
        ...failed(1, 0, 0),
        stored(0, 0),
        began(2, 0, { topic: delayTopic, of: 1, attempt: 2 }),
      ),
    ],
  ],
  'dead-letters-are-the-lost': [
    [
      'a dead letter that could have been done',
      story(appended(0), ...failed(1, 0, null), stored(0, 0, { topic: deadLetters })),
    ],
    [
      'a lost record that is none',
      story(appended(0, 'k', 'doomed'), ...failed(1, 0, 0), began(2, 0, { attempt: 2 }), ended(2, 0), {
        kind: 'drained',
      }),
    ],
    [
      'attempts that it had not',
      story(appended(0, 'k', 'doomed'), ...failed(1, 0, null), stored(0, 0, { topic: deadLetters, attempts: 3 })),
    ],
    ['a handler that sees what cannot be decoded', story(appended(0, 'k', 'undecodable'), began(1, 0))],
  ],
  'handed-off-is-stored': [['a hand-off without a copy', story(appended(0), ...failed(1, 0, 0), handedOff(0))]],
  'concurrency-limit': [
    [
      'three at once',
      story(appended(0, 'a'), appended(1, 'b'), appended(2, 'c'), began(1, 0), began(2, 1), began(3, 2)),
    ],
    [
      'a third one, the others being aborted but within their grace',
      story(
        ...[appended(0, 'a'), appended(1, 'b'), appended(2, 'c'), began(1, 0), began(2, 1)],
        ...[aborted(1, 0, { atMs: 2_000 }), aborted(2, 1, { atMs: 2_000 }), began(3, 2, { atMs: 2_499 })],
      ),
    ],
  ],
  'attempt-not-before-its-time': [
    [
      'an early retry',
      story(
        appended(0),
        began(1, 0),
        ended(1, 0, { result: 'failed' }),
        announced(0, 500),
        began(2, 0, { attempt: 2, atMs: 499 }),
      ),
    ],
    ['a second attempt that nothing announced', story(appended(0), began(2, 0, { attempt: 2 }))],
    [
      'an early retry by the next owner',
      story(
        appended(0),
        ...failed(1, 0, 500),
        left(),
        asked('c'),
        began(2, 0, { machine: 'c', attempt: 2, atMs: 498 }),
      ),
    ],
    [
      'a copy that is not ripe, whatever calendars say',
      story(
        life('started'),
        ...[appended(0), ...failed(1, 0, 10), { kind: 'calendarJumped', machine: 'b', byMs: 1_000 } as const],
        ...[stored(0, 0, { ripeMs: 500 }), began(2, 0, { topic: delayTopic, of: 0, attempt: 2, atMs: 498 })],
      ),
    ],
    [
      'a copy that is not due',
      story(
        ...[appended(0), ...failed(1, 0, 10), stored(0, 0, { dueMs: 500 })],
        began(2, 0, { topic: delayTopic, of: 0, attempt: 2, atMs: 498 }),
      ),
    ],
  ],
  'no-attempt-after-stop': [
    ['a new record during the stop', story(appended(0), appended(1, 'l'), began(1, 0), life('stopping'), began(2, 1))],
    [
      'anything after the stop',
      story(appended(0), appended(1, 'l'), began(1, 1), life('stopping'), stopped(), began(2, 0)),
    ],
    ['anything after the crash', story(appended(0), appended(1, 'l'), began(1, 1), life('crashed'), began(2, 0))],
  ],
  'nothing-begins-after-left': [
    [
      'a record of a partition that left, before anybody asked where it starts',
      story(appended(0), asked(), left(), began(1, 0)),
    ],
  ],
  'nothing-is-cut-short': [['a partition that leaves while a record runs', story(appended(0), began(1, 0), left())]],
  'pause-holds': [
    ['a record that begins during a pause', story(appended(0), { kind: 'paused', machine: 'b' }, began(1, 0))],
  ],
  'copies-are-whole': [
    ['a copy without its key', story(appended(0), ...failed(1, 0, 0), stored(0, 0, { key: '' }))],
    ['a copy with another body', story(appended(0), ...failed(1, 0, 0), stored(0, 0, { body: 'another' }))],
    ['a copy of nothing', story(appended(0), ...failed(1, 0, 0), stored(0, 7))],
  ],
  'buffers-are-bounded': [
    [
      'more open records than may be buffered',
      story(...[0, 1, 2, 3, 4].flatMap((offset) => [appended(offset, `${offset}`), began(offset, offset)])),
    ],
  ],
  'parking-is-bounded': [
    [
      'more parked records than may be, and than may have run then',
      story(...[0, 1, 2, 3].flatMap((offset) => [appended(offset, `${offset}`), ...failed(offset, offset, 9_000)])),
    ],
  ],
  'commits-are-paced': [
    [
      'a commit in every millisecond',
      story(...Array.from({ length: 21 }, () => ({ kind: 'commitAsked', machine: 'b' }) as const)),
    ],
  ],
  'stop-is-bounded': [['a stop that outlasts its drain', story(life('stopping', 'b', 0), stopped(true, 22_001))]],
  'calm-stop-is-clean': [['a stop that forgets its last commit', story(life('stopping'), stopped(false))]],
  'outcome-sums': [
    [
      'a record without an outcome',
      story({ kind: 'counted', machine: 'b', accepted: 5, accounted: 4, alreadyDone: 0 }),
    ],
  ],
  'drains-after-healing': [
    ['lag that stays', story({ kind: 'healed' }, { kind: 'stuck', afterMs: 60_000, reason: 'nobody knows' })],
  ],
  'never-gives-up': [['an app that ends by itself', story({ kind: 'failed', machine: 'b', reason: 'tired' })]],
  'no-unhandled-rejection': [['a promise nobody waits for', story({ kind: 'unhandledRejection', reason: 'oops' })]],
}

describe('every law', () => {
  for (const { name } of laws) {
    test(`${name} is broken by a story that breaks it`, () => {
      const stories = unlawful[name] ?? []
      expect(stories.length).toBeGreaterThan(0)
      for (const [what, events] of stories) {
        const broken = new Set(violationsOf(events, terms).map(({ law }) => law))
        expect([what, broken.has(name)]).toEqual([what, true])
      }
    })
  }
})

test('a lawful story with a retry, a crash, a loss, a zombie and two clean stops breaks no law', () => {
  const events = story(
    life('switchedOn', 'a'),
    ...[appended(0), appended(1), appended(2, 'l'), appended(3, null)],
    began(1, 0, { machine: 'a' }),
    ended(1, 0, { machine: 'a' }),
    committed(1),
    began(2, 1, { machine: 'a' }),
    life('crashed', 'a'),
    life('switchedOn'),
    life('started'),
    asked(),
    began(3, 1),
    ended(3, 1, { result: 'failed', atMs: 100 }),
    announced(1, 150),
    began(4, 2),
    ended(4, 2),
    began(5, 1, { attempt: 2, atMs: 150 }),
    ended(5, 1),
    left(),
    asked(),
    { kind: 'healed' },
    // Offset 2 was done and not committed when the partition left, so it comes again; 3 ignores its abort.
    began(6, 2, { atMs: 1_000 }),
    began(7, 3, { atMs: 1_000 }),
    ended(6, 2),
    committed(3),
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
    stopped(),
    life('switchedOn', 'd'),
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
    ...[appended(0), appended(1), assigned('a'), asked('a'), began(1, 0, { machine: 'a' })],
    ...[expelled('a'), assigned('b'), asked('b'), asked('a'), ended(1, 0, { machine: 'a' })],
    ...[began(2, 0), began(3, 1, { machine: 'a' })],
  )
  expect(violationsOf(events, { ...terms, isCalm: false })).toEqual([])
})

test('an attempt that was aborted holds its permit until its grace is over, and no longer', () => {
  const events = story(
    ...[appended(0, 'a'), appended(1, 'b'), appended(2, 'c'), appended(3, 'd'), began(1, 0), began(2, 1)],
    ...[aborted(1, 0, { atMs: 300 }), aborted(2, 1, { atMs: 300 })],
    ...[began(3, 2, { atMs: 800 }), began(4, 3, { atMs: 800 })],
  )
  expect(violationsOf(events, terms)).toEqual([])
})

test('what is in flight when a partition leaves may end out of order: that is counted elsewhere, not forbidden', () => {
  const events = story(
    appended(0),
    appended(1),
    began(1, 0),
    left(),
    asked(),
    ended(1, 0),
    began(2, 0),
    ended(2, 0),
    began(3, 1),
  )
  expect(violationsOf(events, { ...terms, isCalm: false })).toEqual([])
})

test('during a stop, what lies below a record that has begun is finished, so that nothing must be repeated', () => {
  const events = story(
    ...[appended(0, 'a'), appended(1, 'b'), began(1, 1), ended(1, 1), life('stopping')],
    ...[began(2, 0), ended(2, 0), committed(2), left(), stopped()],
  )
  expect(violationsOf(events, terms)).toEqual([])
})
