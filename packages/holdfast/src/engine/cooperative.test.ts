/** R1–R5 for a cooperative member: what it keeps runs on through every rebalance, what another member gets is given back
 *  alone, and what is lost is lost at once. */
import { describe, expect, test } from 'vitest'
import { kafkaErrors } from '../model/kafka-errors.ts'
import { beat, failCommit, flowOf, lose, runningOf } from './engine-parts.fixture.ts'
import { type MemberRig } from './member-rig.fixture.ts'
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

describe('what is lost', () => {
  test.each([
    ['the join', kafkaErrors.UNKNOWN_MEMBER_ID],
    ['the assignment', kafkaErrors.UNKNOWN_MEMBER_ID],
    ['the assignment', kafkaErrors.ILLEGAL_GENERATION],
  ] as const)('by the answer to %s (%i) is neither waited for nor committed nor claimed', (what, errorCode) => {
    const rig = cooperativeRig()
    bring(rig, 0, 0, 1)
    rig.end(0)
    disturb(rig)
    rig.take()
    if (what === 'the join') answerJoin(rig, 2, errorCode)
    else {
      answerJoin(rig, 2)
      answerSync(rig, [], errorCode)
    }
    rig.advance(1_000)
    const effects = rig.take()
    const names = effects.map((effect) => (effect.verb === 'emit' ? effect.given[0] : effect.verb))
    expect(names).toEqual(expect.arrayContaining(['abort', 'group.lost', 'partition.lost', 'join']))
    expect(names.filter((name) => name === 'partition.lost')).toHaveLength(3)
    expect(names).not.toContain('partition.revoked')
    expect(effects.find((effect) => effect.verb === 'join')?.given[2]).toEqual(claimOf(-1))
    expect(rig.commits).toEqual([])
  })

  test('while a part is given back is all lost', () => {
    const rig = cooperativeRig()
    bring(rig, 0, 0)
    disturb(rig)
    admit(rig, 2, [1, 2])
    lose(rig)
    expect(owned(rig)).toEqual([])
    rig.advance(20_000)
    expect(rig.commits).toEqual([])
  })

  test('to a loop that stood still while it joined is lost at once, and the member begins anew', () => {
    const rig = cooperativeRig()
    disturb(rig)
    rig.take()
    rig.nowMs += 31_000
    rig.step({ kind: 'tick' })
    expect(rig.names()).toEqual(expect.arrayContaining(['leave', 'group.lost', 'partition.lost', 'join']))
    expect(owned(rig)).toEqual([])
  })

  test('by a refusal that nothing mends fails the app', () => {
    const rig = cooperativeRig()
    disturb(rig)
    rig.take()
    answerJoin(rig, 2, kafkaErrors.GROUP_AUTHORIZATION_FAILED)
    expect(rig.names()).toEqual(expect.arrayContaining(['partition.lost', 'fail']))
    expect(rig.flow.membership.phase).toBe('left')
  })
})

describe('the lease of a member that joins again', () => {
  test('holds while the join is in flight, for as long as the group waits for its members', () => {
    const rig = cooperativeRig()
    disturb(rig)
    rig.advance(59_999)
    expect(rig.flow.membership.holdsLease(rig.nowMs)).toBe(true)
    rig.advance(1)
    expect(rig.flow.membership.holdsLease(rig.nowMs)).toBe(false)
    bring(rig, 0, 0)
    expect(runningOf(rig)).toEqual([])
  })

  test('falls back to the last acknowledged heartbeat when the join fails', () => {
    const rig = cooperativeRig()
    rig.advance(3_000)
    disturb(rig)
    rig.nowMs += 5_000
    rig.step({ kind: 'joinFailed', stamp: rig.flow.membership.stamp })
    expect(rig.flow.membership.phase).toBe('waiting')
    expect(rig.flow.membership.holdsLease(4_000 + 43_999)).toBe(true)
    expect(rig.flow.membership.holdsLease(4_000 + 44_000)).toBe(false)
  })

  test('ends when the group no longer waits, however long the session is', () => {
    const rig = cooperativeRig({ sessionTimeoutMs: 60_000, rebalanceTimeoutMs: 20_000 })
    disturb(rig)
    rig.step({ kind: 'joinFailed', stamp: rig.flow.membership.stamp })
    expect(rig.flow.membership.holdsLease(1_000 + 19_999)).toBe(true)
    expect(rig.flow.membership.holdsLease(1_000 + 20_000)).toBe(false)
  })

  test('is not won back by a join alone', () => {
    const rig = cooperativeRig()
    rig.beatsAreAnswered = false
    disturb(rig)
    rig.step({ kind: 'joinFailed', stamp: rig.flow.membership.stamp })
    for (let round = 0; round < 60 && rig.flow.membership.holdsLease(rig.nowMs); round++) {
      rig.advance(1_000)
      rig.step({ kind: 'joinFailed', stamp: rig.flow.membership.stamp })
    }
    rig.advance(10_000)
    expect(rig.flow.membership.phase).toBe('joining')
    expect(rig.flow.membership.holdsLease(rig.nowMs)).toBe(false)
    admit(rig, 2, [0, 1, 2])
    expect(rig.flow.membership.holdsLease(rig.nowMs)).toBe(true)
  })

  test('is in doubt after a standstill until something that was sent since is acknowledged', () => {
    const rig = cooperativeRig()
    disturb(rig)
    rig.nowMs += 25_000
    rig.step({ kind: 'tick' })
    bring(rig, 0, 0)
    expect(runningOf(rig)).toEqual([])
    answerJoin(rig, 2)
    expect(rig.flow.membership.holdsLease(rig.nowMs)).toBe(false)
    answerSync(rig, [0, 1, 2])
    expect(runningOf(rig)).toEqual([0])
  })
})

