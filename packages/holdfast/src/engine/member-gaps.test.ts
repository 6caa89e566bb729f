/** Laws that one-line mutations of the engine showed to be untested. */
import { expect, test } from 'vitest'
import { Entry } from './entry.ts'
import { kafkaErrors } from '../model/kafka-errors.ts'
import { lanesFor } from './lanes.ts'
import { chunkOf, MemberRig, offsets } from './member-rig.fixture.ts'
import { startAt } from '../model/next-offset.ts'

const orders0 = { topic: 'orders', partition: 0 }

function flowOf(rig: MemberRig) {
  return rig.flow.partitions.get('orders/0')!
}

function entryOf(offset: number, key: number | null): Entry<number> {
  const holding = { bytes: 0, leaderEpoch: 0, unfinished: 0, isTaken: false }
  return new Entry(offset, offset, key ?? 0, key !== null, offset, holding, null as never)
}

function answerFetch(rig: MemberRig, part: { errorCode?: number; corruption?: string; divergesAt?: number }): void {
  const order = rig.fetches.at(-1)!
  const target = order.targets.get('orders/0')!
  const { errorCode = 0, corruption = null, divergesAt } = part
  const told = { at: orders0, target, errorCode, endOffset: 9, chunk: null, corruption }
  const at = divergesAt === undefined ? null : startAt(divergesAt)
  rig.step({
    kind: 'fetched',
    nodeId: order.nodeId,
    stamp: order.stamp,
    sessionId: 7,
    partitions: [{ ...told, divergesAt: at }],
  })
}

test.each(['partition', 'key'] as const)('a lane that emptied is free for the next record (%s)', (order) => {
  const lanes = lanesFor<number>(order)
  const first = entryOf(1, 7)
  expect(lanes.add(first)).toBe(true)
  expect(lanes.finish(first)).toBe(null)
  expect(lanes.add(entryOf(2, 7))).toBe(true)
})

test('under key order an attempt without a key that outlived its ownership holds back the same record', () => {
  const lanes = lanesFor<number>('key')
  lanes.hold(entryOf(5, null))
  expect(lanes.add(entryOf(5, null))).toBe(false)
})

test('bytes are held until the last record of their answer ends, and not longer', () => {
  const rig = new MemberRig({ subscription: { bufferedRecordsMax: 2 } }).assign()
  rig.deliver(chunkOf(offsets(0, 1, 2, 3), 10, 5_000))
  rig.end(0)
  rig.end(1)
  expect(flowOf(rig).heldBytes).toBe(5_000)
  rig.end(2)
  rig.end(3)
  expect(flowOf(rig).heldBytes).toBe(0)
})

test('bytes of an answer without a record for us are not held', () => {
  const rig = new MemberRig().assign()
  rig.deliver(chunkOf([], 10, 5_000))
  expect(flowOf(rig).heldBytes).toBe(0)
  expect(flowOf(rig).ledger.committable()).toBe(10)
})

test('while parking is full no record starts for the first time, and retries go on', () => {
  const rig = new MemberRig({ subscription: { concurrency: 1, parkedRecordsMax: 1 } }).assign()
  rig.deliver(chunkOf(offsets(0, 1)))
  rig.end(0, 'failed')
  expect([...rig.running.keys()]).toEqual([])
  expect(flowOf(rig).pauses).toEqual(['retry'])
  rig.advance(100)
  expect([...rig.running.keys()]).toEqual([0])
  rig.end(0)
  expect([...rig.running.keys()]).toEqual([1])
  expect(flowOf(rig).pauses).toEqual([])
  expect(rig.flow.subscriptions.get('orders')!.running).toBe(1)
})

test('a stop waits for a retry below a record that started', () => {
  const rig = new MemberRig().assign()
  rig.deliver(chunkOf(offsets(0, 1)))
  rig.end(0, 'failed')
  rig.end(1)
  rig.take()
  rig.step({ kind: 'drain', drainMs: 20_000 })
  expect(rig.names()).not.toContain('drained')
  rig.advance(100)
  rig.end(0)
  expect(rig.names()).toContain('drained')
})

