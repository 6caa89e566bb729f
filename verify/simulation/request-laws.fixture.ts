/** Stories that break the laws of requests: by law, each with what makes it unlawful. */

import {
  appended,
  began,
  failed,
  heard,
  joins,
  sent,
  stopped,
  type Stories,
  story,
  stored,
  wholeSource,
} from './story.fixture.ts'

const commit = { memberId: 'b-1', generation: 1, partitions: wholeSource }

export const requestStories: Stories = {
  'requests-have-deadlines': [
    ['a heartbeat that may take as long as anything', story(sent('Heartbeat', 1, { timeoutMs: 5_000 }))],
    ['a join that does not outlast the rebalance', story(sent('JoinGroup', 1, { timeoutMs: 6_000 }))],
    ['a commit that outlasts the session', story(sent('OffsetCommit', 1, { timeoutMs: 10_000 }))],
  ],
  'one-commit-at-a-time': [
    ['a second one before the answer', story(sent('OffsetCommit', 1, commit), sent('OffsetCommit', 2, commit))],
  ],
  'starts-are-committed-first': [['a record before any commit', story(appended(0), ...joins('b', 1), began(1, 0))]],
  'stopped-is-silent': [
    ['a request after the stop', story(stopped(), sent('Fetch', 1))],
    ['a record after the stop', story(appended(0), stopped(), began(1, 0))],
  ],
  'failures-are-paced': [
    [
      'a coordinator that is asked all the time',
      story(...Array.from({ length: 41 }, (_, call) => heard('FindCoordinator', call, { answer: 15 }))),
    ],
  ],
  'one-copy-for-each-failure': [
    [
      'a copy that is written again although it was stored',
      story(appended(0), ...failed(1, 0, 2_004), stored(0, 0), stored(1, 0)),
    ],
  ],
}
