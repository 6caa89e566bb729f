/** When a member may believe that the coordinator still counts it in (R5), and what its heartbeats have to do with it. */
import { describe, expect, test } from 'vitest'
import { kafkaErrors } from '../model/kafka-errors.ts'
import { admitted, beat, lose } from './engine-parts.fixture.ts'
import { Lease } from './lease.ts'
import { chunkOf, MemberRig, offsets, testGroup } from './member-rig.fixture.ts'
import { answerJoin, answerSync, bring, cooperativeRig, disturb } from './rejoin.fixture.ts'
import { memberHealth } from './status.ts'

function heartbeats(rig: MemberRig): number {
  return rig.names().filter((name) => name === 'heartbeat').length
}

function answerBeat(rig: MemberRig, sentMs: number, errorCode = 0, stamp = rig.flow.membership.stamp): void {
  rig.step({ kind: 'heartbeatAnswered', stamp, sentMs, errorCode })
}

test('a lease is counted from when the heartbeat was sent, not from its answer', () => {
  const rig = new MemberRig().assign()
  rig.beatsAreAnswered = false
  rig.advance(3_000)
  rig.nowMs += 4_000
  answerBeat(rig, rig.beatSentMs)
  expect(rig.flow.membership.holdsLease(4_000 + 43_999)).toBe(true)
  expect(rig.flow.membership.holdsLease(4_000 + 44_000)).toBe(false)
})

test('a heartbeat that is answered with "rebalance in progress" renews the lease for the drain', () => {
  const rig = new MemberRig().assign()
  rig.deliver(chunkOf(offsets(0)))
  beat(rig, kafkaErrors.REBALANCE_IN_PROGRESS)
  expect(rig.flow.membership.phase).toBe('draining')
  expect(rig.flow.membership.holdsLease(4_000 + 43_999)).toBe(true)
})

test('an older acknowledgement does not shorten the lease', () => {
  const rig = new MemberRig().assign()
  beat(rig, 0)
  answerBeat(rig, 1_000)
  expect(rig.flow.membership.holdsLease(4_000 + 43_999)).toBe(true)
})

test('a lease of a new generation is counted from the SyncGroup', () => {
  const rig = new MemberRig()
  rig.step({ kind: 'start' })
  rig.step({ kind: 'joined', stamp: rig.flow.membership.stamp, answer: { ...admitted, leader: 'x' } })
  rig.nowMs += 20_000
  rig.step({ kind: 'synced', stamp: rig.flow.membership.stamp, errorCode: 0, partitions: [] })
  expect(rig.flow.membership.holdsLease(1_000 + 44_000)).toBe(false)
})

test('of a short session a quarter is left as a margin, not a whole second', () => {
  const rig = new MemberRig({ sessionTimeoutMs: 2_000 }).assign()
  expect(rig.flow.membership.holdsLease(1_000 + 1_499)).toBe(true)
  expect(rig.flow.membership.holdsLease(1_000 + 1_500)).toBe(false)
})

test('outside of the group nobody holds a lease', () => {
  const rig = new MemberRig().assign()
  lose(rig, kafkaErrors.ILLEGAL_GENERATION)
  expect(rig.flow.membership.holdsLease(rig.nowMs)).toBe(false)
})

test('one heartbeat is in flight', () => {
  const rig = new MemberRig().assign()
  rig.beatsAreAnswered = false
  rig.advance(9_000)
  expect(heartbeats(rig)).toBe(1)
})

test('a heartbeat in flight when the membership is lost does not hold up those of the next one', () => {
  const rig = new MemberRig().assign()
  rig.beatsAreAnswered = false
  rig.advance(3_000)
  lose(rig)
  rig.assign(1, 0, 2)
  rig.take()
  rig.advance(3_000)
  expect(heartbeats(rig)).toBe(1)
})

test('the answer to a heartbeat from before a standstill is not that of the one after it', () => {
  const rig = new MemberRig().assign()
  rig.beatsAreAnswered = false
  rig.advance(3_000)
  const sentMs = rig.beatSentMs
  rig.nowMs += 25_000
  rig.step({ kind: 'tick' })
  rig.take()
  answerBeat(rig, sentMs)
  rig.advance(9_000)
  expect(heartbeats(rig)).toBe(0)
  answerBeat(rig, rig.beatSentMs)
  rig.advance(1_000)
  expect(heartbeats(rig)).toBe(1)
})

test.each([kafkaErrors.UNKNOWN_MEMBER_ID, kafkaErrors.REBALANCE_IN_PROGRESS])(
  'a heartbeat of the last generation that is answered with %i says nothing about this one',
  (errorCode) => {
    const rig = new MemberRig().assign()
    const { stamp } = rig.flow.membership
    lose(rig)
    rig.assign(1, 0, 2)
    answerBeat(rig, rig.nowMs, errorCode, stamp)
    expect(rig.flow.membership.phase).toBe('stable')
  },
)

