/** Single requests about one partition of one topic, for rows: what is asked is in the call, what came is returned as it is. */

import { type DecodedResponse, type GivenRequest } from '../../../packages/broker/src/protocol/apis.ts'
import { crc32c } from '../../../packages/broker/src/log/crc32c.ts'
import { type BatchOptions, encodeBatch } from '../../../packages/broker/src/log/record-batch.ts'
import { type NewRecord } from '../../../packages/broker/src/log/records.ts'
import { WireWriter } from '../../../packages/broker/src/protocol/wire.ts'
import { type Ground, type Wire } from '../row.ts'
import { frameOf } from '../wire.ts'

type Given<A extends 'Produce' | 'Fetch'> = GivenRequest<A>
export type ProduceAnswer = DecodedResponse<'Produce'>['responses'][number]['partitions'][number]
export type FetchAnswer = DecodedResponse<'Fetch'>
export type FetchedPartition = FetchAnswer['responses'][number]['partitions'][number]
export type OffsetAnswer = DecodedResponse<'ListOffsets'>['topics'][number]['partitions'][number]

const plenty = 1_000_000
const alterPartitionReassignmentsKey = 45

/** `count` small records, or those that are given; of now, because old ones are soon taken away. */
export function batch(given: number | readonly NewRecord[] = 1, options: Partial<BatchOptions> = {}): Buffer {
  const records =
    typeof given === 'number'
      ? Array.from({ length: given }, (_, index) => ({ key: `k${index}`, value: `v${index}` }))
      : given
  return encodeBatch(records, { nowMs: Date.now(), ...options })
}

/** The same batch after `change`, with a checksum that fits. */
export function changed(sent: Buffer, change: (bytes: Buffer) => void): Buffer {
  change(sent)
  sent.writeUInt32BE(crc32c(sent, 21), 17)
  return sent
}

export type ProduceGiven = Omit<Given<'Produce'>, 'topics'> & { readonly version?: number; readonly index?: number }

/** Produces to one partition; rejects with what came if that is not an answer about it. */
export async function produce(
  wire: Wire,
  name: string,
  records: Buffer | null = batch(),
  { version = 9, index = 0, ...given }: ProduceGiven = {},
): Promise<ProduceAnswer> {
  const topics = [{ name, partitions: [{ index, records }] }]
  const answer = await wire.call('Produce', version, { acks: -1, timeoutMs: 30_000, ...given, topics })
  const partition = answer.responses[0]?.partitions[0]
  if (partition === undefined) throw new Error(`expected an answer about ${name}-${index}: ${JSON.stringify(answer)}`)
  return partition
}

export type Asked = {
  readonly partition?: number
  readonly fetchOffset?: number
  readonly currentLeaderEpoch?: number
  readonly lastFetchedEpoch?: number
  readonly partitionMaxBytes?: number
}
export type FetchGiven = Omit<Given<'Fetch'>, 'topics'> & { readonly version?: number }

/** Asks about partitions of topics by name; below version 13 that is how they are named. Does not wait unless told to. */
export function fetchWhole(
  wire: Wire,
  asked: Readonly<Record<string, readonly Asked[]>>,
  { version = 12, ...given }: FetchGiven = {},
): Promise<FetchAnswer> {
  const topics = Object.entries(asked).map(([name, partitions]) => ({
    [version >= 13 ? 'topicId' : 'topic']: name,
    partitions: partitions.map((each) => ({ partition: 0, fetchOffset: 0, partitionMaxBytes: plenty, ...each })),
  }))
  return wire.call('Fetch', version, { maxWaitMs: 0, minBytes: 1, maxBytes: plenty, ...given, topics })
}

/** Fetches one partition; rejects with what came if that is not an answer about it. */
export async function fetchOne(
  wire: Wire,
  name: string,
  asked: Asked = {},
  given: FetchGiven = {},
): Promise<FetchedPartition> {
  const answer = await fetchWhole(wire, { [name]: [asked] }, given)
  const partition = answer.responses[0]?.partitions[0]
  if (partition === undefined) throw new Error(`expected an answer about ${name}: ${JSON.stringify(answer)}`)
  return partition
}

/** What a fetch session tells, as `topic-partition` in its order. */
export function told(answer: FetchAnswer): string[] {
  return answer.responses.flatMap(({ topic, topicId, partitions }) =>
    partitions.map(({ partitionIndex }) => `${topic === '' ? topicId : topic}-${partitionIndex}`),
  )
}