test('a stop lets queued records start up to the highest that did, that one included', () => {
  const rig = new MemberRig({ subscription: { order: 'key', concurrency: 2 } }).assign()
  const records = [
    { offset: 0, key: 1 },
    { offset: 1, key: 1 },
    { offset: 2, key: 2 },
    { offset: 3, key: 1 },
  ]
  rig.deliver(chunkOf(records))
  rig.end(2, 'failed')
  rig.step({ kind: 'drain', drainMs: 20_000 })
  rig.end(0)
  rig.advance(100)
  expect([...rig.running.keys()].sort()).toEqual([1, 2])
  rig.end(1)
  rig.end(2)
  expect(rig.running.size).toBe(0)
  expect(rig.names()).toContain('drained')
})

test('a stop does not wait for a partition that its user paused', () => {
  const rig = new MemberRig().assign()
  rig.deliver(chunkOf(offsets(0)))
  rig.end(0, 'failed')
  rig.step({ kind: 'paused', topic: 'orders' })
  rig.step({ kind: 'drain', drainMs: 20_000 })
  expect(rig.names()).toContain('drained')
})

test('a partition under pressure returns to the fetch at half of its bound, not before', () => {
  const rig = new MemberRig({ subscription: { bufferedRecordsMax: 1 } }).assign()
  const mebibyte = 1_048_576
  rig.deliver(chunkOf(offsets(0), 1, mebibyte * 0.75))
  rig.deliver(chunkOf(offsets(1), 2, mebibyte * 0.75))
  rig.deliver(chunkOf(offsets(2), 3, mebibyte * 0.75))
  expect(flowOf(rig).pauses).toEqual(['pressure'])
  const fetches = rig.fetches.length
  rig.end(0)
  expect(flowOf(rig).pauses).toEqual(['pressure'])
  rig.end(1)
  expect(flowOf(rig).pauses).toEqual([])
  expect(rig.fetches.length).toBe(fetches + 1)
})

test('a million offsets above a stuck record are pressure', () => {
  const rig = new MemberRig().assign()
  rig.deliver(chunkOf(offsets(0, 1_000_000)))
  expect(flowOf(rig).pauses).toEqual(['pressure'])
  rig.end(0)
  expect(flowOf(rig).pauses).toEqual([])
})

test('a commit carries the leader epoch of the record at its line', () => {
  const rig = new MemberRig().assign()
  rig.deliver({ ...chunkOf(offsets(0)), leaderEpoch: 3 } as never)
  rig.deliver({ ...chunkOf(offsets(1)), leaderEpoch: 8 } as never)
  rig.deliver({ ...chunkOf(offsets(2)), leaderEpoch: 9 } as never)
  rig.end(0)
  rig.advance(1_000)
  expect(rig.commits.at(-1)!.offsets[0]).toMatchObject({ offset: 1, leaderEpoch: 8 })
})

test('an attempt that settles after its abort gives back its own deadline', () => {
  const rig = new MemberRig({ subscription: { inPlaceDelaysMs: [60_000] } }).assign()
  rig.deliver(chunkOf(offsets(0)))
  rig.advance(30_000)
  rig.end(0)
  rig.advance(10_000)
  expect(rig.names()).not.toContain('attempt.zombie')
  expect(flowOf(rig).zombies).toBe(0)
  expect(rig.flow.subscriptions.get('orders')!.running).toBe(0)
})

test('an abort wakes the member for the end of its grace', () => {
  const rig = new MemberRig({
    heartbeatIntervalMs: 60_000,
    sessionTimeoutMs: 300_000,
    loopTimeoutMs: 300_000,
  }).assign()
  rig.deliver(chunkOf(offsets(0)))
  rig.advance(30_000)
  expect(rig.flow.nextWakeMs - rig.nowMs).toBe(5_000)
})

test('a thousand completions hurry a commit, but not within the gap after the last', () => {
  const rig = new MemberRig({ commitRecords: 2 }).assign()
  rig.deliver(chunkOf(offsets(0, 1, 2, 3)))
  rig.advance(1_000)
  rig.end(0)
  rig.end(1)
  expect(rig.commits).toHaveLength(1)
  rig.answerCommit()
  rig.end(2)
  rig.end(3)
  expect(rig.commits).toHaveLength(1)
  rig.advance(100)
  expect(rig.commits).toHaveLength(2)
})

