/** R3–R5, R32 for a cooperative member: what ends its ownership, how long it may believe in it, and how it stops while it joins. */
import { describe, expect, test } from 'vitest'
import { kafkaErrors } from '../model/kafka-errors.ts'
import { beat, flowOf, lose, relocated, runningOf } from './engine-parts.fixture.ts'
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
} from './rejoin.fixture.ts'

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

  test('takes the lease with it', () => {
    const rig = cooperativeRig()
    lose(rig)
    rig.nowMs += 500
    admit(rig, 2, [0])
    expect(rig.flow.membership.leaseSinceMs).toBe(rig.nowMs)
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

  test('would be noticed: a loop that waits for a join ticks, and does nothing else', () => {
    const rig = cooperativeRig()
    disturb(rig)
    rig.take()
    for (let round = 0; round < 5; round++) {
      expect(rig.flow.nextWakeMs).toBe(rig.nowMs + 3_000)
      rig.advance(3_000)
    }
    expect(rig.names()).toEqual([])
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

  test('does not begin a rebalance that it hears of before it left', () => {
    const rig = cooperativeRig()
    bring(rig, 0, 0)
    disturb(rig)
    rig.step({ kind: 'drain', drainMs: 20_000 })
    admit(rig, 2, [0, 1, 2])
    rig.take()
    beat(rig, kafkaErrors.REBALANCE_IN_PROGRESS)
    expect(claims(rig)).toEqual([])
    expect(rig.flow.membership.phase).toBe('draining')
  })

  test('does not wait for what may no longer start in a part on its way back', () => {
    const rig = cooperativeRig()
    bring(rig, 0, 0, 1)
    rig.end(0, 'failed')
    disturb(rig)
    admit(rig, 2, [1, 2])
    rig.step({ kind: 'drain', drainMs: 20_000 })
    rig.take()
    rig.end(1)
    expect(rig.names()).toContain('drained')
  })
})

test('a partition on its way back does not begin anew where its log was cut', () => {
  const rig = cooperativeRig()
  bring(rig, 0, 0, 1)
  const { epoch } = flowOf(rig)
  disturb(rig)
  admit(rig, 2, [1, 2])
  rig.take()
  relocated(rig, 0)
  expect(flowOf(rig).epoch).toBe(epoch)
  expect(rig.names()).toEqual([])
})
