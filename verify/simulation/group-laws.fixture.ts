/** Stories that break the laws of membership: by law, each with what makes it unlawful. */

import { appended, began, ended, heard, joins, left, sent, type Stories, story, wholeSource } from './story.fixture.ts'

export const groupStories: Stories = {
  'nothing-begins-unassigned': [
    ['a record before the first assignment', story(appended(0), began(1, 0))],
    [
      'a record of a partition that the next generation did not give',
      story(appended(0), ...joins('b', 1), ...joins('b', 2, { partitions: [] }), began(1, 0)),
    ],
    [
      'a record after the group said that it does not know the machine',
      story(
        ...[appended(0), ...joins('b', 1), sent('Heartbeat', 9_001, { memberId: 'b-1', generation: 1 })],
        ...[heard('Heartbeat', 9_001, { answer: 25 }), began(1, 0)],
      ),
    ],
  ],
  'commits-only-what-is-held': [
    [
      'a commit of an older generation',
      story(...joins('b', 1), ...joins('b', 2), sent('OffsetCommit', 9, { memberId: 'b-1', generation: 1 })),
    ],
    [
      'a commit for a partition that has left',
      story(
        ...[...joins('b', 1), left()],
        sent('OffsetCommit', 9, { memberId: 'b-1', generation: 1, partitions: wholeSource }),
      ),
    ],
  ],
  'eager-joins-empty-handed': [
    ['a join while a partition is held', story(appended(0), ...joins('b', 1), began(1, 0), sent('JoinGroup', 9))],
  ],
  'unknown-member-joins-as-new': [
    [
      'a join under a name that the group forgot',
      story(
        ...[...joins('b', 1), sent('Heartbeat', 9_001, { memberId: 'b-1', generation: 1 })],
        ...[heard('Heartbeat', 9_001, { answer: 25 }), sent('JoinGroup', 9_002, { memberId: 'b-1' })],
      ),
    ],
  ],
  'left-aborts-what-runs': [['a partition that leaves and tells no handler', story(appended(0), began(1, 0), left())]],
  'nothing-without-lease': [
    ['a record that begins when the lease is over', story(appended(0), ...joins('b', 1), began(1, 0, { atMs: 5_100 }))],
    [
      'heartbeats that nobody answers',
      story(
        ...[appended(0), ...joins('b', 1), sent('Heartbeat', 9_001, { generation: 1, atMs: 2_000 })],
        ...[heard('Heartbeat', 9_001, { answer: 'timeout', atMs: 4_000 }), began(1, 0, { atMs: 5_100 })],
      ),
    ],
    [
      'a join that takes longer than the group may wait',
      story(
        ...[appended(0), ...joins('b', 1), sent('JoinGroup', 9, { memberId: 'b-1', atMs: 1_000 })],
        began(1, 0, { atMs: 7_001 }),
      ),
    ],
    ['a commit without lease', story(...joins('b', 1), sent('OffsetCommit', 9, { generation: 1, atMs: 5_100 }))],
  ],
  'heartbeats-go-on': [
    ['three seconds without', story(appended(0), ...joins('b', 1), began(1, 0), ended(1, 0, { atMs: 3_100 }))],
    [
      'one during a join',
      story(...joins('b', 1), sent('JoinGroup', 9, { memberId: 'b-1' }), sent('Heartbeat', 10, { generation: 1 })),
    ],
  ],
  'leaves-after-its-last-commit': [
    ['a commit after the farewell', story(...joins('b', 1), sent('LeaveGroup', 9), sent('OffsetCommit', 10))],
  ],
}
