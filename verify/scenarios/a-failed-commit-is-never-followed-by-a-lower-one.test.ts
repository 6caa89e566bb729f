/** R2, R8, A4: a commit that fails, or whose fate nobody knows, is followed by what is true then, which is never lower. */
import { describe, expect, test } from 'vitest'
import { kafkaErrors } from '../../packages/holdfast/src/model/kafka-errors.ts'
import { chunkOf, MemberRig, offsets } from '../../packages/holdfast/src/engine/member-rig.fixture.ts'

/** Long enough for any backoff. */
const aWhileMs = 10_000

function committedInOrder(rig: MemberRig): (number | undefined)[] {
  return rig.commits.map((commit) => commit.offsets[0]?.offset)
}

/** Offset 0 is done and a commit of 1 is on its way. */
function rigWithCommitInFlight(): MemberRig {
  const rig = new MemberRig().assign()
  rig.deliver(chunkOf(offsets(0, 1, 2, 3, 4, 5)))
  rig.end(0)
  rig.end(1)
  rig.advance(1_000)
  expect(rig.lastCommitted()).toBe(2)
  return rig
}

describe('the commit of 2 fails, those of 4 and 6 succeed', () => {
  test.each([
    ['a coordinator that has moved', kafkaErrors.NOT_COORDINATOR],
    ['a coordinator that is loading', kafkaErrors.COORDINATOR_LOAD_IN_PROGRESS],
    ['an unknown error', -1],
  ])('with %s', (_, errorCode) => {
    const rig = rigWithCommitInFlight()
    rig.end(2)
    rig.end(3)
    rig.answerCommit(errorCode)
    rig.advance(aWhileMs)
    rig.answerCommit()
    rig.end(4)
    rig.end(5)
    rig.advance(aWhileMs)
    rig.answerCommit()
    rig.advance(aWhileMs)

    expect(committedInOrder(rig)).toEqual([2, 4, 6])
  })

  test('with no answer at all', () => {
    const rig = rigWithCommitInFlight()
    rig.end(2)
    rig.end(3)
    const { stamp } = rig.flow.membership
    rig.step({ kind: 'commitFailed', stamp, reason: 'timeout' })
    rig.advance(aWhileMs)

    expect(committedInOrder(rig)).toEqual([2, 4])
  })
})

test('a commit is not repeated in a hot loop while it fails', () => {
  const rig = rigWithCommitInFlight()

  for (let failures = 0; failures < 60; failures++) {
    rig.answerCommit(kafkaErrors.NOT_COORDINATOR)
    const sent = rig.commits.length
    for (let waitedMs = 0; rig.commits.length === sent; waitedMs += 100) {
      expect(waitedMs).toBeLessThanOrEqual(5_000)
      rig.advance(100)
    }
    if (rig.nowMs > 62_000) break
  }

  expect(rig.commits.length).toBeLessThanOrEqual(25)
})
