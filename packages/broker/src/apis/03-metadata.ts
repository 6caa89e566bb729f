/** Metadata: 0–13. Nodes, topics, partitions and their leaders.
 *
 *  * 1: null means all topics (in 0 the empty list does) · 4: auto-creation can be switched off · 7: leader epochs
 *  * 8: authorised operations · 9: flexible · 10: topic ids in the answer · 11: no operations on the cluster any more
 *  * 12: topics by id · 13: an error of its own, which is told to clients that should start over (KIP-1102): never here
 *
 *  As in Kafka a topic that is created by asking for it is not there yet in the answer: clients ask again. */

import type { Handler, HandlerContext } from '../core/broker-state.ts'
import { type Cluster, isInternalTopic, type Topic, topicNameProblem } from '../core/cluster.ts'
import type { RequestOf, ResponseOf } from '../protocol/apis.ts'
import { errorCode, Refusal } from '../protocol/error-code.ts'
import { clusterOperations, operationsUnknown, topicOperations } from './authorized-operations.ts'
import { viewPartition } from './partition-view.ts'

type Wanted = NonNullable<RequestOf<'Metadata'>['topics']>[number]
type TopicAnswer = ResponseOf<'Metadata'>['topics'][number]

const nilUuid = '00000000-0000-0000-0000-000000000000'
const topicIdsFrom = 12

export const metadata: Handler<'Metadata'> = (request, context) => {
  const { broker, version } = context
  const wanted = request.topics ?? []
  const refusal = refusalOf(wanted, version)
  if (refusal !== undefined) return refuseAll(wanted, refusal)
  const { cluster } = broker
  const wantsAll = request.topics === null || (version === 0 && wanted.length === 0)
  const topics = wantsAll
    ? cluster.topics().map((topic) => describe(topic, cluster))
    : uniqueByName(wanted).map((each) => describeWanted(each, request.allowAutoTopicCreation, context))
  const topicAuthorizedOperations = request.includeTopicAuthorizedOperations ? topicOperations : operationsUnknown
  return {
    throttleTimeMs: 0,
    brokers: cluster.nodes.map((node) => ({ ...node, rack: null })),
    clusterId: cluster.clusterId,
    controllerId: cluster.controllerId,
    topics: topics.map((topic) => ({ ...topic, topicAuthorizedOperations })),
    clusterAuthorizedOperations: request.includeClusterAuthorizedOperations ? clusterOperations : operationsUnknown,
  }
}

/** Kafka answers nothing at all when one of the topics is named in a way that this version does not know. */
function refusalOf(wanted: readonly Wanted[], version: number): number | undefined {
  const byId = wanted.filter(({ name, topicId }) => name === null || topicId !== nilUuid)
  if (version < topicIdsFrom && byId.length > 0) return errorCode.invalidRequest
  if (byId.some(({ topicId }) => topicId === nilUuid)) return errorCode.unknownServerError
  return undefined
}

function refuseAll(wanted: readonly Wanted[], code: number): ResponseOf<'Metadata'> {
  const topics = wanted.map(({ name, topicId }) => missing(name ?? '', topicId, code))
  return { brokers: [], clusterId: null, controllerId: -1, topics }
}

function uniqueByName(wanted: readonly Wanted[]): Wanted[] {
  return [...new Map(wanted.map((each) => [`${each.topicId} ${each.name}`, each])).values()]
}

function describeWanted({ name, topicId }: Wanted, mayCreate: boolean, context: HandlerContext): TopicAnswer {
  // Whoever gives both is answered by id.
  if (topicId === nilUuid) return describeByName(name ?? '', mayCreate, context)
  const { cluster } = context.broker
  const topic = cluster.topicById(topicId)
  return topic === undefined ? missing(null, topicId, errorCode.unknownTopicId) : describe(topic, cluster)
}

function describe(topic: Topic, cluster: Cluster): TopicAnswer {
  return {
    errorCode: errorCode.none,
    name: topic.name,
    topicId: topic.id,
    isInternal: isInternalTopic(topic.name),
    partitions: topic.partitions.map((partition) => viewPartition(partition, cluster)),
  }
}

function describeByName(name: string, mayCreate: boolean, context: HandlerContext): TopicAnswer {
  const { cluster, settings } = context.broker
  const topic = cluster.topic(name)
  if (topic !== undefined) return describe(topic, cluster)
  if (topicNameProblem(name) !== undefined) return missing(name, nilUuid, errorCode.invalidTopic)
  if (mayCreate && settings.autoCreateTopics) createMissing(name, context)
  return missing(name, nilUuid, errorCode.unknownTopicOrPartition)
}

/** Whether it worked is told to whoever asks again. */
function createMissing(name: string, { broker, nodeId }: HandlerContext): void {
  const { cluster } = broker
  const partitions = Number(cluster.configs.brokerValue('num.partitions', nodeId))
  const replicationFactor = Number(cluster.configs.brokerValue('default.replication.factor', nodeId))
  try {
    cluster.createTopic(name, { partitions, replicationFactor })
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    broker.warn(`topic ${name} was asked for and not created: ${error.message}`)
  }
}

function missing(name: string | null, topicId: string, code: number): TopicAnswer {
  return { errorCode: code, name, topicId, isInternal: isInternalTopic(name ?? ''), partitions: [] }
}
