import { expect, test } from 'vitest'
import { startAt } from '../model/next-offset.ts'
import { kafkaErrors } from '../model/kafka-errors.ts'
import { type Chunk } from './partition-flow.ts'
import { chunkOf, MemberRig, offsets, type TestRecord } from './member-rig.fixture.ts'

/** Ticks that the flow asks for within `ms`; the clock moves by a millisecond at least, as the loop's timer does. */
function ticksWithin(rig: MemberRig, ms: number): number {
  const untilMs = rig.nowMs + ms
  let ticks = 0
  while (rig.nowMs < untilMs && rig.flow.nextWakeMs <= untilMs) {
    rig.nowMs = Math.max(rig.nowMs + 1, rig.flow.nextWakeMs)
    rig.step({ kind: 'tick' })
    ticks += 1
  }
  rig.nowMs = untilMs
  return ticks
}

function keyed(offset: number, key: number): TestRecord {
  return { offset, key }
}

/** Gives `good` at once and then says that the rest makes no sense, once; asked again it goes on behind the bad part. */
function partlyUnreadable(
  good: readonly TestRecord[],
  behind: readonly TestRecord[],
  nextOffset: number,
): Chunk<TestRecord> {
  let asked = 0
  return {
    bytes: 1_000,
    leaderEpoch: 0,
    unfinished: 0,
    isTaken: false,
    nextOffset: startAt(nextOffset),
    take: () => {
      asked += 1
      if (asked === 1) return good
      if (asked === 2) throw new RangeError('bad batch')
      return asked === 3 ? behind : []
    },
  }
}

test('bytes that could not be decoded once are never asked again, and no commit passes them', () => {
  const rig = new MemberRig({ subscription: { bufferedRecordsMax: 2 } }).assign()
  rig.deliver(partlyUnreadable(offsets(0, 1), offsets(7), 10))
  rig.end(0)
  rig.end(1)
  expect([...rig.running.keys()]).toEqual([])
  rig.advance(5_000)
  for (const commit of rig.commits) for (const each of commit.offsets) expect(each.offset).toBeLessThanOrEqual(2)
})

test('an attempt that outlives two ownerships holds its lane in both', () => {
  const rig = new MemberRig({ subscription: { order: 'key' } }).assign()
  rig.deliver(chunkOf([keyed(0, 1)]))
  const stuck = rig.running.get(0)!
  for (const generation of [2, 3]) {
    const { stamp } = rig.flow.membership
    rig.step({ kind: 'refused', stamp, errorCode: kafkaErrors.ILLEGAL_GENERATION, what: 'test' })
    rig.running.clear()
    rig.assign(1, 0, generation)
    rig.deliver(chunkOf([keyed(0, 1), keyed(1, generation)]))
    expect([...rig.running.keys()]).toEqual([1])
  }
  expect(rig.flow.partitions.get('orders/0')!.unreadable).toBe(null)
  rig.running.set(-1, stuck)
  rig.end(-1)
  expect([...rig.running.keys()].sort()).toEqual([0, 1])
})

