/** Metadata: 0–12. Nodes, topics, partitions and their leaders.
 *
 *  * 1: null means all topics (in 0 the empty list does) · 4: auto-creation can be switched off · 7: leader epochs
 *  * 9: flexible · 10: topics by id · 11: no cluster operations any more · 12: topics by id only
 *
 *  As in Kafka a topic that is created by asking for it is not there yet in the answer: clients ask again. */

import { type Handler, type HandlerContext } from '../core/broker-state.ts'
import { type Topic, topicNameProblem } from '../core/cluster.ts'
import { type ResponseOf } from '../protocol/apis.ts'
import { errorCode } from '../protocol/error-code.ts'

type TopicAnswer = ResponseOf<'Metadata'>['topics'][number]

const nilUuid = '00000000-0000-0000-0000-000000000000'
/** `num.partitions` */
const autoCreatedPartitions = 1

export const metadata: Handler<'Metadata'> = (request, context) => {
  const { broker, version } = context
  const wantsAll = request.topics === null || (version === 0 && request.topics.length === 0)
  const topics = wantsAll
    ? broker.cluster.topics().map(describe)
    : (request.topics ?? []).map(({ name, topicId }) =>
        name === null ? describeById(topicId, context) : describeByName(name, request.allowAutoTopicCreation, context),
      )
  return {
    throttleTimeMs: 0,
    brokers: broker.cluster.nodes.map((node) => ({ ...node, rack: null })),
    clusterId: broker.cluster.clusterId,
    controllerId: broker.cluster.controllerId,
    topics,
  }
}

function describe(topic: Topic): TopicAnswer {
  return {
    errorCode: errorCode.none,
    name: topic.name,
    topicId: topic.id,
    isInternal: false,
    partitions: topic.partitions.map(({ index, leaderId, leaderEpoch }) => ({
      errorCode: errorCode.none,
      partitionIndex: index,
      leaderId,
      leaderEpoch,
      replicaNodes: [leaderId],
      isrNodes: [leaderId],
    })),
  }
}

function describeById(topicId: string, { broker }: HandlerContext): TopicAnswer {
  const topic = broker.cluster.topicById(topicId)
  return topic === undefined ? missing(null, topicId, errorCode.unknownTopicId) : describe(topic)
}

function describeByName(name: string, mayCreate: boolean, { broker }: HandlerContext): TopicAnswer {
  const topic = broker.cluster.topic(name)
  if (topic !== undefined) return describe(topic)
  if (topicNameProblem(name) !== undefined) return missing(name, nilUuid, errorCode.invalidTopic)
  if (mayCreate && broker.settings.autoCreateTopics) broker.cluster.createTopic(name, autoCreatedPartitions)
  return missing(name, nilUuid, errorCode.unknownTopicOrPartition)
}

function missing(name: string | null, topicId: string, code: number): TopicAnswer {
  return { errorCode: code, name, topicId, isInternal: false, partitions: [] }
}
