/** Stories that break the laws of the retry policy: by law, each with what makes it unlawful. */

import { announced, appended, began, deadLetters, ended, failed, type Stories, story, stored } from './story.fixture.ts'

const failedAtMs = 10

export const policyStories: Stories = {
  'waits-follow-the-policy': [
    ['a wait in place that is longer than its longest', story(appended(0), ...failed(1, 0, 1_500))],
    ['a delay that is not the next one', story(appended(0), ...failed(1, 0, 500, { attempt: 2 }))],
    ['a third wait where two are all that there are', story(appended(0), ...failed(1, 0, 2_004, { attempt: 3 }))],
    ['another attempt although nothing can help', story(appended(0, 'k', 'hopeless 1'), ...failed(1, 0, 100))],
    [
      'another wait than the handler asked for',
      story(...[appended(0), began(1, 0), ended(1, 0, { result: 'failed', asksMs: 700, atMs: failedAtMs })], {
        ...announced(0, failedAtMs + 300),
        atMs: failedAtMs,
      }),
    ],
  ],
  'copies-wait-as-announced': [
    [
      'a copy that waits less than was announced',
      story(appended(0), ...failed(1, 0, 2_004), stored(0, 0, { delayMs: 500 })),
    ],
    ['a copy that nobody announced', story(appended(0), stored(0, 0))],
    [
      'a copy in a topic that is made for another delay',
      story(appended(0), ...failed(1, 0, 2_004), stored(0, 0, { topic: 'billing.orders.retry.500ms' })),
    ],
  ],
  'dead-letters-had-their-attempts': [
    ['one attempt short', story(appended(0), stored(0, 0, { topic: deadLetters, attempts: 2 }))],
    ['before its handler gave up', story(appended(0, 'k', 'hopeless 2'), stored(0, 0, { topic: deadLetters }))],
    ['a record that is to be tried once too often', story(appended(0), stored(0, 0, { attempts: 3 }))],
    ['a record that is to be tried although nothing can help', story(appended(0, 'k', 'hopeless 1'), stored(0, 0))],
  ],
  'copies-keep-their-partition': [
    ['a copy in another partition', story(appended(0), ...failed(1, 0, 2_004), stored(0, 0, { partition: 1 }))],
  ],
}
