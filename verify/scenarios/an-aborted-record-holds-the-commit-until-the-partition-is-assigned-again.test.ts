/** R8, R16, A3: a record whose attempt was aborted is unfinished, whatever ends above it later; only a new ownership, which
 *  reads it again, moves the line. */
import { expect, test } from 'vitest'
import { kafkaErrors } from '../../packages/holdfast/src/model/kafka-errors.ts'
import { chunkOf, MemberRig, offsets } from '../../packages/holdfast/src/engine/member-rig.fixture.ts'

test('9 done, 10 aborted, 11 and 12 done commits 10, and 13 changes nothing until the partition is assigned again', () => {
  const rig = new MemberRig({ subscription: { inPlaceDelaysMs: [] } }).assign(1, 9)
  rig.deliver(chunkOf(offsets(9, 10, 11, 12)))
  rig.advance(20_000)
  rig.deliver(chunkOf(offsets(13)))

  rig.end(9)
  rig.end(11)
  rig.end(12)
  rig.advance(10_000)
  rig.end(10, 'failed', new Error('aborted'))
  rig.answerCommit()
  expect(rig.lastCommitted()).toBe(10)

  rig.end(13)
  rig.advance(60_000)
  expect(new Set(rig.commits.map((commit) => commit.offsets[0]?.offset))).toEqual(new Set([10]))
  expect(rig.flow.partitions.get('orders/0')?.ledger.committable()).toBe(10)

  const { stamp } = rig.flow.membership
  rig.step({ kind: 'refused', stamp, errorCode: kafkaErrors.UNKNOWN_MEMBER_ID, what: 'test' })
  rig.assign(1, 10, 2)
  rig.deliver(chunkOf(offsets(10, 11, 12, 13)))
  for (const offset of [10, 11, 12, 13]) rig.end(offset)
  rig.advance(1_000)
  expect(rig.lastCommitted()).toBe(14)
})
