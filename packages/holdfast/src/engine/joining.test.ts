/** How a member gets into its group, and what of its identity outlives which refusal. */
import { expect, test } from 'vitest'
import { kafkaErrors } from '../model/kafka-errors.ts'
import { startAt } from '../model/next-offset.ts'
import { admitted, beat, lose, orders0 } from './engine-parts.fixture.ts'
import { chunkOf, MemberRig, noMarks, offsets } from './member-rig.fixture.ts'
import { Recorded } from './recorded.fixture.ts'

function join(rig: MemberRig, errorCode = 0): void {
  rig.step({ kind: 'joined', stamp: rig.flow.membership.stamp, answer: { ...admitted, errorCode } })
}

function sync(rig: MemberRig, errorCode = 0, stamp = rig.flow.membership.stamp): void {
  rig.step({ kind: 'synced', stamp, errorCode, partitions: [orders0] })
}

/** The member ids of the joins since the last look. */
function joins(rig: MemberRig): string[] {
  return rig.take().flatMap((effect) => (effect.verb === 'join' ? [effect.given[1]] : []))
}

function started(): MemberRig {
  const rig = new MemberRig()
  rig.step({ kind: 'start' })
  rig.take()
  return rig
}

test('a SyncGroup that is answered after its join was given up admits nobody', () => {
  const rig = started()
  join(rig)
  const old = rig.flow.membership.stamp
  rig.step({ kind: 'joinFailed', stamp: old })
  rig.advance(1_000)
  join(rig)
  expect(rig.flow.membership.phase).toBe('syncing')
  sync(rig, 0, old)
  expect(rig.flow.membership.phase).toBe('syncing')
})

test('a join that failed after another began changes nothing', () => {
  const rig = started()
  const old = rig.flow.membership.stamp
  rig.step({ kind: 'joinFailed', stamp: old })
  rig.advance(1_000)
  rig.step({ kind: 'joinFailed', stamp: old })
  expect(rig.flow.membership.phase).toBe('joining')
})

test('a join without an answer is repeated, by a coordinator that is looked for', () => {
  const rig = started()
  rig.step({ kind: 'joinFailed', stamp: rig.flow.membership.stamp })
  expect(rig.names()).toContain('forgetCoordinator')
  rig.advance(75)
  expect(joins(rig)).toHaveLength(1)
})

test('a join that a moved coordinator refuses has it looked for', () => {
  const rig = started()
  join(rig, kafkaErrors.NOT_COORDINATOR)
  expect(rig.names()).toContain('forgetCoordinator')
})

test('a join that is refused to an unknown member is repeated without an id', () => {
  const rig = new MemberRig().assign()
  rig.take()
  lose(rig, kafkaErrors.ILLEGAL_GENERATION)
  expect(joins(rig)).toEqual(['m'])
  join(rig, kafkaErrors.UNKNOWN_MEMBER_ID)
  rig.advance(1_000)
  expect(joins(rig)).toEqual([''])
})

test.each([kafkaErrors.REBALANCE_IN_PROGRESS, kafkaErrors.ILLEGAL_GENERATION])(
  'a SyncGroup that another rebalance overtook (%i) is followed by a join at once',
  (errorCode) => {
    const rig = started()
    join(rig)
    rig.take()
    sync(rig, errorCode)
    expect(joins(rig)).toEqual(['m'])
  },
)

test('failures from before a successful join do not lengthen the pauses after it', () => {
  const rig = started()
  for (let round = 0; round < 4; round++) {
    rig.step({ kind: 'joinFailed', stamp: rig.flow.membership.stamp })
    rig.advance(10_000)
  }
  rig.assign()
  lose(rig)
  rig.step({ kind: 'joinFailed', stamp: rig.flow.membership.stamp })
  expect(rig.flow.nextWakeMs - rig.nowMs).toBe(75)
})

test('a refusal concerns a member, not somebody who is joining', () => {
  const rig = started()
  lose(rig)
  expect(rig.names()).toEqual([])
  expect(rig.flow.membership.phase).toBe('joining')
})

test('a refusal of an earlier membership changes nothing', () => {
  const rig = new MemberRig().assign()
  const { stamp } = rig.flow.membership
  lose(rig)
  rig.assign(1, 0, 2)
  rig.step({ kind: 'refused', stamp, errorCode: kafkaErrors.UNKNOWN_MEMBER_ID, what: 'test' })
  expect(rig.flow.membership.phase).toBe('stable')
})

test('a request about positions that is refused because the group rebalances begins the drain', () => {
  const rig = new MemberRig().assign()
  rig.deliver(chunkOf(offsets(0)))
  lose(rig, kafkaErrors.REBALANCE_IN_PROGRESS)
  expect(rig.flow.membership.phase).toBe('draining')
})

test('only a member that gave everything back joins again', () => {
  const rig = new MemberRig().assign()
  const recorded = new Recorded()
  rig.flow.membership.rejoin(rig.nowMs, recorded.effects)
  expect(recorded.take()).toEqual([])
})

test('whoever the coordinator names leads', () => {
  const rig = started()
  rig.step({ kind: 'joined', stamp: rig.flow.membership.stamp, answer: { ...admitted, leader: 'x' } })
  expect(rig.flow.membership.isLeader).toBe(false)
  expect(new MemberRig().assign().flow.membership.isLeader).toBe(true)
})

test('a member that is told to stop while it joins sends no heartbeat and does not join again', () => {
  const rig = started()
  rig.step({ kind: 'joinFailed', stamp: rig.flow.membership.stamp })
  rig.advance(1_000)
  rig.take()
  rig.step({ kind: 'drain', drainMs: 20_000 })
  rig.advance(10_000)
  expect(rig.names()).toEqual(['drained'])
  join(rig)
  expect(rig.flow.nextWakeMs).toBe(Infinity)
  expect(rig.names()).toEqual([])
})

