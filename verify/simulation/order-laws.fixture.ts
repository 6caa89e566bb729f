/** Stories that break the laws of order: by law, each with what makes it unlawful. */

import {
  aborted,
  announced,
  appended,
  assigned,
  began,
  ended,
  expelled,
  failed,
  handedOff,
  left,
  stored,
  story,
  type Stories,
} from './story.fixture.ts'

export const orderStories: Stories = {
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
}
