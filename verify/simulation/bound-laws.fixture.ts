/** Stories that break the laws of bounds: by law, each with what makes it unlawful. */

import { appended, began, failed, story, type Stories } from './story.fixture.ts'

export const boundStories: Stories = {
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
}