test('while a commit is in flight no other is sent', () => {
  const rig = new MemberRig().assign()
  rig.deliver(chunkOf(offsets(0, 1)))
  rig.end(0)
  rig.advance(1_000)
  rig.end(1)
  rig.step({ kind: 'partitionsChanged', reason: 'test' })
  rig.advance(1_000)
  expect(rig.commits).toHaveLength(1)
  rig.answerCommit()
  expect(rig.commits).toHaveLength(2)
})

test('what became dirty while a commit was in flight is committed after it', () => {
  const rig = new MemberRig().assign()
  rig.deliver(chunkOf(offsets(0, 1)))
  rig.end(0)
  rig.advance(1_000)
  const sent = rig.commits.at(-1)!
  rig.end(1)
  rig.step({ kind: 'commitFailed', stamp: sent.stamp, reason: 'test' })
  rig.advance(100)
  expect(rig.lastCommitted()).toBe(2)
})

test('the acknowledgement of a commit for an ownership that is over is not that of the next one', () => {
  const rig = new MemberRig().assign()
  rig.deliver(chunkOf(offsets(0, 1, 2)))
  for (const offset of [0, 1, 2]) rig.end(offset)
  rig.advance(1_000)
  rig.step({
    kind: 'relocated',
    at: orders0,
    epoch: 1,
    position: startAt(1),
    reason: 'the log was cut',
  })
  rig.answerCommit()
  expect(flowOf(rig).committed).toBe(null)
  rig.advance(1_000)
  expect(rig.lastCommitted()).toBe(1)
})

test('an answer to a commit of an earlier membership changes nothing', () => {
  const rig = new MemberRig().assign()
  rig.deliver(chunkOf(offsets(0)))
  rig.end(0)
  rig.advance(1_000)
  const old = rig.commits.at(-1)!
  rig.step({
    kind: 'refused',
    stamp: old.stamp,
    errorCode: kafkaErrors.ILLEGAL_GENERATION,
    what: 'test',
  })
  rig.assign(1, 0, 2)
  rig.take()
  const results = old.offsets.map((each) => ({
    ...each,
    errorCode: kafkaErrors.UNKNOWN_MEMBER_ID,
  }))
  rig.step({ kind: 'committed', stamp: old.stamp, identity: old.identity, results })
  rig.step({ kind: 'commitFailed', stamp: old.stamp, reason: 'test' })
  expect(rig.names()).toEqual([])
  expect(rig.flow.membership.phase).toBe('stable')
})

test('a commit that a moved coordinator refuses has it looked for', () => {
  const rig = new MemberRig().assign()
  rig.deliver(chunkOf(offsets(0)))
  rig.end(0)
  rig.advance(1_000)
  rig.take()
  rig.answerCommit(kafkaErrors.NOT_COORDINATOR)
  expect(rig.names()).toContain('forgetCoordinator')
})

test('a fencing answer for one partition counts, whatever the answers for others say', () => {
  const rig = new MemberRig().assign(2)
  rig.deliver(chunkOf(offsets(0)), 0)
  rig.deliver(chunkOf(offsets(0)), 1)
  for (const entry of [...rig.running.values()]) rig.end(entry.offset)
  rig.advance(1_000)
  const commit = rig.commits.at(-1)!
  const results = [
    { ...orders0, offset: startAt(1), leaderEpoch: 0, metadata: '', errorCode: kafkaErrors.UNKNOWN_MEMBER_ID },
    { topic: 'orders', partition: 1, offset: startAt(1), leaderEpoch: 0, metadata: '', errorCode: 3 },
  ]
  rig.step({ kind: 'committed', stamp: commit.stamp, identity: commit.identity, results })
  expect(rig.flow.membership.phase).toBe('joining')
  expect(rig.flow.membership.memberId).toBe('')
})

test('a lease is counted from when the heartbeat was sent, not from its answer', () => {
  const rig = new MemberRig().assign()
  rig.beatsAreAnswered = false
  rig.advance(3_000)
  rig.nowMs += 4_000
  rig.step({ kind: 'heartbeatAnswered', stamp: rig.flow.membership.stamp, sentMs: rig.beatSentMs, errorCode: 0 })
  expect(rig.flow.membership.holdsLease(4_000 + 43_999)).toBe(true)
  expect(rig.flow.membership.holdsLease(4_000 + 44_000)).toBe(false)
})

