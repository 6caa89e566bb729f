import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { startAt } from '../model/next-offset.ts'
import type { Order } from '../model/settings.ts'
import { kafkaErrors } from '../model/kafka-errors.ts'
import { HistoryWorld } from './member-history.fixture.ts'
import { chunkOf, MemberRig, offsets, topicId } from './member-rig.fixture.ts'
import { explain, memberHealth, subscriptionStatus } from './status.ts'

describe('permits', () => {
  test('no more handlers run than the concurrency allows, and the next starts when one ends', () => {
    const rig = new MemberRig({ subscription: { concurrency: 2 } }).assign()
    rig.deliver(chunkOf(offsets(0, 1, 2, 3)))
    expect([...rig.running.keys()]).toEqual([0, 1])
    rig.end(1)
    expect([...rig.running.keys()]).toEqual([0, 2])
  })

  test('a raised concurrency takes effect at the next step', () => {
    const rig = new MemberRig({ subscription: { concurrency: 1 } }).assign()
    rig.deliver(chunkOf(offsets(0, 1)))
    rig.flow.subscriptions.get('orders')!.concurrency = 2
    rig.step({ kind: 'tick' })
    expect([...rig.running.keys()]).toEqual([0, 1])
  })

  test('a parked record gives back its permit and keeps its lane', () => {
    const rig = new MemberRig({ subscription: { concurrency: 1, order: 'key' } }).assign()
    rig.deliver(
      chunkOf([
        { offset: 0, key: 1 },
        { offset: 1, key: 1 },
        { offset: 2, key: 2 },
      ]),
    )
    rig.end(0, 'failed')
    expect([...rig.running.keys()]).toEqual([2])
    rig.end(2)
    expect(rig.running.size).toBe(0)
    rig.advance(50)
    expect([...rig.running.keys()]).toEqual([0])
  })
})

describe('attempts', () => {
  test('a failed attempt waits at most as long as its place in the list says, and never starts early', () => {
    const rig = new MemberRig({ subscription: { inPlaceDelaysMs: [100, 1_000] } }).assign()
    rig.deliver(chunkOf(offsets(0)))
    rig.end(0, 'failed')
    rig.advance(49)
    expect(rig.running.size).toBe(0)
    rig.advance(1)
    expect(rig.running.get(0)?.attempt).toBe(2)
    rig.end(0, 'failed')
    rig.advance(499)
    expect(rig.running.size).toBe(0)
    rig.advance(1)
    expect(rig.running.get(0)?.attempt).toBe(3)
  })

  test('a record that uses up its attempts stops its partition and fails health, and nothing is dropped', () => {
    const rig = new MemberRig({ subscription: { inPlaceDelaysMs: [], concurrency: 1 } }).assign(2)
    rig.deliver(chunkOf(offsets(0, 1)), 0)
    rig.end(0, 'failed', new Error('no way'))
    expect(rig.running.size).toBe(0)
    rig.deliver(chunkOf(offsets(0)), 1)
    rig.end(0)
    rig.advance(2_000)
    expect(rig.lastCommitted(0)).toBe(0)
    expect(rig.lastCommitted(1)).toBe(1)
    expect(memberHealth(rig.flow, rig.nowMs).failures[0]).toContain('orders/0: stands still because of offset 0')
    expect(explain(rig.flow, 'orders', rig.nowMs)).toEqual(
      expect.arrayContaining([expect.stringContaining('orders/0: offset 0 holds the commit')]),
    )
    expect([...rig.fetches.at(-1)!.targets.keys()]).toEqual(['orders/1'])
  })

  test('a timed-out attempt is aborted, and failed when it settles, whatever it returns', () => {
    const rig = new MemberRig({ subscription: { attemptTimeoutMs: 1_000 } }).assign()
    rig.deliver(chunkOf(offsets(0)))
    rig.take()
    rig.advance(1_000)
    expect(rig.names()).toEqual(expect.arrayContaining(['timedOut', 'abort']))
    rig.end(0, 'done')
    expect(rig.names()).toContain('attemptFailed')
    rig.advance(5_000)
    expect(rig.lastCommitted()).toBe(0)
    expect(rig.running.get(0)?.attempt).toBe(2)
  })

  test('a zombie gives back its permit, keeps its lane and its offset, and its late success counts', () => {
    const rig = new MemberRig({ subscription: { attemptTimeoutMs: 1_000, concurrency: 1, order: 'key' } }).assign()
    rig.deliver(
      chunkOf([
        { offset: 0, key: 1 },
        { offset: 1, key: 1 },
        { offset: 2, key: 2 },
      ]),
    )
    rig.advance(6_000)
    expect([...rig.running.keys()]).toEqual([0, 2])
    expect(subscriptionStatus(rig.flow, 'orders', rig.nowMs)?.zombies).toBe(1)
    rig.end(2)
    rig.advance(2_000)
    expect(rig.lastCommitted()).toBe(0)
    rig.answerCommit()
    rig.end(0, 'done')
    expect([...rig.running.keys()]).toEqual([1])
    rig.advance(2_000)
    expect(rig.lastCommitted()).toBe(1)
  })

  test('ten zombies are too many to be called alive', () => {
    const rig = new MemberRig({ subscription: { attemptTimeoutMs: 1_000 } }).assign()
    rig.deliver(chunkOf(offsets(...Array.from({ length: 10 }, (_, offset) => offset))))
    rig.advance(6_000)
    expect(memberHealth(rig.flow, rig.nowMs).failures).toEqual(['orders: 10 handlers ignore their abort'])
  })
})

