/** R8, A1: what may be committed is the lowest unfinished offset; with nothing unfinished, the position behind everything
 *  that was received. Gaps in the offsets never hold it back. */
import { expect, test } from 'vitest'
import { chunkOf, MemberRig, offsets } from '../../packages/holdfast/src/engine/member-rig.fixture.ts'

type Row = {
  readonly title: string
  readonly committed: number
  readonly received: readonly number[]
  readonly done: readonly number[]
  /** Undefined when nothing may be committed. */
  readonly expected: number | undefined
}

const rows: readonly Row[] = [
  {
    title: 'an unfinished record below everything that is done',
    committed: 49,
    received: [49, 99, 100],
    done: [99, 100],
    expected: 49,
  },
  {
    title: 'an unfinished record directly below the done ones',
    committed: 99,
    received: [99, 100],
    done: [100],
    expected: 99,
  },
  {
    title: 'done records, then a gap, then an unfinished one',
    committed: 40,
    received: [49, 59, 69],
    done: [49, 59],
    expected: 69,
  },
  {
    title: 'a done record between two unfinished ones',
    committed: 4,
    received: [4, 5, 6, 7],
    done: [4, 6],
    expected: 5,
  },
  { title: 'nothing unfinished', committed: 99, received: [99, 100], done: [99, 100], expected: 101 },
  { title: 'nothing received', committed: 7, received: [], done: [], expected: undefined },
]

test.each(rows)('$title: the commit is $expected', ({ committed, received, done, expected }) => {
  const rig = new MemberRig().assign(1, committed)
  if (received.length > 0) rig.deliver(chunkOf(offsets(...received)))

  for (const offset of done) rig.end(offset)
  rig.advance(1_000)

  expect(rig.lastCommitted()).toBe(expected)
})
