import { expect, test } from 'vitest'
import { kafkaErrors } from '../model/kafka-errors.ts'
import { startAt } from '../model/next-offset.ts'
import { Commits } from './commits.ts'
import { failCommit, flowOf, lose, orders0, partitionFlow, relocated } from './engine-parts.fixture.ts'
import { chunkOf, MemberRig, offsets, testGroup, type TestRecord } from './member-rig.fixture.ts'
import { Recorded } from './recorded.fixture.ts'

const identity = { memberId: 'm', generation: 1 }

/** Answers the newest commit partition by partition; partitions without a code are missing from the answer. */
function answerParts(rig: MemberRig, codes: readonly number[]): void {
  const commit = rig.commits.at(-1)!
  const results = codes.map((errorCode, partition) => {
    return { topic: 'orders', partition, offset: startAt(1), leaderEpoch: 0, errorCode }
  })
  rig.step({ kind: 'committed', stamp: commit.stamp, identity: commit.identity, results })
}

/** Two partitions, a record done in each, and a commit of both in flight. */
function twoInFlight(): MemberRig {
  const rig = new MemberRig().assign(2)
  for (const partition of [0, 1]) {
    rig.deliver(chunkOf(offsets(0)), partition)
    rig.end(0)
  }
  rig.advance(1_000)
  rig.take()
  return rig
}

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

test('a request in flight is not overtaken by another, whoever asks for it', () => {
  const commits = new Commits<TestRecord>(testGroup, () => 0.5)
  const recorded = new Recorded<TestRecord>()
  const flow = partitionFlow()
  flow.ledger.skipTo(startAt(5))
  for (const nowMs of [1_000, 2_000]) commits.send([flow], 1, identity, 'billing', nowMs, recorded.effects)
  expect(recorded.take().filter((effect) => effect.verb === 'commit')).toHaveLength(1)
})

test('a commit names the partitions whose line moved and no other', () => {
  const rig = new MemberRig().assign(2)
  rig.deliver(chunkOf(offsets(0)), 1)
  rig.end(0)
  rig.advance(1_000)
  expect(rig.commits.at(-1)!.offsets.map((each) => each.partition)).toEqual([1])
})

test('a commit that finds nothing to say leaves nobody awake', () => {
  const rig = new MemberRig().assign()
  rig.deliver(chunkOf(offsets(0)))
  rig.end(0)
  rig.advance(1_000)
  rig.answerCommit()
  rig.step({ kind: 'relocated', at: orders0, epoch: flowOf(rig).epoch, position: startAt(9), reason: 'test' })
  rig.answerCommit()
  rig.advance(10_000)
  const sent = rig.commits.length
  rig.advance(10_000)
  expect(rig.commits).toHaveLength(sent)
  expect(rig.flow.nextWakeMs).toBeGreaterThan(rig.nowMs)
})

test('what is finished above the line and what failed is told by the next commit, and told once', () => {
  const rig = new MemberRig().assign()
  rig.deliver(chunkOf(offsets(0, 1, 2, 3)))
  rig.end(1)
  rig.end(3, 'failed')
  rig.advance(1_000)
  const [told] = rig.commits.at(-1)!.offsets
  expect(told).toMatchObject({ offset: 0, marks: { unfinished: [0, 2, 3], highestFinished: 1 } })
  expect(told?.marks.failed).toEqual([{ offset: 3, attempts: 1, dueMs: 1_050 }])
  rig.answerCommit()
  const sent = rig.commits.length
  rig.advance(40)
  expect(rig.commits).toHaveLength(sent)
})

test('metadata that is too long for the broker is sent again at half the length', () => {
  const rig = new MemberRig().assign()
  rig.deliver(chunkOf(offsets(0, 1)))
  rig.end(1)
  rig.advance(1_000)
  rig.answerCommit(kafkaErrors.OFFSET_METADATA_TOO_LARGE)
  rig.advance(1_000)
  expect(rig.commits.map(({ offsets: [told] }) => told?.marks.lengthMax)).toEqual([4_096, 2_048])
})

