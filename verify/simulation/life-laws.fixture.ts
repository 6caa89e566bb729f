/** Stories that break the laws of a process: by law, each with what makes it unlawful. */

import { appended, asked, began, left, life, stopped, story, type Stories } from './story.fixture.ts'

export const lifeStories: Stories = {
  'no-attempt-after-stop': [
    ['a new record during the stop', story(appended(0), appended(1, 'l'), began(1, 0), life('stopping'), began(2, 1))],
    [
      'anything after the stop',
      story(appended(0), appended(1, 'l'), began(1, 1), life('stopping'), stopped(), began(2, 0)),
    ],
    ['anything after the crash', story(appended(0), appended(1, 'l'), began(1, 1), life('crashed'), began(2, 0))],
  ],
  'stop-is-bounded': [['a stop that outlasts its drain', story(life('stopping', 'b', 0), stopped(true, 21_310))]],
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
}