describe('a stop', () => {
  test('that meets a join waits for it, commits under its generation and leaves', () => {
    const rig = cooperativeRig()
    bring(rig, 0, 0, 1)
    disturb(rig)
    rig.end(0)
    rig.take()
    rig.step({ kind: 'drain', drainMs: 20_000 })
    rig.end(1)
    expect(rig.names()).not.toContain('drained')
    admit(rig, 2, [0, 1])
    expect(rig.names()).toContain('drained')
    rig.step({ kind: 'leave', budgetMs: 3_000 })
    expect(rig.commits).toMatchObject([{ identity: { generation: 2 }, offsets: [{ partition: 0, offset: 2 }] }])
    rig.answerCommit()
    const effects = rig.take()
    expect(effects).toContainEqual({ verb: 'leave', given: ['m'] })
    expect(effects).toContainEqual({ verb: 'finished', given: [{ uncommitted: 0, abandoned: 0 }] })
  })

  test('that meets a join waits for attempts below one that started, as any stop does', () => {
    const rig = cooperativeRig()
    bring(rig, 0, 0, 1)
    disturb(rig)
    rig.step({ kind: 'drain', drainMs: 20_000 })
    admit(rig, 2, [0, 1, 2])
    rig.take()
    rig.end(1)
    expect(rig.names()).not.toContain('drained')
    rig.end(0)
    expect(rig.names()).toContain('drained')
  })

  test('does not wait for a join with nothing to commit', () => {
    const rig = cooperativeRig()
    disturb(rig)
    rig.take()
    rig.step({ kind: 'drain', drainMs: 20_000 })
    expect(rig.names()).toContain('drained')
    rig.step({ kind: 'leave', budgetMs: 3_000 })
    expect(rig.names()).toEqual(expect.arrayContaining(['leave', 'finished']))
  })

  test('waits for a join that nobody answers no longer than two heartbeats of the others, then for the last commit', () => {
    const rig = cooperativeRig()
    bring(rig, 0, 0)
    disturb(rig)
    rig.end(0)
    rig.step({ kind: 'drain', drainMs: 20_000 })
    rig.take()
    rig.advance(6_000)
    expect(rig.names()).toContain('drained')
    rig.step({ kind: 'leave', budgetMs: 3_000 })
    rig.advance(2_999)
    expect(rig.names()).not.toContain('finished')
    rig.advance(1)
    expect(rig.take()).toContainEqual({ verb: 'finished', given: [{ uncommitted: 1, abandoned: 0 }] })
  })

  test('that meets a join which failed joins again to commit', () => {
    const rig = cooperativeRig()
    bring(rig, 0, 0)
    disturb(rig)
    rig.end(0)
    rig.step({ kind: 'joinFailed', stamp: rig.flow.membership.stamp })
    rig.step({ kind: 'drain', drainMs: 20_000 })
    rig.take()
    rig.advance(100)
    expect(claims(rig)).toEqual([claimOf(1, 0, 1, 2)])
    admit(rig, 2, [0, 1, 2])
    expect(rig.names()).toContain('drained')
  })

  test('that meets a part on its way back drains everything and commits once', () => {
    const rig = cooperativeRig()
    bring(rig, 0, 0)
    bring(rig, 1, 0)
    disturb(rig)
    admit(rig, 2, [1, 2])
    rig.take()
    rig.step({ kind: 'drain', drainMs: 20_000 })
    expect(rig.flow.membership.phase).toBe('draining')
    rig.end(0)
    expect(rig.names()).not.toContain('drained')
    rig.end(100)
    expect(rig.names()).toContain('drained')
    rig.step({ kind: 'leave', budgetMs: 3_000 })
    expect(rig.commits.at(-1)?.offsets.map(({ partition, offset }) => [partition, offset])).toEqual([
      [0, 1],
      [1, 101],
    ])
    rig.answerCommit()
    expect(rig.names()).toEqual(expect.arrayContaining(['leave', 'finished']))
    expect(owned(rig)).toEqual([])
  })

  test('during the last commit of a part on its way back loses nothing of the rest', () => {
    const rig = cooperativeRig()
    bring(rig, 0, 0)
    bring(rig, 1, 0)
    disturb(rig)
    admit(rig, 2, [1, 2])
    rig.end(0)
    expect(rig.commits).toHaveLength(1)
    rig.take()
    rig.step({ kind: 'drain', drainMs: 20_000 })
    rig.answerCommit()
    rig.end(100)
    expect(rig.names()).toContain('drained')
    rig.step({ kind: 'leave', budgetMs: 3_000 })
    rig.answerCommit()
    expect(rig.take()).toContainEqual({ verb: 'finished', given: [{ uncommitted: 0, abandoned: 0 }] })
  })
})