describe('order over ownerships', () => {
  test('an attempt that outlived its ownership keeps the lane in the next one, and its result is stale', () => {
    const rig = new MemberRig({ subscription: { order: 'key' } }).assign()
    rig.deliver(chunkOf([{ offset: 0, key: 1 }]))
    const old = rig.running.get(0)!
    rig.step({
      kind: 'refused',
      stamp: rig.flow.membership.stamp,
      errorCode: kafkaErrors.UNKNOWN_MEMBER_ID,
      what: 'test',
    })
    rig.assign(1, 0, 2)
    rig.running.clear()
    rig.deliver(
      chunkOf([
        { offset: 0, key: 1 },
        { offset: 1, key: 2 },
      ]),
    )
    expect([...rig.running.keys()]).toEqual([1])
    rig.running.set(-1, old)
    rig.take()
    rig.end(-1)
    expect(rig.names()).toContain('attempt.stale')
    expect(rig.running.get(0)?.attempt).toBe(1)
    expect(rig.flow.partitions.get('orders/0')?.ledger.committable()).toBe(0)
  })

  test('an attempt that outlives two ownerships still holds the lane in the third', () => {
    const rig = new MemberRig({ subscription: { order: 'key' } }).assign()
    const lose = (generation: number): void => {
      const { stamp } = rig.flow.membership
      rig.step({ kind: 'refused', stamp, errorCode: kafkaErrors.UNKNOWN_MEMBER_ID, what: 'test' })
      rig.assign(1, 0, generation)
      rig.deliver(
        chunkOf([
          { offset: 0, key: 1 },
          { offset: 1, key: 2 },
        ]),
      )
    }
    rig.deliver(chunkOf([{ offset: 0, key: 1 }]))
    const old = rig.running.get(0)!
    rig.running.clear()
    lose(2)
    rig.running.clear()
    lose(3)
    expect([...rig.running.keys()]).toEqual([])
    rig.running.set(-1, old)
    rig.end(-1)
    expect([...rig.running.keys()]).toEqual([0])
  })

  test('bytes that cannot be decoded stop their partition and fail health, and nothing is dropped', () => {
    const rig = new MemberRig().assign()
    const broken = chunkOf(offsets(0, 1))
    const chunk = {
      ...broken,
      take: (): never => {
        throw new Error('no such varint')
      },
    }
    rig.deliver(chunk)
    expect(memberHealth(rig.flow, rig.nowMs).failures[0]).toContain('cannot be read: no such varint')
    rig.advance(5_000)
    expect(rig.commits).toEqual([])
  })

  test('an answer to a fetch of an older ownership brings nothing', () => {
    const rig = new MemberRig().assign()
    const order = rig.fetches.at(-1)!
    rig.step({
      kind: 'refused',
      stamp: rig.flow.membership.stamp,
      errorCode: kafkaErrors.UNKNOWN_MEMBER_ID,
      what: 'test',
    })
    rig.assign(1, 0, 2)
    const part = {
      at: { topic: 'orders', partition: 0 },
      target: order.targets.get('orders/0')!,
      errorCode: 0,
      endOffset: 5,
      chunk: chunkOf(offsets(0)),
      divergesAt: null,
      corruption: null,
    }
    rig.step({ kind: 'fetched', nodeId: 1, stamp: order.stamp, sessionId: 7, partitions: [part] })
    expect(rig.running.size).toBe(0)
  })
})

