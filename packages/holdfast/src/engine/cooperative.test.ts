/** R1–R5 for a cooperative member: what it keeps runs on through every rebalance, what another member gets is given back
 *  alone, and what is lost is lost at once. */
import { describe, expect, test } from 'vitest'
import { kafkaErrors } from '../model/kafka-errors.ts'
import { beat, failCommit, flowOf, runningOf } from './engine-parts.fixture.ts'
import type { MemberRig } from './member-rig.fixture.ts'
import {
  admit,
  answerJoin,
  answerSync,
  bring,
  claimOf,
  claims,
  cooperativeRig,
  disturb,
  owned,
  partitionsOf,
  position,
} from './rejoin.fixture.ts'

function emitted(rig: MemberRig, name: string): unknown[] {
  return rig.take().flatMap((effect) => (effect.verb === 'emit' && effect.given[0] === name ? [effect.given[1]] : []))
}

function count(rig: MemberRig, verb: string): number {
  return rig.names().filter((name) => name === verb).length
}

describe('a rebalance', () => {
  test('is answered by a join at once, with what is owned and since when', () => {
    const rig = cooperativeRig()
    bring(rig, 0, 0)
    rig.take()
    beat(rig, kafkaErrors.REBALANCE_IN_PROGRESS)
    expect(claims(rig)).toEqual([claimOf(1, 0, 1, 2)])
    expect(rig.flow.membership.phase).toBe('joining')
    expect(owned(rig)).toEqual([0, 1, 2])
    expect(runningOf(rig)).toEqual([0])
  })

  test('lets attempts start and fetches go out all the while', () => {
    const rig = cooperativeRig()
    disturb(rig)
    bring(rig, 0, 0)
    expect(runningOf(rig)).toEqual([0])
    answerJoin(rig, 2)
    bring(rig, 1, 0)
    expect(runningOf(rig)).toEqual([0, 100])
    answerSync(rig, [0, 1, 2])
    bring(rig, 2, 0)
    expect(runningOf(rig)).toEqual([0, 100, 200])
  })

  test('leaves a retained partition its ownership and its place in the log', () => {
    const rig = cooperativeRig()
    bring(rig, 0, 0, 1)
    const before = flowOf(rig)
    disturb(rig)
    admit(rig, 2, [0, 1])
    expect(flowOf(rig)).toBe(before)
    expect(flowOf(rig).fetchPosition).toBe(2)
  })

  test('sends no heartbeat and no commit until the member is back', () => {
    const rig = cooperativeRig()
    bring(rig, 0, 0)
    disturb(rig)
    rig.end(0)
    rig.take()
    rig.advance(9_000)
    expect(rig.names()).toEqual([])
    expect(rig.commits).toEqual([])
    answerJoin(rig, 2)
    rig.advance(9_000)
    expect(rig.commits).toEqual([])
    answerSync(rig, [0, 1, 2])
    expect(rig.commits).toMatchObject([{ identity: { generation: 2 }, offsets: [{ partition: 0, offset: 1 }] }])
    rig.take()
    rig.advance(3_000)
    expect(count(rig, 'heartbeat')).toBe(1)
  })

  test('does not disturb a second time when a late heartbeat tells of it', () => {
    const rig = cooperativeRig()
    rig.beatsAreAnswered = false
    rig.advance(3_000)
    const { stamp } = rig.flow.membership
    disturb(rig)
    admit(rig, 2, [0, 1, 2])
    rig.take()
    const errorCode = kafkaErrors.REBALANCE_IN_PROGRESS
    rig.step({ kind: 'heartbeatAnswered', stamp, sentMs: rig.beatSentMs, errorCode })
    expect(rig.names()).toEqual([])
  })

  test('that overtakes the assignment is joined with the same claim, of the generation that gave it', () => {
    const rig = cooperativeRig()
    disturb(rig)
    answerJoin(rig, 2)
    rig.take()
    answerSync(rig, [], kafkaErrors.REBALANCE_IN_PROGRESS)
    expect(claims(rig)).toEqual([claimOf(1, 0, 1, 2)])
    expect(owned(rig)).toEqual([0, 1, 2])
  })

  test('tells what it keeps, gets and gives back', () => {
    const rig = cooperativeRig()
    disturb(rig)
    rig.take()
    admit(rig, 2, [1, 2, 3])
    expect(emitted(rig, 'group.joined')).toMatchObject([{ generation: 2, retained: 2, added: 1, revoked: 1 }])
  })

  test('claims a partition whose start is not known yet, and asks for it again afterwards', () => {
    const rig = cooperativeRig()
    disturb(rig)
    admit(rig, 2, [0, 1, 2, 3])
    rig.take()
    disturb(rig)
    expect(claims(rig)).toEqual([claimOf(2, 0, 1, 2, 3)])
    answerJoin(rig, 3)
    rig.take()
    answerSync(rig, [0, 1, 2, 3])
    expect(rig.flow.isPositioned).toBe(false)
    const asked = rig.take().filter((effect) => effect.verb === 'resolvePositions')
    expect(asked.map((effect) => effect.given[2])).toEqual([partitionsOf(3)])
    position(rig, [3])
    expect(owned(rig)).toEqual([0, 1, 2, 3])
  })
})

