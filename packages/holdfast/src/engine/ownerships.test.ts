/** What a partition carries from one ownership to the next, and what a member does while nobody owns it. */
import { describe, expect, test } from 'vitest'
import { startAt } from '../model/next-offset.ts'
import { admitted, flowOf, lose, orders0, recordView, runningOf } from './engine-parts.fixture.ts'
import { chunkOf, MemberRig, noMarks, offsets, testSubscription, type TestRecord } from './member-rig.fixture.ts'
import { Ownerships } from './ownerships.ts'
import { SubscriptionFlow } from './subscription-flow.ts'
import { subscriptionStatus } from './status.ts'

const atZero = {
  ...orders0,
  position: startAt(0),
  committed: startAt(0),
  leaderEpoch: -1,
  ...noMarks,
  cutFrom: null,
}

describe('pauses', () => {
  test('a pause outlives a rebalance, and a resume ends it for good', () => {
    const rig = new MemberRig().assign()
    rig.step({ kind: 'paused', topic: 'orders' })
    rig.step({ kind: 'partitionsChanged', reason: 'test' })
    rig.assign(1, 0, 2)
    expect(flowOf(rig).pauses).toEqual(['user'])
    rig.step({ kind: 'resumed', topic: 'orders' })
    rig.step({ kind: 'partitionsChanged', reason: 'test' })
    rig.assign(1, 0, 3)
    expect(flowOf(rig).pauses).toEqual([])
  })

  test('a pause and its end concern one topic', () => {
    const ownerships = new Ownerships(recordView)
    const subscribed = (topic: string): SubscriptionFlow<TestRecord> =>
      new SubscriptionFlow({ ...testSubscription, topic }, () => 0.5)
    const orders = ownerships.open(atZero, subscribed('orders'))
    const refunds = ownerships.open({ ...atZero, topic: 'refunds' }, subscribed('refunds'))
    expect(ownerships.pauseTopic('orders')).toEqual([orders])
    expect(refunds.pauses).toEqual([])
    ownerships.pauseTopic('refunds')
    expect(ownerships.resumeTopic('orders')).toEqual([orders])
    expect(refunds.pauses).toEqual(['user'])
  })
})

describe('what outlives an ownership', () => {
  test('a handler that ignored its abort holds its lane in the next ownership too', () => {
    const rig = new MemberRig({ subscription: { order: 'key', attemptTimeoutMs: 1_000 } }).assign()
    rig.deliver(chunkOf([{ offset: 0, key: 1 }]))
    rig.advance(6_000)
    expect(flowOf(rig).zombies).toBe(1)
    lose(rig)
    rig.running.clear()
    rig.assign(1, 0, 2)
    rig.deliver(
      chunkOf([
        { offset: 0, key: 1 },
        { offset: 1, key: 2 },
      ]),
    )
    expect([...rig.running.keys()]).toEqual([1])
  })

  test('an attempt that outlives two ownerships holds its lane in both', () => {
    const rig = new MemberRig({ subscription: { order: 'key' } }).assign()
    rig.deliver(chunkOf([{ offset: 0, key: 1 }]))
    const stuck = rig.running.get(0)!
    for (const generation of [2, 3]) {
      lose(rig)
      rig.running.clear()
      rig.assign(1, 0, generation)
      rig.deliver(
        chunkOf([
          { offset: 0, key: 1 },
          { offset: 1, key: generation },
        ]),
      )
      expect([...rig.running.keys()]).toEqual([1])
    }
    expect(flowOf(rig).unreadable).toBe(null)
    rig.running.set(-1, stuck)
    rig.end(-1)
    expect(runningOf(rig)).toEqual([0, 1])
  })

  test('what became of records is counted on after the partition is gone', () => {
    const rig = new MemberRig().assign()
    rig.deliver(chunkOf(offsets(0, 1)))
    rig.end(0)
    lose(rig)
    expect(subscriptionStatus(rig.flow, 'orders', rig.nowMs)?.counts).toMatchObject({
      accepted: 2,
      done: 1,
      abandoned: 1,
    })
  })
})

describe('positions', () => {
  test('positions that come during a drain open nothing', () => {
    const rig = new MemberRig().assign()
    const { stamp } = rig.flow.membership
    rig.deliver(chunkOf(offsets(0)))
    rig.step({ kind: 'partitionsChanged', reason: 'test' })
    const { epoch } = flowOf(rig)
    rig.step({ kind: 'positioned', stamp, starts: [atZero] })
    expect(flowOf(rig).epoch).toBe(epoch)
  })

  test('positions that were asked for in an earlier generation open nothing', () => {
    const rig = new MemberRig().assign()
    const { stamp } = rig.flow.membership
    lose(rig)
    rig.assign(0, 0, 2)
    rig.step({ kind: 'positioned', stamp, starts: [atZero] })
    expect(rig.flow.partitions.size).toBe(0)
  })

  test('a member is positioned while the partitions of its generation are open', () => {
    const rig = new MemberRig()
    rig.step({ kind: 'start' })
    expect(rig.flow.isPositioned).toBe(false)
    rig.assign()
    expect(rig.flow.isPositioned).toBe(true)
    lose(rig)
    expect(rig.flow.isPositioned).toBe(false)
    rig.assign(1, 0, 2)
    rig.step({ kind: 'partitionsChanged', reason: 'test' })
    expect(rig.flow.isPositioned).toBe(false)
  })

  test('a member that was given no partition has nothing to position', () => {
    const rig = new MemberRig()
    rig.step({ kind: 'start' })
    rig.step({ kind: 'joined', stamp: rig.flow.membership.stamp, answer: admitted })
    rig.step({ kind: 'synced', stamp: rig.flow.membership.stamp, errorCode: 0, partitions: [] })
    expect(rig.flow.isPositioned).toBe(true)
    expect(rig.names()).not.toContain('resolvePositions')
  })
})

test('of two attempts that outlived their ownership, one that settles frees its own record only', () => {
  const rig = new MemberRig().assign()
  rig.deliver(chunkOf(offsets(0, 1)))
  lose(rig)
  rig.end(0)
  rig.assign(1, 0, 2)
  rig.deliver(chunkOf(offsets(0, 1)))
  // The other one still holds its record back.
  expect([...rig.running.values()].filter(({ owner }) => !owner.isOver).map(({ offset }) => offset)).toEqual([0])
})
