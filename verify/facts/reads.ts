/** Fetch, ListOffsets and OffsetForLeaderEpoch as single calls on one partition or a few, for the scripts that ask what
 *  they answer. */

import { fetchV17, listOffsetsV9, offsetForLeaderEpochV4 } from '@platformatic/kafka'
import { type Topic, type Wire } from './wire.ts'

export const noTopicId = '00000000-0000-0000-0000-000000000000'
export const readUncommitted = 0
export const readCommitted = 1

/** Bit of a batch's attributes that marks what Kafka wrote itself. */
const controlBit = 32

export type FetchAsked = {
  readonly topicId: string
  /** From partition to the offset that is asked for. */
  readonly offsets?: Readonly<Record<number, number>>
  readonly forget?: readonly number[]
  readonly sessionId?: number
  readonly sessionEpoch?: number
  readonly isolation?: 0 | 1
  readonly maxWaitMs?: number
  readonly maxBytes?: number
  readonly leaderEpoch?: number
  readonly lastFetchedEpoch?: number
}
export type BatchSeen = { readonly offsets: string; readonly records: number; readonly control?: true }
export type PartitionSeen = {
  readonly partition: number
  readonly errorCode: number
  readonly highWatermark: number
  readonly lastStable: number
  readonly logStart: number
  readonly aborted?: readonly (readonly [producerId: number, firstOffset: number])[]
  readonly diverging?: { readonly epoch: number; readonly endOffset: number }
  readonly batches: readonly BatchSeen[]
}
export type FetchSeen = {
  readonly errorCode: number
  readonly sessionId: number
  readonly partitions: readonly PartitionSeen[]
}

export async function fetch(wire: Wire, asked: FetchAsked): Promise<FetchSeen> {
  const partitions = Object.entries(asked.offsets ?? {}).map(([partition, offset]) => ({
    partition: Number(partition),
    currentLeaderEpoch: asked.leaderEpoch ?? -1,
    fetchOffset: BigInt(offset),
    lastFetchedEpoch: asked.lastFetchedEpoch ?? -1,
    partitionMaxBytes: asked.maxBytes ?? 1_048_576,
  }))
  const topics = partitions.length > 0 ? [{ topicId: asked.topicId, partitions }] : []
  const forgotten = asked.forget ? [{ topicId: asked.topicId, partitions: [...asked.forget] }] : []
  const { maxWaitMs = 0, isolation = readUncommitted, sessionId = 0, sessionEpoch = -1 } = asked
  const maxBytes = asked.maxBytes ?? 8_388_608
  const answer = await wire.send(
    fetchV17.api,
    maxWaitMs,
    1,
    maxBytes,
    isolation,
    sessionId,
    sessionEpoch,
    topics,
    forgotten,
    '',
  )
  return {
    errorCode: answer.errorCode,
    sessionId: answer.sessionId,
    partitions: answer.responses.flatMap((topic) => topic.partitions.map(describePartition)),
  }
}

type FetchedPartition = Awaited<ReturnType<(typeof fetchV17.api)['async']>>['responses'][number]['partitions'][number]

function describePartition(partition: FetchedPartition): PartitionSeen {
  const { abortedTransactions: aborted, divergingEpoch } = partition
  return {
    partition: partition.partitionIndex,
    errorCode: partition.errorCode,
    highWatermark: Number(partition.highWatermark),
    lastStable: Number(partition.lastStableOffset),
    logStart: Number(partition.logStartOffset),
    ...(aborted?.length
      ? { aborted: aborted.map((one) => [Number(one.producerId), Number(one.firstOffset)] as const) }
      : {}),
    // The library fills in −1 where the answer has no such field.
    ...(divergingEpoch && divergingEpoch.epoch >= 0
      ? { diverging: { epoch: divergingEpoch.epoch, endOffset: Number(divergingEpoch.endOffset) } }
      : {}),
    batches: (partition.records ?? []).map((batch) => ({
      offsets: `${batch.firstOffset}–${Number(batch.firstOffset) + batch.lastOffsetDelta}`,
      records: batch.records.length,
      ...((batch.attributes & controlBit) !== 0 ? { control: true as const } : {}),
    })),
  }
}

/** Error code and offset for a timestamp (−1 end, −2 start), or the code alone if there is an error. */
export async function listOffset(wire: Wire, topic: Topic, timestamp: number, isolation: 0 | 1): Promise<string> {
  const partitions = [{ partitionIndex: 0, currentLeaderEpoch: -1, timestamp: BigInt(timestamp) }]
  const answer = await wire.send(listOffsetsV9.api, -1, isolation, [{ name: topic.name, partitions }])
  const found = answer.topics[0]?.partitions[0]
  if (found === undefined) throw new Error('the answer to ListOffsets names no partition')
  return found.errorCode === 0
    ? `offset ${found.offset}, leader epoch ${found.leaderEpoch}`
    : `error ${found.errorCode}`
}

/** Where a leader epoch ended, asked of partition 0. */
export async function epochEnd(
  wire: Wire,
  topic: string,
  leaderEpoch: number,
  currentLeaderEpoch = -1,
): Promise<string> {
  const partitions = [{ partitionIndex: 0, currentLeaderEpoch, leaderEpoch }]
  const answer = await wire.send(offsetForLeaderEpochV4.api, -1, [{ name: topic, partitions }])
  const found = answer.topics[0]?.partitions[0]
  if (found === undefined) throw new Error('the answer to OffsetForLeaderEpoch names no partition')
  return found.errorCode === 0 ? `epoch ${found.leaderEpoch} ends at ${found.endOffset}` : `error ${found.errorCode}`
}