test('a lease of a new generation is counted from the SyncGroup', () => {
  const rig = new MemberRig()
  rig.step({ kind: 'start' })
  const answer = {
    errorCode: 0,
    generationId: 1,
    memberId: 'm',
    leader: 'x',
    protocolName: 'range',
    members: [],
  }
  rig.step({ kind: 'joined', stamp: rig.flow.membership.stamp, answer })
  rig.nowMs += 20_000
  rig.step({ kind: 'synced', stamp: rig.flow.membership.stamp, errorCode: 0, partitions: [] })
  expect(rig.flow.membership.holdsLease(1_000 + 44_000)).toBe(false)
})

test('one heartbeat is in flight', () => {
  const rig = new MemberRig().assign()
  rig.beatsAreAnswered = false
  rig.advance(9_000)
  expect(rig.names().filter((name) => name === 'heartbeat')).toHaveLength(1)
})

test('outside of the group nobody holds a lease', () => {
  const rig = new MemberRig().assign()
  rig.step({
    kind: 'refused',
    stamp: rig.flow.membership.stamp,
    errorCode: kafkaErrors.ILLEGAL_GENERATION,
    what: 'test',
  })
  expect(rig.flow.membership.holdsLease(rig.nowMs)).toBe(false)
})

test('a fetch goes out again when the wait after its failure is over', () => {
  const rig = new MemberRig().assign()
  const order = rig.fetches.at(-1)!
  rig.step({
    kind: 'fetchFailed',
    nodeId: 1,
    stamp: order.stamp,
    reason: 'test',
    isSessionLost: false,
  })
  expect(rig.flow.nextWakeMs - rig.nowMs).toBe(75)
  rig.advance(75)
  expect(rig.fetches).toHaveLength(2)
  expect(rig.fetches[1]).toMatchObject({ sessionId: 0, sessionEpoch: 0 })
})

test('a partition whose fetch failed is asked for again when its wait is over', () => {
  const rig = new MemberRig().assign()
  answerFetch(rig, { errorCode: 5 })
  const before = rig.fetches.length
  rig.advance(75)
  expect(rig.fetches.length).toBe(before + 1)
})

test('a log that was cut below what we read is a reason to look, and one look is enough', () => {
  const rig = new MemberRig().assign()
  rig.deliver(chunkOf(offsets(0, 1)))
  rig.take()
  answerFetch(rig, { divergesAt: 1 })
  expect(rig.names()).toContain('relocate')
  rig.step({
    kind: 'leaders',
    leaders: [{ ...orders0, nodeId: 1, leaderEpoch: 4, topicId: 'id' }],
  })
  expect(rig.names()).not.toContain('relocate')
})

test('a topic that was made again is read from where its new log begins', () => {
  const rig = new MemberRig().assign()
  rig.take()
  rig.step({
    kind: 'leaders',
    leaders: [{ ...orders0, nodeId: 1, leaderEpoch: 0, topicId: 'other' }],
  })
  const relocate = rig.take().find((effect) => effect.verb === 'relocate')
  expect(relocate?.given[0]).toMatchObject({ isOtherTopic: true })
})

test('a partition that leaves the fetch is forgotten by name, one that did not move is not named again', () => {
  const rig = new MemberRig().assign(2)
  rig.deliver(null)
  expect(rig.fetches.at(-1)).toMatchObject({
    sessionId: 7,
    sessionEpoch: 1,
    named: [],
    forgotten: [],
  })
  rig.step({ kind: 'paused', topic: 'orders' })
  rig.deliver(null)
  const before = rig.fetches.length
  rig.step({ kind: 'resumed', topic: 'orders' })
  expect(rig.fetches.length).toBe(before + 1)
})