describe('intake', () => {
  test('records stay undecoded while the buffer of the partition is full', () => {
    const rig = new MemberRig({ subscription: { bufferedRecordsMax: 4, concurrency: 1 } }).assign()
    rig.deliver(chunkOf(offsets(0, 1, 2, 3, 4, 5)))
    const { ledger } = rig.flow.partitions.get('orders/0')!
    expect(ledger.size).toBe(4)
    rig.end(0)
    rig.end(1)
    expect(ledger.size).toBe(4)
    expect(ledger.position).toBe(6)
  })

  test('a partition leaves the fetch at its high-water mark and returns at half of it', () => {
    const rig = new MemberRig({ subscription: { concurrency: 1 } }).assign(2)
    const mebibyte = 1_048_576
    rig.deliver(chunkOf(offsets(0), 1, mebibyte))
    rig.deliver(chunkOf(offsets(1), 2, mebibyte))
    expect([...rig.fetches.at(-1)!.targets.keys()]).toEqual(['orders/1'])
    expect(rig.fetches.at(-1)!.maxWaitMs).toBe(20)
    rig.end(0)
    rig.deliver(null, 1)
    expect([...rig.fetches.at(-1)!.targets.keys()]).toEqual(['orders/0', 'orders/1'])
    expect(rig.fetches.at(-1)!.maxWaitMs).toBe(500)
  })

  test('no fetch is sent when its answer could exceed the bytes that may be held', () => {
    const fetch = { ...new MemberRig().flow.settings.fetch, heldBytesMax: 2_000_000 }
    const rig = new MemberRig({ fetch, subscription: { concurrency: 1 } }).assign()
    rig.deliver(chunkOf(offsets(0), 1, 2_000_000))
    const sent = rig.fetches.length
    rig.advance(1_000)
    expect(rig.fetches.length).toBe(sent)
    rig.end(0)
    expect(rig.fetches.length).toBe(sent + 1)
  })

  test('a position that retention deleted continues behind the gap, and what was read before is still handled', () => {
    const rig = new MemberRig({ subscription: { concurrency: 1 } }).assign()
    rig.deliver(chunkOf(offsets(0, 1)))
    const { epoch } = rig.flow.partitions.get('orders/0')!
    const at = { topic: 'orders', partition: 0 }
    rig.step({ kind: 'relocated', at, epoch, position: startAt(500), reason: 'deleted' })
    expect(rig.names()).toContain('partition.reset')
    rig.end(0)
    rig.end(1)
    expect(rig.flow.partitions.get('orders/0')!.ledger.committable()).toBe(500)
    expect(memberHealth(rig.flow, rig.nowMs)).toMatchObject({
      failures: [],
      warnings: ['orders: 498 offsets were deleted before they were read'],
    })
  })

  test('a log that was cut below the position is read again from the cut, under a new epoch', () => {
    const rig = new MemberRig({ subscription: { concurrency: 1 } }).assign(1, 10)
    rig.deliver(chunkOf(offsets(10, 11)))
    const { epoch } = rig.flow.partitions.get('orders/0')!
    const at = { topic: 'orders', partition: 0 }
    rig.step({ kind: 'relocated', at, epoch, position: startAt(5), reason: 'cut' })
    const flow = rig.flow.partitions.get('orders/0')!
    expect(flow.epoch).toBeGreaterThan(epoch)
    expect(flow.fetchPosition).toBe(5)
  })

  test('a leader in a new epoch is asked whether it has what was read before anything more is fetched', () => {
    const rig = new MemberRig().assign()
    rig.deliver(chunkOf(offsets(0)))
    rig.take()
    const leader = { topic: 'orders', partition: 0, nodeId: 2, leaderEpoch: 1, topicId }
    rig.step({ kind: 'leaders', leaders: [leader] })
    expect(rig.names()).toContain('relocate')
    expect(rig.fetches.at(-1)!.nodeId).toBe(1)
    const { epoch } = rig.flow.partitions.get('orders/0')!
    rig.step({ kind: 'relocated', at: leader, epoch, position: startAt(1), reason: 'valid' })
    expect(rig.fetches.at(-1)!.nodeId).toBe(2)
  })

  test('a paused subscription fetches and starts nothing, and goes on where it stopped', () => {
    const rig = new MemberRig({ subscription: { concurrency: 1 } }).assign()
    rig.deliver(chunkOf(offsets(0, 1)))
    rig.step({ kind: 'paused', topic: 'orders' })
    rig.end(0)
    expect(rig.running.size).toBe(0)
    rig.step({ kind: 'resumed', topic: 'orders' })
    expect([...rig.running.keys()]).toEqual([1])
  })
})

