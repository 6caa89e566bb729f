/** Stories that break the laws of division: by law, each with what makes it unlawful. */

import {
  appended,
  began,
  expelled,
  joins,
  left,
  life,
  sent,
  type Stories,
  story,
  wholeSource,
} from './story.fixture.ts'

const revoked = { ...left(), isRevoked: true }

export const divisionStories: Stories = {
  'claims-what-it-holds': [
    [
      'a claim of what has left',
      story(...joins('b', 1), left(), sent('JoinGroup', 9, { partitions: wholeSource, atMs: 900 })),
    ],
    [
      'a join that claims nothing of what is held',
      story(appended(0), ...joins('b', 1), began(1, 0), sent('JoinGroup', 9)),
    ],
  ],
  'gives-back-what-it-must': [
    ['a partition that was to be kept', story(...joins('b', 1), revoked), { protocol: 'cooperative' }],
  ],
  'calm-members-stay': [
    ['a member that is forgotten in good weather', story(life('started'), expelled())],
    ['one that stopped and did not say so', story(life('started'), life('stopping'), expelled())],
  ],
  'nothing-stays-unowned': [
    [
      'a partition that nobody gets',
      story(life('started'), ...joins('b', 1), revoked, { kind: 'healed', atMs: 20_000 }),
    ],
  ],
}