test('a heartbeat of the last generation without an answer says nothing about the coordinator of this one', () => {
  const rig = new MemberRig().assign()
  const { stamp } = rig.flow.membership
  lose(rig)
  rig.assign(1, 0, 2)
  rig.take()
  rig.step({ kind: 'heartbeatFailed', stamp, sentMs: rig.nowMs })
  expect(rig.names()).toEqual([])
})

test('a heartbeat that a moved coordinator refuses is repeated soon, after looking for it', () => {
  const rig = new MemberRig().assign()
  rig.take()
  beat(rig, kafkaErrors.NOT_COORDINATOR)
  expect(rig.names()).toContain('forgetCoordinator')
  rig.advance(500)
  expect(heartbeats(rig)).toBe(1)
})

test('an acknowledgement from before a standstill proves nothing after it', () => {
  const rig = new MemberRig().assign()
  rig.deliver(chunkOf(offsets(0)))
  rig.beatsAreAnswered = false
  rig.advance(3_000)
  const sentMs = rig.beatSentMs
  rig.nowMs += 25_000
  rig.step({ kind: 'tick' })
  answerBeat(rig, sentMs)
  rig.deliver(chunkOf(offsets(1)))
  expect([...rig.running.keys()]).toEqual([0])
})

test('after a standstill a heartbeat goes out at once, whatever is in flight and whatever the interval says', () => {
  const rig = new MemberRig({ sessionTimeoutMs: 6_000, heartbeatIntervalMs: 5_000 }).assign()
  rig.take()
  rig.nowMs += 3_001
  rig.step({ kind: 'tick' })
  expect(heartbeats(rig)).toBe(1)
  rig.nowMs += 3_001
  rig.step({ kind: 'tick' })
  expect(heartbeats(rig)).toBe(1)
})

test('a loop may stand still for exactly as long as it may', () => {
  const rig = new MemberRig().assign()
  rig.nowMs += 30_000
  rig.take()
  rig.step({ kind: 'tick' })
  expect(rig.names()).not.toContain('leave')
})

test('a join that takes longer than the loop may stand still is no standstill', () => {
  const rig = new MemberRig()
  rig.step({ kind: 'start' })
  rig.nowMs += 31_000
  rig.assign()
  rig.take()
  rig.advance(10)
  expect(rig.names()).not.toContain('leave')
  expect(rig.flow.membership.phase).toBe('stable')
})

test('an outage of the coordinator is no stall of ours, and what waits is timed anew when it ends', () => {
  const rig = new MemberRig({ subscription: { concurrency: 1, attemptTimeoutMs: 50_000 } }).assign()
  rig.deliver(chunkOf(offsets(0, 1)))
  rig.beatsAreAnswered = false
  rig.advance(46_000)
  rig.end(0)
  rig.advance(160_000)
  expect(rig.running.size).toBe(0)
  expect(memberHealth(rig.flow, rig.nowMs).failures).toEqual([])
  rig.step({ kind: 'heartbeatFailed', stamp: rig.flow.membership.stamp, sentMs: rig.beatSentMs })
  rig.beatsAreAnswered = true
  rig.advance(3_000)
  expect([...rig.running.keys()]).toEqual([1])
  expect(memberHealth(rig.flow, rig.nowMs).failures).toEqual([])
})

test('an answer to a heartbeat from before the drain counts in the drain', () => {
  const rig = new MemberRig().assign()
  rig.deliver(chunkOf(offsets(0)))
  rig.beatsAreAnswered = false
  rig.advance(3_000)
  const { stamp } = rig.flow.membership
  rig.step({ kind: 'partitionsChanged', reason: 'test' })
  expect(rig.flow.membership.phase).toBe('draining')
  rig.take()
  answerBeat(rig, rig.beatSentMs, kafkaErrors.UNKNOWN_MEMBER_ID, stamp)
  expect(rig.names()).toContain('group.lost')
})

test('an answer to a heartbeat from before a part is given back counts while it is', () => {
  const rig = cooperativeRig()
  bring(rig, 2, 0)
  disturb(rig)
  answerJoin(rig, 2)
  rig.beatsAreAnswered = false
  answerSync(rig, [0, 1])
  expect(rig.flow.membership.phase).toBe('revoking')
  rig.advance(3_000)
  rig.take()
  answerBeat(rig, rig.beatSentMs, kafkaErrors.UNKNOWN_MEMBER_ID)
  expect(rig.names()).toContain('group.lost')
})

test('a drain may not outlive the patience of the group, however well the heart beats', () => {
  const rig = new MemberRig({ drainAtRevokeMs: 120_000, subscription: { attemptTimeoutMs: 600_000 } }).assign()
  rig.deliver(chunkOf(offsets(0)))
  beat(rig, kafkaErrors.REBALANCE_IN_PROGRESS)
  const beganMs = rig.nowMs
  rig.beatsAreAnswered = true
  rig.advance(59_999)
  expect([rig.flow.membership.phase, rig.flow.membership.holdsLease(beganMs + 59_999)]).toEqual(['draining', true])
  expect(rig.flow.membership.holdsLease(beganMs + 60_000)).toBe(false)
})