test('a failed session gives back the bytes that it reserved', () => {
  const rig = new MemberRig({
    fetch: {
      maxWaitMs: 500,
      pressedWaitMs: 20,
      requestBytesMax: 8,
      partitionBytesMax: 8,
      heldBytesMax: 8,
      isolationLevel: 'readCommitted',
    },
  }).assign()
  const order = rig.fetches.at(-1)!
  rig.step({
    kind: 'fetchFailed',
    nodeId: 1,
    stamp: order.stamp,
    reason: 'test',
    isSessionLost: true,
  })
  expect(rig.fetches.at(-1)).toMatchObject({ bytesMax: 8 })
  expect(rig.fetches).toHaveLength(2)
})

test('an answer to a position that was left meanwhile is dropped', () => {
  const rig = new MemberRig().assign()
  const order = rig.fetches.at(-1)!
  rig.step({ kind: 'relocated', at: orders0, epoch: 1, position: startAt(10), reason: 'deleted' })
  const target = order.targets.get('orders/0')!
  const part = {
    at: orders0,
    target,
    errorCode: 0,
    endOffset: 9,
    divergesAt: null,
    corruption: null,
  }
  const partitions = [{ ...part, chunk: chunkOf(offsets(0)) }]
  rig.step({ kind: 'fetched', nodeId: 1, stamp: order.stamp, sessionId: 7, partitions })
  expect(rig.running.size).toBe(0)
  expect(flowOf(rig).fetchPosition).toBe(10)
})

test('positions that come during a drain open nothing', () => {
  const rig = new MemberRig()
  rig.assign()
  const { stamp } = rig.flow.membership
  rig.deliver(chunkOf(offsets(0)))
  rig.step({ kind: 'partitionsChanged', reason: 'test' })
  const epoch = flowOf(rig).epoch
  const start = {
    ...orders0,
    position: startAt(0),
    committed: startAt(0),
    leaderEpoch: -1,
    metadata: '',
    cutFrom: null,
  }
  rig.step({ kind: 'positioned', stamp, starts: [start] })
  expect(flowOf(rig).epoch).toBe(epoch)
})

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

test('after the log was cut the lower line is committed without a new record', () => {
  const rig = new MemberRig().assign()
  rig.deliver(chunkOf(offsets(0, 1, 2)))
  for (const offset of [0, 1, 2]) rig.end(offset)
  rig.advance(1_000)
  rig.answerCommit()
  rig.step({
    kind: 'relocated',
    at: orders0,
    epoch: 1,
    position: startAt(1),
    reason: 'the log was cut',
  })
  rig.advance(1_000)
  expect(rig.lastCommitted()).toBe(1)
})

test('markers alone move the line, and it is committed without a record', () => {
  const rig = new MemberRig().assign()
  rig.deliver(chunkOf([], 5))
  rig.advance(1_000)
  expect(rig.lastCommitted()).toBe(5)
})

test('what a stop gives up is counted', () => {
  const rig = new MemberRig().assign()
  rig.deliver(chunkOf(offsets(0, 1)))
  rig.end(1)
  rig.step({ kind: 'drain', drainMs: 1_000 })
  rig.advance(1_500)
  rig.step({ kind: 'leave', budgetMs: 3_000 })
  expect(rig.take()).toContainEqual({
    verb: 'finished',
    given: [{ uncommitted: 1, abandoned: 1 }],
  })
})

test('without a lease the last commit is not sent and not waited for', () => {
  const rig = new MemberRig().assign()
  rig.deliver(chunkOf(offsets(0)))
  rig.beatsAreAnswered = false
  rig.advance(45_000)
  rig.end(0)
  rig.commits = []
  rig.step({ kind: 'drain', drainMs: 20_000 })
  rig.step({ kind: 'leave', budgetMs: 3_000 })
  expect(rig.commits).toEqual([])
  expect(rig.names()).toContain('finished')
})

test('every rebalance drains to a deadline of its own', () => {
  const rig = new MemberRig().assign()
  for (const generation of [2, 3]) {
    rig.deliver(chunkOf(offsets(0)))
    rig.take()
    rig.step({ kind: 'partitionsChanged', reason: 'test' })
    rig.advance(10_000)
    expect(rig.names()).toEqual(expect.arrayContaining(['abort', 'join']))
    rig.end(0, 'failed')
    rig.assign(1, 0, generation)
  }
})