export type OffsetGiven = {
  readonly version?: number
  readonly partitionIndex?: number
  readonly currentLeaderEpoch?: number
  readonly isolationLevel?: number
}

export async function offsetAt(
  wire: Wire,
  name: string,
  timestamp: number,
  { version = 9, isolationLevel = 0, partitionIndex = 0, currentLeaderEpoch = -1 }: OffsetGiven = {},
): Promise<OffsetAnswer> {
  const topics = [{ name, partitions: [{ partitionIndex, timestamp, currentLeaderEpoch }] }]
  const answer = await wire.call('ListOffsets', version, { isolationLevel, topics })
  return answer.topics[0]?.partitions[0] as OffsetAnswer
}

export async function deleteBefore(
  wire: Wire,
  name: string,
  offset: number,
  { version = 2, partitionIndex = 0 }: { readonly version?: number; readonly partitionIndex?: number } = {},
): Promise<DecodedResponse<'DeleteRecords'>['topics'][number]['partitions'][number]> {
  const topics = [{ name, partitions: [{ partitionIndex, offset }] }]
  const answer = await wire.call('DeleteRecords', version, { timeoutMs: 30_000, topics })
  return answer.topics[0]?.partitions[0] as never
}

export async function epochEnd(
  wire: Wire,
  topic: string,
  leaderEpoch: number,
  { version = 4, partition = 0, currentLeaderEpoch = -1 } = {},
): Promise<DecodedResponse<'OffsetForLeaderEpoch'>['topics'][number]['partitions'][number]> {
  const topics = [{ topic, partitions: [{ partition, leaderEpoch, currentLeaderEpoch }] }]
  const answer = await wire.call('OffsetForLeaderEpoch', version, { replicaId: -1, topics })
  return answer.topics[0]?.partitions[0] as never
}

export async function topicIdOf(ground: Ground, name: string): Promise<string> {
  const wire = await ground.node()
  const { topics } = await wire.call('Metadata', 12, { topics: [{ name }], allowAutoTopicCreation: false })
  return topics[0]?.topicId ?? ''
}

/** A connection to a node that does not lead partition 0 of the topic and has no replica of it. */
export async function elsewhere(ground: Ground, topic: string): Promise<Wire> {
  const { nodeId } = await ground.leader(topic)
  return ground.node(nodeId === 1 ? 2 : 1)
}

/** Two partitions of one topic that one node leads, and a connection to it. Four are enough for three nodes. */
export async function pairOnOneNode(
  ground: Ground,
): Promise<{ readonly topic: string; readonly wire: Wire; readonly pair: readonly [number, number] }> {
  const topic = await ground.topic(4)
  const leaders = await Promise.all([0, 1, 2, 3].map((partition) => ground.leader(topic, partition)))
  for (const [first, wire] of leaders.entries()) {
    const second = leaders.findIndex(({ nodeId }, partition) => partition > first && nodeId === wire.nodeId)
    if (second > 0) return { topic, wire, pair: [first, second] }
  }
  throw new Error(`expected one node to lead two of ${topic}'s four partitions`)
}

/** Gives partition 0 of a topic to another node, which makes its leader epoch one higher; resolves when that node serves it. */
export async function moveLeader(ground: Ground, topic: string, nodeId: number): Promise<Wire> {
  if (ground.kafka !== undefined) ground.kafka.core.moveLeader(topic, 0, nodeId)
  else await (await ground.node()).raw(frameOf(alterPartitionReassignmentsKey, 0, reassignment(topic, nodeId), true))
  const wire = await ground.node(nodeId)
  await ground.until(async () => (await offsetAt(wire, topic, -1)).errorCode === 0, `node ${nodeId} leads ${topic}`)
  const old = await ground.node(nodeId === 1 ? 2 : 1)
  await ground.until(async () => (await offsetAt(old, topic, -1)).errorCode === 6, `nobody else leads ${topic}`)
  return wire
}

/** Waits 10 s at most; one topic, one partition, one replica. */
function reassignment(topic: string, nodeId: number): Buffer {
  const writer = new WireWriter()
  writer.int32(10_000)
  writer.unsignedVarint(2)
  writer.string(topic, true)
  writer.unsignedVarint(2)
  writer.int32(0)
  writer.unsignedVarint(2)
  writer.int32(nodeId)
  // The ends of the partition, the topic and the message.
  for (let end = 0; end < 3; end++) writer.unsignedVarint(0)
  return writer.result()
}