test('no heartbeat is sent before its time, whatever wakes the member', () => {
  const rig = new MemberRig().assign()
  rig.take()
  rig.nowMs += 2_999
  rig.step({ kind: 'tick' })
  expect(heartbeats(rig)).toBe(0)
  rig.nowMs += 1
  rig.step({ kind: 'tick' })
  expect(heartbeats(rig)).toBe(1)
})

test.each(['without an answer', 'that a moved coordinator refused'])(
  'a heartbeat %s is repeated after half a second, not at once',
  (how) => {
    const rig = new MemberRig().assign()
    rig.beatsAreAnswered = false
    rig.advance(3_000)
    const { stamp } = rig.flow.membership
    if (how === 'without an answer') rig.step({ kind: 'heartbeatFailed', stamp, sentMs: rig.beatSentMs })
    else answerBeat(rig, rig.beatSentMs, kafkaErrors.NOT_COORDINATOR)
    rig.take()
    rig.advance(499)
    expect(heartbeats(rig)).toBe(0)
    rig.advance(1)
    expect(heartbeats(rig)).toBe(1)
  },
)

test('a gap of exactly half a session is no standstill', () => {
  for (const [gapMs, isInDoubt] of [
    [22_500, false],
    [22_501, true],
  ] as const) {
    const rig = new MemberRig().assign()
    rig.nowMs += gapMs
    rig.step({ kind: 'tick' })
    expect(rig.flow.membership.holdsLease(rig.nowMs)).toBe(!isInDoubt)
  }
})

test('a member that gave everything back holds no lease while it joins', () => {
  const rig = new MemberRig().assign()
  rig.step({ kind: 'partitionsChanged', reason: 'test' })
  expect(rig.flow.membership.phase).toBe('joining')
  expect(rig.flow.membership.holdsLease(rig.nowMs)).toBe(false)
})

test('the patience of the group for a SyncGroup begins when that is sent, not with the join', () => {
  const rig = cooperativeRig({ sessionTimeoutMs: 300_000 })
  disturb(rig)
  rig.advance(50_000)
  answerJoin(rig, 2)
  const sentMs = rig.nowMs
  expect(rig.flow.membership.holdsLease(sentMs + 59_999)).toBe(true)
  expect(rig.flow.membership.holdsLease(sentMs + 60_000)).toBe(false)
})

test('since when a lease holds is told from its last break', () => {
  const lease = new Lease(testGroup)
  lease.prove(1_000, 1_500)
  expect(lease.sinceMs).toBe(1_500)
  lease.prove(30_000, 30_500)
  expect(lease.sinceMs).toBe(1_500)
  lease.prove(99_000, 100_000)
  expect(lease.sinceMs).toBe(100_000)
  lease.admitted(110_000, 110_500)
  expect(lease.sinceMs).toBe(100_000)
  lease.end()
  lease.admitted(200_000, 200_500)
  expect(lease.sinceMs).toBe(200_500)
})

test('an assignment that was asked for before a standstill proves nothing after it', () => {
  const lease = new Lease(testGroup)
  lease.doubt(10_000)
  lease.admitted(9_999, 10_001)
  expect(lease.holds(10_001)).toBe(false)
  lease.admitted(10_000, 10_002)
  expect(lease.holds(10_002)).toBe(true)
})

describe('a join whose coordinator is still looked for', () => {
  test('keeps no lease: until it goes out nobody keeps the place of its member', () => {
    const rig = cooperativeRig()
    rig.isCoordinatorKnown = false
    disturb(rig)
    expect(rig.flow.membership.phase).toBe('joining')
    expect(rig.flow.membership.holdsLease(rig.nowMs + 43_999)).toBe(true)
    expect(rig.flow.membership.holdsLease(rig.nowMs + 44_001)).toBe(false)
  })

  test('keeps it from when it goes out, if it held until then', () => {
    const rig = cooperativeRig()
    rig.isCoordinatorKnown = false
    disturb(rig)
    rig.nowMs += 40_000
    rig.step({ kind: 'joinSent', stamp: rig.flow.membership.stamp })
    expect(rig.flow.membership.holdsLease(rig.nowMs + 59_999)).toBe(true)
    expect(rig.flow.membership.holdsLease(rig.nowMs + 60_000)).toBe(false)
  })

  test('is made anew, with nothing to claim, when the group says meanwhile that it does not know the member', () => {
    const rig = cooperativeRig()
    rig.isCoordinatorKnown = false
    disturb(rig)
    rig.take()
    answerBeat(rig, rig.beatSentMs, kafkaErrors.UNKNOWN_MEMBER_ID, rig.flow.membership.stamp - 1)
    const joins = rig.take().flatMap((effect) => (effect.verb === 'join' ? [effect.given.slice(1)] : []))
    expect(joins).toEqual([['', { partitions: [], generation: -1 }]])
    expect(rig.flow.partitions.size).toBe(0)
  })

  test('is not made anew by an answer to an earlier life once it has gone out', () => {
    const rig = cooperativeRig()
    disturb(rig)
    rig.take()
    answerBeat(rig, rig.beatSentMs, kafkaErrors.UNKNOWN_MEMBER_ID, rig.flow.membership.stamp - 1)
    expect(rig.names()).toEqual([])
  })
})
