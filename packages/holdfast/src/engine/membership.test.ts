import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { JoinAnswer } from './effects.ts'
import { kafkaErrors } from '../model/kafka-errors.ts'
import { MemberRig, offsets, chunkOf } from './member-rig.fixture.ts'

const admitted: JoinAnswer = {
  errorCode: 0,
  generationId: 1,
  memberId: 'm',
  leader: 'm',
  protocolName: 'range',
  members: [],
}

function beat(rig: MemberRig, errorCode: number): void {
  rig.beatsAreAnswered = false
  rig.advance(3_000)
  rig.step({ kind: 'heartbeatAnswered', stamp: rig.flow.membership.stamp, sentMs: rig.beatSentMs, errorCode })
}

test('a member that is told its id joins again with it', () => {
  const rig = new MemberRig()
  rig.step({ kind: 'start' })
  rig.take()
  const answer = { ...admitted, errorCode: kafkaErrors.MEMBER_ID_REQUIRED, memberId: 'given' }
  rig.step({ kind: 'joined', stamp: rig.flow.membership.stamp, answer })
  const nothing = { partitions: [], generation: -1 }
  expect(rig.take()).toContainEqual({ verb: 'join', given: [rig.flow.membership.stamp, 'given', nothing] })
})

test('an answer of an older life changes nothing', () => {
  const rig = new MemberRig().assign()
  const old = rig.flow.membership.stamp
  beat(rig, kafkaErrors.UNKNOWN_MEMBER_ID)
  rig.take()
  rig.step({
    kind: 'heartbeatAnswered',
    stamp: old,
    sentMs: rig.beatSentMs,
    errorCode: kafkaErrors.REBALANCE_IN_PROGRESS,
  })
  rig.step({ kind: 'joined', stamp: old, answer: admitted })
  rig.step({ kind: 'synced', stamp: old, errorCode: 0, partitions: [] })
  expect(rig.take()).toEqual([])
  expect(rig.flow.membership.phase).toBe('joining')
})

test('a rebalance is answered by a drain, heartbeats going on, then a commit, then the join', () => {
  const rig = new MemberRig().assign()
  rig.deliver(chunkOf(offsets(0, 1)))
  rig.end(0)
  beat(rig, kafkaErrors.REBALANCE_IN_PROGRESS)
  rig.answerCommit()
  rig.beatsAreAnswered = true
  expect(rig.flow.membership.phase).toBe('draining')
  rig.take()
  rig.advance(6_500)
  expect(rig.names().filter((name) => name === 'heartbeat')).toHaveLength(2)
  rig.end(1)
  expect(rig.lastCommitted()).toBe(2)
  expect(rig.names()).not.toContain('join')
  rig.answerCommit()
  expect(rig.names()).toContain('join')
})

test('a second "rebalance in progress" during the drain is no second drain', () => {
  const rig = new MemberRig().assign()
  rig.deliver(chunkOf(offsets(0)))
  beat(rig, kafkaErrors.REBALANCE_IN_PROGRESS)
  rig.take()
  beat(rig, kafkaErrors.REBALANCE_IN_PROGRESS)
  expect(rig.names().filter((name) => name === 'group.rebalancing')).toEqual([])
})

test('a partition that is lost is neither waited for nor committed', () => {
  const rig = new MemberRig().assign()
  rig.deliver(chunkOf(offsets(0, 1)))
  rig.end(0)
  beat(rig, kafkaErrors.ILLEGAL_GENERATION)
  rig.commits = []
  expect(rig.names()).toEqual(expect.arrayContaining(['abort', 'partition.lost', 'join']))
  rig.end(1)
  rig.advance(5_000)
  expect(rig.commits).toEqual([])
})

test('a fenced member does not join again by itself', () => {
  const rig = new MemberRig().assign()
  beat(rig, kafkaErrors.FENCED_INSTANCE_ID)
  expect(rig.names()).toContain('fail')
  rig.advance(120_000)
  expect(rig.names()).not.toContain('join')
})