describe('stopping', () => {
  test('a stop finishes what lies below a started record, so that a restart repeats nothing', () => {
    const rig = new MemberRig({ subscription: { order: 'key', concurrency: 2 } }).assign()
    rig.deliver(
      chunkOf([
        { offset: 0, key: 1 },
        { offset: 1, key: 1 },
        { offset: 2, key: 2 },
        { offset: 3, key: 3 },
      ]),
    )
    rig.end(2)
    rig.end(3)
    rig.step({ kind: 'drain', drainMs: 20_000 })
    rig.end(0)
    expect([...rig.running.keys()]).toEqual([1])
    rig.take()
    rig.end(1)
    expect(rig.names()).toContain('drained')
    rig.step({ kind: 'leave', budgetMs: 3_000 })
    expect(rig.lastCommitted()).toBe(4)
    rig.take()
    rig.answerCommit()
    expect(rig.take()).toContainEqual({ verb: 'finished', given: [{ uncommitted: 0, abandoned: 0 }] })
  })

  test('a stop starts nothing above what has started', () => {
    const rig = new MemberRig({ subscription: { concurrency: 1 } }).assign()
    rig.deliver(chunkOf(offsets(0, 1, 2)))
    rig.step({ kind: 'drain', drainMs: 20_000 })
    rig.end(0)
    expect(rig.running.size).toBe(0)
    rig.step({ kind: 'leave', budgetMs: 3_000 })
    expect(rig.lastCommitted()).toBe(1)
  })

  test('a stop does not wait for a record that is due only after its drain', () => {
    const rig = new MemberRig({ subscription: { inPlaceDelaysMs: [60_000] } }).assign()
    rig.deliver(chunkOf(offsets(0)))
    rig.end(0, 'failed')
    rig.take()
    rig.step({ kind: 'drain', drainMs: 20_000 })
    expect(rig.names()).toContain('drained')
  })

  test('at the deadline running attempts are aborted and their records stay uncommitted', () => {
    const rig = new MemberRig().assign()
    rig.deliver(chunkOf(offsets(0, 1)))
    rig.step({ kind: 'drain', drainMs: 20_000 })
    rig.end(0)
    rig.take()
    rig.advance(20_000)
    expect(rig.take()).toContainEqual(expect.objectContaining({ verb: 'abort' }))
    rig.end(1, 'failed')
    expect(rig.names()).toContain('drained')
    rig.step({ kind: 'leave', budgetMs: 3_000 })
    expect(rig.lastCommitted()).toBe(1)
  })

  test('a coordinator that never answers the last commit is not waited for beyond the budget', () => {
    const rig = new MemberRig().assign()
    rig.deliver(chunkOf(offsets(0)))
    rig.end(0)
    rig.step({ kind: 'drain', drainMs: 20_000 })
    rig.step({ kind: 'leave', budgetMs: 3_000 })
    rig.take()
    rig.advance(2_999)
    expect(rig.names()).not.toContain('finished')
    rig.advance(1)
    expect(rig.take()).toContainEqual({ verb: 'finished', given: [{ uncommitted: 1, abandoned: 0 }] })
  })

  test('a stop outside of the group ends at once', () => {
    const rig = new MemberRig()
    rig.step({ kind: 'start' })
    rig.take()
    rig.step({ kind: 'drain', drainMs: 20_000 })
    expect(rig.names()).toContain('drained')
    rig.step({ kind: 'leave', budgetMs: 3_000 })
    expect(rig.names()).toEqual(expect.arrayContaining(['leave', 'finished']))
  })

  test('a stop in the middle of a rebalance ends too', () => {
    const rig = new MemberRig().assign()
    rig.deliver(chunkOf(offsets(0)))
    rig.step({ kind: 'partitionsChanged', reason: 'test' })
    rig.step({ kind: 'drain', drainMs: 20_000 })
    rig.end(0)
    expect(rig.names()).toContain('drained')
    rig.step({ kind: 'leave', budgetMs: 3_000 })
    rig.answerCommit()
    expect(rig.names()).toContain('finished')
  })

  test('what a rebalance could not commit counts for a stop that came in its middle', () => {
    const rig = new MemberRig().assign()
    rig.deliver(chunkOf(offsets(0)))
    rig.end(0)
    rig.step({ kind: 'partitionsChanged', reason: 'test' })
    rig.step({ kind: 'drain', drainMs: 20_000 })
    rig.advance(10_000)
    rig.step({ kind: 'leave', budgetMs: 3_000 })
    expect(rig.take()).toContainEqual({ verb: 'finished', given: [{ uncommitted: 1, abandoned: 0 }] })
  })

  test('a membership that is lost while it leaves is finished all the same, and is not called clean', () => {
    const rig = new MemberRig().assign()
    rig.deliver(chunkOf(offsets(0)))
    rig.end(0)
    rig.step({ kind: 'drain', drainMs: 20_000 })
    rig.step({ kind: 'leave', budgetMs: 3_000 })
    rig.answerCommit(kafkaErrors.UNKNOWN_MEMBER_ID)
    expect(rig.take()).toContainEqual({ verb: 'finished', given: [{ uncommitted: 1, abandoned: 0 }] })
  })
})

/** Goal: whatever ends in whatever way and whenever it is committed, no commit passes an unfinished record, none goes
 *  back, lanes never overlap, permits are respected, every record gets its turn and one outcome. */
test('any history keeps order, permits, the line and the sums, and comes to its end', () => {
  const act = fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('end' as const), pick: fc.nat() }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('fail' as const), pick: fc.nat() }) },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant('time' as const), pick: fc.integer({ min: 1, max: 8_000 }) }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant('deliver' as const), pick: fc.integer({ min: 1, max: 12 }) }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant('commit' as const), pick: fc.constantFrom(0, 0, 0, 16, 27, 22) }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('lose' as const), pick: fc.constant(0) }) },
  )
  const history = fc.record({
    order: fc.constantFrom<Order>('partition', 'key', 'none'),
    concurrency: fc.integer({ min: 1, max: 5 }),
    acts: fc.array(act, { maxLength: 80 }),
  })
  fc.assert(
    fc.property(history, ({ order, concurrency, acts }) => {
      const world = new HistoryWorld(order, concurrency)
      for (const each of acts) world.act(each)
      world.drain()
      world.checkSums()
    }),
    { numRuns: 300 },
  )
})