test('with more brokers than the byte limit has requests, every broker is asked in its turn', () => {
  const rig = new MemberRig()
  const brokers = 9
  rig.assign(brokers)
  rig.step({
    kind: 'leaders',
    leaders: Array.from({ length: brokers }, (_, partition) => {
      return { topic: 'orders', partition, nodeId: partition, leaderEpoch: 0, topicId: 'id' }
    }),
  })
  const asked = new Set<number>()
  const open: typeof rig.fetches = []
  for (let answers = 0; answers < 100; answers++) {
    for (const order of rig.fetches.splice(0)) {
      asked.add(order.nodeId)
      open.push(order)
    }
    const { nodeId, stamp } = open.shift()!
    rig.step({ kind: 'fetched', nodeId, stamp, sessionId: 7, partitions: [] })
  }
  expect(asked.size).toBe(brokers)
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

test('a commit that waits for the lease wakes nobody meanwhile', () => {
  const rig = new MemberRig().assign()
  rig.beatsAreAnswered = false
  rig.deliver(chunkOf(offsets(0)))
  ticksWithin(rig, 50_000)
  rig.end(0)
  expect(ticksWithin(rig, 60_000)).toBeLessThan(60)
})

test('a commit that fails until the lease is gone wakes nobody afterwards', () => {
  const rig = new MemberRig().assign()
  rig.beatsAreAnswered = false
  rig.deliver(chunkOf(offsets(0)))
  rig.end(0)
  for (let round = 0; round < 60; round++) {
    ticksWithin(rig, 1_000)
    const commit = rig.commits.at(-1)!
    rig.step({ kind: 'commitFailed', stamp: commit.stamp, reason: 'no answer' })
    rig.nowMs += 0
    if (!rig.flow.membership.holdsLease(rig.nowMs)) break
  }
  expect(ticksWithin(rig, 60_000)).toBeLessThan(60)
})

test('a fetch that failed before a drain wakes nobody during it', () => {
  const rig = new MemberRig().assign()
  rig.deliver(chunkOf(offsets(0)))
  const order = rig.fetches.at(-1)!
  rig.step({
    kind: 'fetchFailed',
    nodeId: 1,
    stamp: order.stamp,
    reason: 'test',
    isSessionLost: false,
  })
  rig.step({ kind: 'partitionsChanged', reason: 'test' })
  expect(rig.flow.membership.phase).toBe('draining')
  expect(ticksWithin(rig, 9_000)).toBeLessThan(50)
})

test('an answer that comes while the position is being checked changes nothing', () => {
  const rig = new MemberRig().assign()
  rig.deliver(chunkOf(offsets(0, 1)))
  const leaders = [{ topic: 'orders', partition: 0, nodeId: 1, leaderEpoch: 1, topicId: 'id' }]
  rig.step({ kind: 'leaders', leaders })
  const relocate = rig.take().find((effect) => effect.verb === 'relocate')!
  const lost = relocate.given[0]
  rig.deliver(chunkOf(offsets(2, 3)))
  rig.step({
    kind: 'relocated',
    at: lost.at,
    epoch: lost.epoch,
    position: lost.position,
    reason: 'the position is valid',
  })
  expect(rig.names()).not.toContain('partition.reset')
  expect(rig.flow.partitions.get('orders/0')!.epoch).toBe(1)
})

test('a retry that ignores its abort lets the other records of its partition go on', () => {
  const rig = new MemberRig({ subscription: { parkedRecordsMax: 1, concurrency: 1 } }).assign()
  rig.deliver(chunkOf(offsets(0, 1, 2)))
  rig.end(0, 'failed')
  expect(rig.flow.partitions.get('orders/0')!.pauses).toEqual(['retry'])
  rig.advance(200)
  expect([...rig.running.keys()]).toEqual([0])
  rig.advance(60_000)
  expect(rig.flow.partitions.get('orders/0')!.zombies).toBe(1)
  expect([...rig.running.keys()]).toEqual([0, 1])
})

test('a stop that begins during the last commit before a rejoin is told at once that all is drained', () => {
  const rig = new MemberRig().assign()
  rig.deliver(chunkOf(offsets(0)))
  rig.end(0)
  rig.step({ kind: 'partitionsChanged', reason: 'test' })
  rig.step({ kind: 'drain', drainMs: 20_000 })
  rig.answerCommit()
  expect(rig.names()).toContain('drained')
})

test('a member that is fenced while it stops does not join again', () => {
  const rig = new MemberRig().assign()
  rig.deliver(chunkOf(offsets(0)))
  rig.step({ kind: 'drain', drainMs: 20_000 })
  rig.take()
  rig.step({
    kind: 'refused',
    stamp: rig.flow.membership.stamp,
    errorCode: kafkaErrors.UNKNOWN_MEMBER_ID,
    what: 'test',
  })
  expect(rig.names()).not.toContain('join')
})

test('a member whose join is answered while it stops takes no partitions away from the others', () => {
  const rig = new MemberRig()
  rig.step({ kind: 'start' })
  rig.step({ kind: 'drain', drainMs: 20_000 })
  rig.take()
  const answer = {
    errorCode: 0,
    generationId: 1,
    memberId: 'm',
    leader: 'm',
    protocolName: 'range',
    members: [],
  }
  rig.step({ kind: 'joined', stamp: rig.flow.membership.stamp, answer })
  expect(rig.names()).not.toContain('sync')
})

test('an acknowledgement from before a standstill proves nothing after it', () => {
  const rig = new MemberRig().assign()
  rig.deliver(chunkOf(offsets(0)))
  rig.beatsAreAnswered = false
  rig.advance(3_000)
  const sentMs = rig.beatSentMs
  rig.nowMs += 25_000
  rig.step({ kind: 'tick' })
  rig.step({ kind: 'heartbeatAnswered', stamp: rig.flow.membership.stamp, sentMs, errorCode: 0 })
  rig.deliver(chunkOf(offsets(1)))
  expect([...rig.running.keys()]).toEqual([0])
})

test('a topic that was made again is named anew to its broker, also at the same position', () => {
  const rig = new MemberRig().assign()
  rig.deliver(null)
  rig.deliver(null)
  const leaders = [{ topic: 'orders', partition: 0, nodeId: 1, leaderEpoch: 0, topicId: 'other' }]
  rig.step({ kind: 'leaders', leaders })
  const relocate = rig.take().find((effect) => effect.verb === 'relocate')!
  const lost = relocate.given[0]
  const before = rig.fetches.at(-1)!
  const fetches = rig.fetches.length
  rig.step({ kind: 'fetched', nodeId: 1, stamp: before.stamp, sessionId: 7, partitions: [] })
  rig.step({
    kind: 'relocated',
    at: lost.at,
    epoch: lost.epoch,
    position: lost.position,
    reason: 'made again',
  })
  const since = rig.fetches.slice(fetches)
  expect(since.flatMap((order) => order.named.map((target) => target.partition))).toContain(0)
})

test('the last commit is tried once even if an earlier failure would have it wait beyond the budget', () => {
  const rig = new MemberRig().assign()
  rig.deliver(chunkOf(offsets(0)))
  rig.end(0)
  for (let round = 0; round < 8; round++) {
    rig.advance(6_000)
    const commit = rig.commits.at(-1)!
    rig.step({ kind: 'commitFailed', stamp: commit.stamp, reason: 'away' })
  }
  rig.step({ kind: 'drain', drainMs: 20_000 })
  const sent = rig.commits.length
  rig.step({ kind: 'leave', budgetMs: 3_000 })
  rig.advance(2_999)
  expect(rig.commits.length).toBeGreaterThan(sent)
})
