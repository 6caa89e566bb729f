/** Stories that break the laws of going on: by law, each with what makes it unlawful. */

import {
  aborted,
  announced,
  appended,
  began,
  ended,
  failed,
  heard,
  joins,
  sent,
  type Stories,
  story,
  type Told,
} from './story.fixture.ts'

const counted = (atMs: number): Told => ({
  kind: 'counted',
  machine: 'b',
  accepted: 0,
  accounted: 0,
  alreadyDone: 0,
  atMs,
})

export const progressStories: Stories = {
  'attempts-are-aborted-in-time': [
    ['an attempt that is told late', story(appended(0), began(1, 0, { atMs: 10 }), aborted(1, 0, { atMs: 2_020 }))],
    ['one that is never told', story(appended(0), began(1, 0, { atMs: 10 }), ended(1, 0, { atMs: 2_020 }))],
  ],
  'due-retries-start': [
    [
      'a retry that is due and is not made',
      story(appended(0), ...failed(1, 0, 500), began(2, 0, { attempt: 2, atMs: 510 })),
    ],
    [
      'one that nobody makes when the pause is over',
      story(
        ...[appended(0), ...failed(1, 0, 500), { kind: 'resumed', machine: 'b', atMs: 900 } as const],
        began(2, 0, { attempt: 2, atMs: 1_000 }),
      ),
    ],
    [
      'one that waits although a permit was given back',
      story(
        ...[appended(0, 'a'), appended(1, 'b'), appended(2, 'c'), ...failed(1, 0, 100), began(2, 1), began(3, 2)],
        ...[ended(2, 1, { atMs: 300 }), announced(9, null), began(4, 0, { attempt: 2, atMs: 400 })],
      ),
    ],
  ],
  'no-partition-starves': [
    ['a record that nobody begins', story(appended(0), ...joins('b', 1, { atMs: 10 }), counted(4_011))],
    [
      'a record that nobody begins after the one before it',
      story(
        ...[appended(0), appended(1), ...joins('b', 1, { atMs: 10 }), began(1, 0, { atMs: 100 })],
        ...[ended(1, 0, { atMs: 1_000 }), counted(5_001)],
      ),
    ],
  ],
  'revoke-is-bounded': [
    [
      'a member that knows of the rebalance and goes on',
      story(
        ...[...joins('b', 1), sent('Heartbeat', 1, { memberId: 'b-1', generation: 1, atMs: 100 })],
        ...[heard('Heartbeat', 1, { answer: 27, atMs: 110 }), counted(4_700)],
      ),
    ],
  ],
  'repeats-have-a-cause': [
    [
      'a record that was done by somebody who still has its partition',
      story(appended(0), began(1, 0, { machine: 'a' }), ended(1, 0, { machine: 'a' }), began(2, 0)),
    ],
  ],
}
