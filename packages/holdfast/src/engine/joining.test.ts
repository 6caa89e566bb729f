/** How a member gets into its group, and what of its identity outlives which refusal. */
import { expect, test } from 'vitest'
import { kafkaErrors } from '../model/kafka-errors.ts'
import { admitted, beat, lose, orders0 } from './engine-parts.fixture.ts'
import { chunkOf, MemberRig, offsets } from './member-rig.fixture.ts'
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
