/** Stories that break the laws of retries: by law, each with what makes it unlawful. */

import {
  announced,
  appended,
  asked,
  began,
  committed,
  deadLetters,
  delayTopic,
  ended,
  failed,
  handedOff,
  left,
  life,
  stored,
  story,
  type Stories,
} from './story.fixture.ts'

export const retryStories: Stories = {
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
  'copies-are-whole': [
    ['a copy without its key', story(appended(0), ...failed(1, 0, 0), stored(0, 0, { key: '' }))],
    ['a copy with another body', story(appended(0), ...failed(1, 0, 0), stored(0, 0, { body: 'another' }))],
    ['a copy of nothing', story(appended(0), ...failed(1, 0, 0), stored(0, 7))],
  ],
}