describe('a partition that another member gets', () => {
  /** Partition 0 has two attempts that run, and is taken away. */
  function revoking(): MemberRig {
    const rig = cooperativeRig()
    bring(rig, 0, 0, 1)
    disturb(rig)
    admit(rig, 2, [1, 2])
    rig.take()
    return rig
  }

  test('is drained alone: its attempts end, the others start', () => {
    const rig = revoking()
    expect(rig.flow.membership.phase).toBe('revoking')
    bring(rig, 1, 0)
    expect(runningOf(rig)).toContain(100)
    expect(count(rig, 'join')).toBe(0)
    expect(owned(rig)).toEqual([0, 1, 2])
  })

  test('is committed under the new generation, given back, and the join claims the rest', () => {
    const rig = revoking()
    rig.end(0)
    rig.end(1)
    expect(rig.commits).toMatchObject([{ identity: { generation: 2 }, offsets: [{ partition: 0, offset: 2 }] }])
    expect(owned(rig)).toEqual([0, 1, 2])
    rig.answerCommit()
    expect(owned(rig)).toEqual([1, 2])
    expect(claims(rig)).toEqual([claimOf(2, 1, 2)])
    admit(rig, 3, [1, 2])
    expect(rig.flow.membership.phase).toBe('stable')
  })

  test('has its heartbeats go on while it is drained', () => {
    const rig = revoking()
    rig.advance(6_500)
    expect(count(rig, 'heartbeat')).toBe(2)
  })

  test('is not fetched, and what arrives for it is not taken in', () => {
    const rig = revoking()
    const asked = rig.fetches.at(-1)!
    expect(asked.targets.has('orders/0')).toBe(true)
    bring(rig, 0, 2)
    expect(flowOf(rig).ledger.size).toBe(2)
    expect([...rig.fetches.at(-1)!.targets.keys()]).toEqual(['orders/1', 'orders/2'])
  })

  test('has its attempts told to end at the deadline, and nobody else', () => {
    const rig = revoking()
    bring(rig, 1, 0)
    rig.take()
    rig.advance(10_000)
    const aborted = rig.take().flatMap((effect) => (effect.verb === 'abort' ? [effect.given] : []))
    expect(aborted.map(([entry, reason]) => [entry.offset, reason])).toEqual([
      [0, 'revoked'],
      [1, 'revoked'],
    ])
    expect(rig.flow.membership.phase).toBe('joining')
    expect(owned(rig)).toEqual([1, 2])
  })

  test('is given back before a rebalance that comes meanwhile is joined, once', () => {
    const rig = revoking()
    beat(rig, kafkaErrors.REBALANCE_IN_PROGRESS)
    expect(claims(rig)).toEqual([])
    rig.beatsAreAnswered = true
    rig.end(0)
    rig.end(1)
    rig.answerCommit()
    expect(claims(rig)).toEqual([claimOf(2, 1, 2)])
  })

  test('is given back at once if nothing of it runs or is uncommitted', () => {
    const rig = cooperativeRig()
    disturb(rig)
    rig.take()
    admit(rig, 2, [1])
    expect(emitted(rig, 'partition.revoked')).toHaveLength(2)
    expect(rig.flow.membership.phase).toBe('joining')
  })

  test('is begun anew, behind what was committed, when it comes back', () => {
    const rig = revoking()
    const before = flowOf(rig)
    rig.end(0)
    rig.end(1)
    rig.answerCommit()
    admit(rig, 3, [0, 1, 2])
    position(rig, [0], 2)
    expect(flowOf(rig).epoch).toBeGreaterThan(before.epoch)
    expect(before.isOver).toBe(true)
    expect(owned(rig)).toEqual([0, 1, 2])
  })

  test('is not waited for longer than the commit may take', () => {
    const rig = revoking()
    rig.end(0)
    rig.end(1)
    rig.advance(5_000)
    expect(rig.flow.membership.phase).toBe('joining')
    expect(owned(rig)).toEqual([1, 2])
  })
})