test('nothing starts and nothing is committed while no heartbeat is acknowledged', () => {
  const rig = new MemberRig().assign()
  rig.deliver(chunkOf(offsets(0)))
  rig.end(0)
  rig.advance(1_000)
  rig.answerCommit()
  rig.beatsAreAnswered = false
  rig.advance(44_500)
  rig.commits = []
  rig.deliver(chunkOf(offsets(1, 2)))
  expect(rig.running.size).toBe(0)
  expect(rig.commits).toEqual([])
  rig.step({ kind: 'heartbeatAnswered', stamp: rig.flow.membership.stamp, sentMs: rig.beatSentMs, errorCode: 0 })
  // The acknowledged heartbeat was sent too long ago to prove anything; the next one does.
  rig.beatsAreAnswered = true
  rig.advance(3_000)
  expect([...rig.running.keys()]).toEqual([1, 2])
})

test('after standing still for half a session one heartbeat is acknowledged before anything starts', () => {
  const rig = new MemberRig().assign()
  rig.beatsAreAnswered = false
  rig.nowMs += 25_000
  rig.step({ kind: 'tick' })
  rig.deliver(chunkOf(offsets(0)))
  expect(rig.running.size).toBe(0)
  rig.step({ kind: 'heartbeatAnswered', stamp: rig.flow.membership.stamp, sentMs: rig.beatSentMs, errorCode: 0 })
  expect([...rig.running.keys()]).toEqual([0])
})

test('after standing still for longer than the loop may, the member leaves and begins anew', () => {
  const rig = new MemberRig().assign()
  rig.nowMs += 31_000
  rig.take()
  rig.step({ kind: 'tick' })
  expect(rig.names()).toEqual(expect.arrayContaining(['leave', 'group.lost', 'partition.lost', 'join']))
  expect(rig.flow.membership.memberId).toBe('')
})

test('a coordinator that moved is looked for, with a pause that grows', () => {
  const rig = new MemberRig()
  rig.step({ kind: 'start' })
  const waits: number[] = []
  for (let round = 0; round < 4; round++) {
    const { stamp } = rig.flow.membership
    rig.step({ kind: 'joined', stamp, answer: { ...admitted, errorCode: kafkaErrors.NOT_COORDINATOR } })
    waits.push(rig.flow.nextWakeMs - rig.nowMs)
    rig.take()
    rig.advance(waits.at(-1)!)
    expect(rig.names()).toContain('join')
  }
  expect(waits).toEqual([75, 150, 300, 600])
})

test('a heartbeat without an answer is repeated soon, after looking for the coordinator', () => {
  const rig = new MemberRig().assign()
  rig.beatsAreAnswered = false
  rig.advance(3_000)
  rig.take()
  rig.step({ kind: 'heartbeatFailed', stamp: rig.flow.membership.stamp, sentMs: rig.beatSentMs })
  expect(rig.names()).toContain('forgetCoordinator')
  rig.advance(500)
  expect(rig.names()).toContain('heartbeat')
})

/** Goal: whatever the coordinator answers, in whatever order, one request of the join is in flight at most, and while the
 *  member is in the group it keeps sending heartbeats. */
test('any sequence of answers leaves the member joining, waiting, in the group or failed for good', () => {
  const codes = [0, 14, 15, 16, 22, 25, 27, 79]
  const script = fc.array(
    fc.tuple(fc.constantFrom('join', 'sync', 'beat', 'fail', 'time'), fc.constantFrom(...codes)),
    {
      maxLength: 40,
    },
  )
  fc.assert(
    fc.property(script, (acts) => {
      const rig = new MemberRig()
      rig.step({ kind: 'start' })
      for (const [act, errorCode] of acts) {
        const { stamp } = rig.flow.membership
        if (act === 'join') rig.step({ kind: 'joined', stamp, answer: { ...admitted, errorCode } })
        if (act === 'sync') rig.step({ kind: 'synced', stamp, errorCode, partitions: [] })
        if (act === 'beat') beat(rig, errorCode)
        if (act === 'fail') rig.step({ kind: 'joinFailed', stamp })
        if (act === 'time') rig.advance(1_000)
      }
      const { phase } = rig.flow.membership
      const isAlive = phase === 'joining' || phase === 'syncing' || rig.flow.nextWakeMs < Infinity
      expect(isAlive).toBe(true)
    }),
    { numRuns: 500 },
  )
})