test('failed attempts that no acknowledged commit tells of are counted as forgotten', () => {
  const rig = new MemberRig({ subscription: { inPlaceDelaysMs: [60_000, 60_000] } }).assign()
  rig.deliver(chunkOf(offsets(0, 1)))
  rig.end(0, 'failed')
  rig.advance(1_000)
  rig.answerCommit()
  rig.end(1, 'failed')
  expect(flowOf(rig).forgottenAttempts).toBe(1)
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

test('attempts that failed hurry no commit', () => {
  const rig = new MemberRig({ commitRecords: 2 }).assign()
  rig.deliver(chunkOf(offsets(0, 1, 2)))
  rig.advance(1_000)
  rig.end(0)
  rig.end(1, 'failed')
  rig.end(2, 'failed')
  expect(rig.commits).toEqual([])
})

test('what became dirty while a commit was in flight is committed after it', () => {
  const rig = new MemberRig().assign()
  rig.deliver(chunkOf(offsets(0, 1)))
  rig.end(0)
  rig.advance(1_000)
  const sent = rig.commits.at(-1)!
  rig.end(1)
  failCommit(rig, sent)
  rig.advance(100)
  expect(rig.lastCommitted()).toBe(2)
})

test('a commit without an answer is repeated, by a coordinator that is looked for', () => {
  const rig = new MemberRig().assign()
  rig.deliver(chunkOf(offsets(0)))
  rig.end(0)
  rig.advance(1_000)
  rig.take()
  failCommit(rig)
  expect(rig.names()).toContain('forgetCoordinator')
  rig.advance(75)
  expect(rig.commits).toHaveLength(2)
  expect(rig.lastCommitted()).toBe(1)
})

test('a partition that the answer leaves out is committed again', () => {
  const rig = twoInFlight()
  answerParts(rig, [0])
  rig.advance(1_000)
  expect(rig.commits).toHaveLength(2)
  expect(rig.commits.at(-1)!.offsets.map((each) => each.partition)).toEqual([1])
})

test('an answer in which nothing was acknowledged tells of no acknowledgement', () => {
  const rig = twoInFlight()
  answerParts(rig, [kafkaErrors.NOT_COORDINATOR, kafkaErrors.NOT_COORDINATOR])
  expect(rig.names()).not.toContain('commit.acknowledged')
  expect(flowOf(rig).committed).toBe(0)
})

test('without a lease nothing is committed', () => {
  const rig = new MemberRig().assign()
  rig.deliver(chunkOf(offsets(0)))
  rig.beatsAreAnswered = false
  rig.advance(44_500)
  rig.end(0)
  rig.advance(2_000)
  rig.step({ kind: 'tick' })
  expect(rig.commits).toEqual([])
})

test('a commit that a lost membership had in flight does not hold up the next one', () => {
  const rig = new MemberRig().assign()
  rig.deliver(chunkOf(offsets(0)))
  rig.end(0)
  rig.advance(1_000)
  lose(rig)
  rig.assign(1, 0, 2)
  rig.deliver(chunkOf(offsets(0)))
  rig.end(0)
  rig.advance(1_000)
  expect(rig.commits).toHaveLength(2)
  expect(rig.commits.at(-1)!.identity.generation).toBe(2)
})

test('the acknowledgement of a commit for an ownership that is over is not that of the next one', () => {
  const rig = new MemberRig().assign()
  rig.deliver(chunkOf(offsets(0, 1, 2)))
  for (const offset of [0, 1, 2]) rig.end(offset)
  rig.advance(1_000)
  relocated(rig, 1)
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
  lose(rig, kafkaErrors.ILLEGAL_GENERATION)
  rig.assign(1, 0, 2)
  rig.take()
  const results = old.offsets.map((each) => ({ ...each, errorCode: kafkaErrors.UNKNOWN_MEMBER_ID }))
  rig.step({ kind: 'committed', stamp: old.stamp, identity: old.identity, results })
  failCommit(rig, old)
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

test('a commit that is refused because the group rebalances begins the drain', () => {
  const rig = new MemberRig().assign()
  rig.deliver(chunkOf(offsets(0, 1)))
  rig.end(0)
  rig.advance(1_000)
  rig.answerCommit(kafkaErrors.REBALANCE_IN_PROGRESS)
  expect(rig.flow.membership.phase).toBe('draining')
  expect(flowOf(rig).isOver).toBe(false)
})

test.each([
  [kafkaErrors.UNKNOWN_MEMBER_ID, kafkaErrors.UNKNOWN_TOPIC_OR_PARTITION],
  [kafkaErrors.UNKNOWN_TOPIC_OR_PARTITION, kafkaErrors.UNKNOWN_MEMBER_ID],
])('a fencing answer for one partition counts, whatever the answer for another says (%i, %i)', (...codes) => {
  const rig = twoInFlight()
  answerParts(rig, codes)
  expect(rig.flow.membership.phase).toBe('joining')
  expect(rig.flow.membership.memberId).toBe('')
})

test('a commit carries the leader epoch of the record at its line', () => {
  const rig = new MemberRig().assign()
  for (const [offset, leaderEpoch] of [3, 8, 9].entries()) rig.deliver({ ...chunkOf(offsets(offset)), leaderEpoch })
  rig.end(0)
  rig.advance(1_000)
  expect(rig.commits.at(-1)!.offsets[0]).toMatchObject({ ...orders0, offset: 1, leaderEpoch: 8 })
})

test('markers alone move the line, and it is committed without a record', () => {
  const rig = new MemberRig().assign()
  rig.deliver(chunkOf([], 5))
  rig.advance(1_000)
  expect(rig.lastCommitted()).toBe(5)
})
