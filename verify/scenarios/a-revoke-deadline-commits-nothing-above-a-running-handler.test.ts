/** R4, R8, G5, A5: when the drain of a revoke ends with a handler still running, what is done above it stays uncommitted,
 *  and its late end changes nothing under the epoch that is over. */
import { expect, test } from 'vitest'
import { chunkOf, MemberRig, offsets } from '../../packages/holdfast/src/engine/member-rig.fixture.ts'

test('at the deadline of a revoke 5 runs and 6 is done: 5 is committed, and its late end commits nothing', () => {
  const rig = new MemberRig().assign(1, 4)
  rig.deliver(chunkOf(offsets(4, 5, 6)))
  rig.end(4)
  rig.end(6)

  rig.step({ kind: 'partitionsChanged', reason: 'test' })
  rig.advance(1_000)
  rig.answerCommit()
  rig.take()
  rig.advance(8_999)
  expect(rig.names()).not.toContain('abort')
  rig.advance(1)

  expect(rig.names()).toEqual(expect.arrayContaining(['abort', 'partition.revoked', 'join']))
  rig.end(5)
  rig.advance(60_000)
  expect(rig.names()).toContain('attempt.stale')
  expect(rig.commits.map((commit) => commit.offsets[0]?.offset)).toEqual([5])
})

test('what the drain itself moved is committed before the group is joined again', () => {
  const rig = new MemberRig().assign(1, 4)
  rig.deliver(chunkOf(offsets(4, 5, 6)))
  rig.take()
  rig.step({ kind: 'partitionsChanged', reason: 'test' })
  rig.advance(9_500)
  rig.end(4)
  rig.end(6)
  rig.advance(500)

  expect(rig.lastCommitted()).toBe(5)
  expect(rig.names()).not.toContain('join')
  rig.answerCommit()
  expect(rig.names()).toContain('join')
})
