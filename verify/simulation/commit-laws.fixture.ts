/** Stories that break the laws of offsets: by law, each with what makes it unlawful. */

import {
  aborted,
  announced,
  appended,
  asked,
  began,
  committed,
  delayTopic,
  ended,
  failed,
  handedOff,
  left,
  life,
  stopped,
  stored,
  story,
  type Stories,
} from './story.fixture.ts'

export const commitStories: Stories = {
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
    [
      'an attempt that was told to end because its partition goes',
      story(
        ...[appended(0), began(1, 0), aborted(1, 0, { isCutShort: true }), ended(1, 0, { result: 'failed' })],
        ...[announced(0, null), committed(0, { failed: [{ offset: 0, attempts: 1, dueMs: 9 }] })],
      ),
    ],
    [
      'an attempt that still runs',
      story(appended(0), began(1, 0), committed(0, { failed: [{ offset: 0, attempts: 1, dueMs: 9 }] })),
    ],
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
}
