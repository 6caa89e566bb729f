/** R8, A2: records that end out of order lead to the same commit as records that end in order, and no commit on the way
 *  passes one that is still running. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { chunkOf, MemberRig, offsets } from '../../packages/holdfast/src/engine/member-rig.fixture.ts'

const received = [10, 11, 14, 15, 21, 22, 23, 40]

test('any order of completion ends in the same commit and passes nothing unfinished', () => {
  const order = fc.shuffledSubarray(received, { minLength: received.length })
  fc.assert(
    fc.property(order, fc.integer({ min: 0, max: received.length }), (completed, pausesAfter) => {
      const rig = new MemberRig().assign(1, 10)
      rig.deliver(chunkOf(offsets(...received)))

      completed.forEach((offset, index) => {
        rig.end(offset)
        if (index !== pausesAfter) return
        rig.advance(1_000)
        const lowest = Math.min(...completed.slice(index + 1), 41)
        expect(rig.lastCommitted() ?? 10).toBe(lowest)
        if (rig.commits.length > 0) rig.answerCommit()
      })
      rig.advance(1_000)

      expect(rig.lastCommitted()).toBe(41)
    }),
    { numRuns: 300 },
  )
})
