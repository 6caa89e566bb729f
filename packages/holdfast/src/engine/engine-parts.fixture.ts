/** For tests: the parts of the engine on their own, and what brokers and coordinators tell a `MemberRig` besides the usual. */
import { kafkaErrors } from '../model/kafka-errors.ts'
import { startAt } from '../model/next-offset.ts'
import type { SubscriptionSettings } from '../model/settings.ts'
import { partitionName } from '../model/topic-partition.ts'
import type { JoinAnswer } from './effects.ts'
import { Entry } from './entry.ts'
import { SubscriptionFlow } from './subscription-flow.ts'
import { chunkOf, type MemberRig, testSubscription, type TestRecord, topicId } from './member-rig.fixture.ts'
import { type Chunk, PartitionFlow, type RecordView } from './partition-flow.ts'

export const mebibyte = 1_048_576
export const orders0 = { topic: 'orders', partition: 0 }

export const admitted: JoinAnswer = {
  errorCode: 0,
  generationId: 1,
  memberId: 'm',
  leader: 'm',
  protocolName: 'range',
  members: [],
}

export const recordView: RecordView<TestRecord> = {
  handedOff: () => ({ attempts: 1, dueMs: 0 }),
  offset: (record) => record.offset,
  hasKey: (record) => record.key !== null,
  keyHash: (record) => record.key ?? 0,
}

/** An entry that belongs to nobody. */
export function entryOf(offset: number, key: number | null = null): Entry<number> {
  const holding = { bytes: 0, leaderEpoch: 0, unfinished: 0, isTaken: false }
  return new Entry(offset, offset, key ?? 0, key !== null, offset, holding, null as never)
}

/** An ownership that begins at offset 0, led by node 1. */
export function partitionFlow(
  settings: Partial<SubscriptionSettings> = {},
  view: RecordView<TestRecord> = recordView,
): PartitionFlow<TestRecord> {
  const flow = new PartitionFlow<TestRecord>({
    ...orders0,
    epoch: 1,
    subscription: new SubscriptionFlow({ ...testSubscription, ...settings }, () => 0.5),
    view,
    position: startAt(0),
    committed: startAt(0),
    leaderEpoch: -1,
    startMark: '',
    inherited: null,
    leftovers: [],
  })
  flow.leader = { nodeId: 1, leaderEpoch: 0, topicId }
  return flow
}

/** Receives a chunk and decodes what there is room for; returns what may start. */
export function feed(flow: PartitionFlow<TestRecord>, chunk: Chunk<TestRecord>): Entry<TestRecord>[] {
  const startable: Entry<TestRecord>[] = []
  flow.receive(chunk)
  flow.refill(0, (entry) => startable.push(entry))
  return startable
}

export function flowOf(rig: MemberRig, partition = 0): PartitionFlow<TestRecord> {
  const flow = rig.flow.partitions.get(partitionName({ topic: 'orders', partition }))
  if (flow === undefined) throw new RangeError(`partition ${partition} is not owned`)
  return flow
}

/** The offsets whose handlers run, lowest first. */
export function runningOf(rig: MemberRig): number[] {
  return [...rig.running.keys()].toSorted((one, other) => one - other)
}

/** The coordinator takes the membership away. */
export function lose(rig: MemberRig, errorCode: number = kafkaErrors.UNKNOWN_MEMBER_ID): void {
  rig.step({ kind: 'refused', stamp: rig.flow.membership.stamp, errorCode, what: 'test' })
}

/** Lets one heartbeat go out and answers it. */
export function beat(rig: MemberRig, errorCode: number): void {
  rig.beatsAreAnswered = false
  rig.advance(3_000)
  rig.step({ kind: 'heartbeatAnswered', stamp: rig.flow.membership.stamp, sentMs: rig.beatSentMs, errorCode })
}

/** The newest fetch gets no answer. */
export function failFetch(rig: MemberRig, isSessionLost = false): void {
  const { nodeId, stamp } = rig.fetches.at(-1)!
  rig.step({ kind: 'fetchFailed', nodeId, stamp, reason: 'test', isSessionLost })
}

type PartAnswer = {
  readonly errorCode?: number
  readonly corruption?: string
  readonly divergesAt?: number
  readonly endOffset?: number
  readonly offsets?: readonly number[]
}

/** Answers a fetch, the newest unless another is given, for partition 0. */
export function answerFetch(rig: MemberRig, part: PartAnswer, order = rig.fetches.at(-1)!): void {
  const { errorCode = 0, corruption = null, divergesAt, endOffset = 9, offsets } = part
  const told = {
    at: orders0,
    target: order.targets.get('orders/0')!,
    errorCode,
    endOffset,
    chunk: offsets === undefined ? null : chunkOf(offsets.map((offset) => ({ offset, key: null }))),
    corruption,
    divergesAt: divergesAt === undefined ? null : startAt(divergesAt),
  }
  rig.step({ kind: 'fetched', nodeId: order.nodeId, stamp: order.stamp, sessionId: 7, partitions: [told] })
}

/** What was learned about a position that may not mean what it meant. */
export function relocated(rig: MemberRig, position: number, epoch = flowOf(rig).epoch): void {
  rig.step({ kind: 'relocated', at: orders0, epoch, position: startAt(position), reason: 'test' })
}

export function ledBy(rig: MemberRig, leaderEpoch: number, nodeId = 1, id = topicId): void {
  rig.step({ kind: 'leaders', leaders: [{ ...orders0, nodeId, leaderEpoch, topicId: id }] })
}

export function failCommit(rig: MemberRig, commit = rig.commits.at(-1)!): void {
  rig.step({ kind: 'commitFailed', stamp: commit.stamp, reason: 'test' })
}