test('a member whose join is answered while it stops takes no partitions away from the others', () => {
  const rig = started()
  rig.step({ kind: 'drain', drainMs: 20_000 })
  rig.take()
  join(rig)
  expect(rig.names()).not.toContain('sync')
})

test('a member whose SyncGroup is answered while it stops does not ask where to start', () => {
  const rig = started()
  join(rig)
  rig.step({ kind: 'drain', drainMs: 20_000 })
  rig.take()
  sync(rig)
  expect(rig.names()).toEqual([])
  rig.step({ kind: 'leave', budgetMs: 3_000 })
  expect(rig.names()).toEqual(expect.arrayContaining(['leave', 'finished']))
})

test('a member that is fenced while it stops does not join again', () => {
  const rig = new MemberRig().assign()
  rig.deliver(chunkOf(offsets(0)))
  rig.step({ kind: 'drain', drainMs: 20_000 })
  rig.take()
  lose(rig)
  expect(rig.names()).not.toContain('join')
})

test('a member that was fenced for good leaves without an id, which is that of somebody else now', () => {
  const rig = new MemberRig().assign()
  beat(rig, kafkaErrors.FENCED_INSTANCE_ID)
  rig.step({ kind: 'drain', drainMs: 20_000 })
  rig.take()
  rig.step({ kind: 'leave', budgetMs: 3_000 })
  expect(rig.take()).toContainEqual({ verb: 'leave', given: [''] })
})

test('a member that never joined is nobody, and claims nothing', () => {
  const rig = new MemberRig()
  expect(rig.flow.membership).toMatchObject({ phase: 'idle', memberId: '', generation: -1, isLeader: false })
  rig.step({ kind: 'start' })
  expect(
    rig
      .take()
      .find(({ verb }) => verb === 'join')
      ?.given.slice(1),
  ).toEqual(['', { partitions: [], generation: -1 }])
})

test('a join that is answered is followed by a SyncGroup, which needs the answer', () => {
  const rig = started()
  join(rig)
  const { stamp } = rig.flow.membership
  expect(rig.take()).toEqual([{ verb: 'sync', given: [stamp, { ...admitted, errorCode: 0 }] }])
})

test('a join that is refused because the group rebalances says nothing against the coordinator', () => {
  const rig = started()
  join(rig, kafkaErrors.REBALANCE_IN_PROGRESS)
  expect(rig.names()).toEqual(['join'])
})

test('a member that waits for its coordinator is not called stuck, however long it waits', () => {
  const rig = started()
  rig.step({ kind: 'joinFailed', stamp: rig.flow.membership.stamp })
  rig.take()
  rig.nowMs += 600_000
  rig.step({ kind: 'tick' })
  expect(rig.names()).toEqual(['join'])
})

test('a join is not repeated before its pause is over, whatever wakes the member', () => {
  const rig = started()
  rig.step({ kind: 'joinFailed', stamp: rig.flow.membership.stamp })
  rig.take()
  rig.nowMs += 74
  rig.step({ kind: 'tick' })
  expect(rig.names()).toEqual([])
  rig.nowMs += 1
  rig.step({ kind: 'tick' })
  expect(rig.names()).toEqual(['join'])
})

test('a refusal that says nothing about the member costs it its partitions, and it joins again after a pause', () => {
  const rig = new MemberRig().assign()
  rig.take()
  lose(rig, kafkaErrors.TOPIC_AUTHORIZATION_FAILED)
  expect(rig.names()).not.toContain('join')
  expect([rig.flow.membership.phase, rig.flow.membership.memberId]).toEqual(['waiting', 'm'])
  rig.advance(100)
  expect(joins(rig)).toEqual(['m'])
})

test.each([
  ['joins', (rig: MemberRig): void => join(rig, kafkaErrors.INVALID_GROUP_ID)],
  ['belongs to the group', (rig: MemberRig): void => beat(rig, kafkaErrors.INVALID_GROUP_ID)],
])('whoever is refused for good while it %s is told what to do', (_when, refuse) => {
  const rig = new MemberRig()
  rig.step({ kind: 'start' })
  if (_when !== 'joins') rig.assign()
  rig.take()
  refuse(rig)
  const failed = rig.take().flatMap(({ verb, given }) => (verb === 'fail' ? given : []))
  expect(failed).toMatchObject([{ code: 'KAFKA_ERROR', remedy: 'Choose another group id.' }])
})

test('who stops while it joins waits outside, and joins no more', () => {
  const rig = started()
  rig.step({ kind: 'drain', drainMs: 1_000 })
  join(rig)
  expect(rig.flow.membership.phase).toBe('waiting')
  rig.advance(60_000)
  expect(rig.names()).not.toContain('sync')
})

test('who has left has left', () => {
  const rig = new MemberRig().assign()
  rig.step({ kind: 'drain', drainMs: 1_000 })
  rig.step({ kind: 'leave', budgetMs: 1_000 })
  expect(rig.flow.membership.phase).toBe('left')
})

test('a partition of a topic that nobody subscribed to is not opened', () => {
  const rig = new MemberRig().assign()
  rig.step({ kind: 'partitionsChanged', reason: 'test' })
  join(rig)
  sync(rig)
  const start = { position: startAt(0), committed: startAt(0), leaderEpoch: -1, ...noMarks, cutFrom: null }
  const starts = ['orders', 'unknown'].map((topic) => ({ topic, partition: 0, ...start }))
  rig.step({ kind: 'positioned', stamp: rig.flow.membership.stamp, starts })
  expect([...rig.flow.partitions.keys()]).toEqual(['orders/0'])
})
