/** Stories that break the laws of fresh commits: by law, each with what makes it unlawful. */

import {
  announced,
  appended,
  began,
  committed,
  ended,
  failed,
  sent,
  story,
  type Stories,
  type Told,
} from './story.fixture.ts'
import { topicName } from './trace.ts'

const late = { kind: 'healed', atMs: 4_000 } as const
const revoked: Told = { kind: 'left', machine: 'b', isRevoked: true, topic: topicName, partition: 0 }
const commits = (call: number, atMs: number): Told => sent('OffsetCommit', call, { atMs })

export const freshnessStories: Stories = {
  'commits-are-timely': [
    ['a record that is done and committed by nobody', story(appended(0), began(1, 0), ended(1, 0), late)],
    ['an attempt that failed and is marked by nobody', story(appended(0), ...failed(1, 0, 900), committed(0), late)],
    [
      'a mark that tells of one attempt less',
      story(
        ...[appended(0), ...failed(1, 0, 900), began(2, 0, { attempt: 2 }), ended(2, 0, { result: 'failed' })],
        ...[
          announced(0, 2_010, { attempt: 2 }),
          committed(0, { failed: [{ offset: 0, attempts: 1, dueMs: 900 }] }),
          late,
        ],
      ),
    ],
  ],
  'commits-keep-their-rhythm': [
    ['two commits in half a second, without a reason', story(commits(1, 10_000), commits(2, 10_500))],
  ],
  'hand-over-repeats-nothing': [
    [
      'a record that was done before its partition was revoked',
      story(appended(0), began(1, 0), ended(1, 0), revoked, began(2, 0, { machine: 'c' })),
    ],
  ],
}