describe('a commit', () => {
  /** A commit of generation 1 is in flight and the member joins again. */
  function committing(): MemberRig {
    const rig = cooperativeRig()
    bring(rig, 0, 0)
    rig.end(0)
    rig.advance(1_000)
    expect(rig.commits).toHaveLength(1)
    disturb(rig)
    rig.take()
    return rig
  }

  test('that was in flight when the join began still counts', () => {
    const rig = committing()
    rig.answerCommit()
    expect(flowOf(rig).committed).toBe(1)
    admit(rig, 2, [0, 1, 2])
    rig.advance(5_000)
    expect(rig.commits).toHaveLength(1)
  })

  test.each([kafkaErrors.REBALANCE_IN_PROGRESS, kafkaErrors.ILLEGAL_GENERATION])(
    'that is refused with %i while the member joins is sent again under the new generation',
    (errorCode) => {
      const rig = committing()
      rig.answerCommit(errorCode)
      expect(owned(rig)).toEqual([0, 1, 2])
      admit(rig, 2, [0, 1, 2])
      rig.advance(1_000)
      expect(rig.commits.slice(1)).toMatchObject([
        { identity: { generation: 2 }, offsets: [{ partition: 0, offset: 1 }] },
      ])
      expect(rig.flow.membership.phase).toBe('stable')
    },
  )

  test.each([kafkaErrors.REBALANCE_IN_PROGRESS, kafkaErrors.ILLEGAL_GENERATION])(
    'of the last generation that is refused with %i says nothing about this one',
    (errorCode) => {
      const rig = committing()
      admit(rig, 2, [0, 1, 2])
      rig.take()
      rig.answerCommit(errorCode)
      expect(rig.flow.membership.phase).toBe('stable')
      rig.advance(1_000)
      expect(rig.commits.at(-1)).toMatchObject({ identity: { generation: 2 } })
    },
  )

  test('that has no answer is sent again under the new generation', () => {
    const rig = committing()
    failCommit(rig)
    admit(rig, 2, [0, 1, 2])
    rig.advance(1_000)
    expect(rig.commits.at(-1)).toMatchObject({ identity: { generation: 2 } })
  })

  test('that is refused to an unknown member while it joins ends what it owns', () => {
    const rig = committing()
    rig.answerCommit(kafkaErrors.UNKNOWN_MEMBER_ID)
    expect(owned(rig)).toEqual([])
    expect(rig.flow.membership.memberId).toBe('')
  })

  test('of this generation that is refused because it is over ends what is owned', () => {
    const rig = cooperativeRig()
    bring(rig, 0, 0)
    rig.end(0)
    rig.advance(1_000)
    rig.take()
    rig.answerCommit(kafkaErrors.ILLEGAL_GENERATION)
    expect(owned(rig)).toEqual([])
    expect(claims(rig)).toEqual([claimOf(-1)])
  })
})
