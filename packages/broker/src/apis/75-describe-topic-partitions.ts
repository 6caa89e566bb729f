/** DescribeTopicPartitions: 0 (KIP-966). Topics by name, in pages: so many partitions, then a cursor that says where to go on. */

import type { Handler } from '../core/broker-state.ts'
import { type Cluster, isInternalTopic, type Topic, topicNameProblem } from '../core/cluster.ts'
import type { RequestOf, ResponseOf } from '../protocol/apis.ts'
import { errorCode } from '../protocol/error-code.ts'
import { operationsUnknown, topicOperations } from './authorized-operations.ts'
import { viewPartition } from './partition-view.ts'

type Request = RequestOf<'DescribeTopicPartitions'>
type Response = ResponseOf<'DescribeTopicPartitions'>
type TopicAnswer = Response['topics'][number]

const nilUuid = '00000000-0000-0000-0000-000000000000'
/** `max.request.partition.size.limit` */
const partitionsPerAnswerMax = 2_000

export const describeTopicPartitions: Handler<'DescribeTopicPartitions'> = (request, { broker }) => {
  const { cursor } = request
  const wantsAll = request.topics.length === 0
  const all = wantsAll ? broker.cluster.topics() : request.topics
  const names = [...new Set(all.map(({ name }) => name))].toSorted()
  const rest = names.filter((name) => name >= (cursor?.topicName ?? ''))
  if (cursor !== null && (cursor.partitionIndex < 0 || (!wantsAll && rest[0] !== cursor.topicName))) {
    return { topics: names.map((name) => failed(name, errorCode.invalidRequest, operationsUnknown)) }
  }
  return page(rest, request, broker.cluster)
}

function page(names: readonly string[], { responsePartitionLimit, cursor }: Request, cluster: Cluster): Response {
  const topics: TopicAnswer[] = []
  let left = Math.max(1, Math.min(responsePartitionLimit, partitionsPerAnswerMax))
  for (const name of names) {
    if (left <= 0) return { topics, nextCursor: { topicName: name, partitionIndex: 0 } }
    const topic = cluster.topic(name)
    if (topic === undefined) {
      const code = topicNameProblem(name) === undefined ? errorCode.unknownTopicOrPartition : errorCode.invalidTopic
      topics.push(failed(name, code, topicOperations))
      continue
    }
    const from = name === cursor?.topicName ? cursor.partitionIndex : 0
    const to = Math.min(topic.partitions.length, from + left)
    topics.push(describe(topic, from, to, cluster))
    if (to < topic.partitions.length) return { topics, nextCursor: { topicName: name, partitionIndex: to } }
    left -= Math.max(0, to - from)
  }
  return { topics, nextCursor: null }
}

function describe(topic: Topic, from: number, to: number, cluster: Cluster): TopicAnswer {
  return {
    errorCode: errorCode.none,
    name: topic.name,
    topicId: topic.id,
    isInternal: isInternalTopic(topic.name),
    partitions: topic.partitions.slice(from, to).map((partition) => ({
      ...viewPartition(partition, cluster),
      eligibleLeaderReplicas: [],
      lastKnownElr: [],
    })),
    topicAuthorizedOperations: topicOperations,
  }
}

function failed(name: string, code: number, topicAuthorizedOperations: number): TopicAnswer {
  return { errorCode: code, name, topicId: nilUuid, isInternal: false, partitions: [], topicAuthorizedOperations }
}
