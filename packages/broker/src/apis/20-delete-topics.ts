/** DeleteTopics: 1–6. The records and the offsets that groups committed for them are gone. 4: flexible · 5: message · 6: by id */

import type { BrokerState, Handler } from '../core/broker-state.ts'
import type { RequestOf, ResponseOf } from '../protocol/apis.ts'
import { errorCode } from '../protocol/error-code.ts'

type Wanted = RequestOf<'DeleteTopics'>['topics'][number]
type Deleted = ResponseOf<'DeleteTopics'>['responses'][number]

const nilUuid = '00000000-0000-0000-0000-000000000000'

export const deleteTopics: Handler<'DeleteTopics'> = (request, { broker }) => {
  const wanted = [...request.topicNames.map((name) => ({ name, topicId: nilUuid })), ...request.topics]
  const byTopic = Map.groupBy(wanted, (each) => broker.cluster.topic(each.name ?? '')?.id ?? keyOf(each))
  const responses = [...byTopic.values()].map((same) => deleteOne(same, broker))
  return { throttleTimeMs: 0, responses }
}

/** Who names a topic twice, in whatever way, is named once in the answer; the topic stays. */
function keyOf({ name, topicId }: Wanted): string {
  return name === null ? topicId : `name ${name}`
}

function deleteOne(same: readonly Wanted[], { cluster, groups }: BrokerState): Deleted {
  const [first] = same as [Wanted]
  const name = same.find((each) => each.name !== null)?.name ?? null
  const topicId = same.find((each) => each.topicId !== nilUuid)?.topicId ?? nilUuid
  const refused = (code: number, errorMessage: string): Deleted => ({ name, topicId, errorCode: code, errorMessage })
  if (first.name !== null && first.topicId !== nilUuid) {
    return refused(errorCode.invalidRequest, 'You may not specify both topic name and topic id.')
  }
  if (name === null && topicId === nilUuid) {
    return refused(errorCode.invalidRequest, 'Neither topic name nor id were specified.')
  }
  if (same.length > 1) {
    if (name === null) return refused(errorCode.invalidRequest, 'Duplicate topic id.')
    if (topicId === nilUuid) return refused(errorCode.invalidRequest, 'Duplicate topic name.')
    return refused(errorCode.invalidRequest, 'The provided topic name maps to an ID that was already supplied.')
  }
  const topic = name === null ? cluster.topicById(topicId) : cluster.topic(name)
  if (topic === undefined && name === null) {
    return refused(errorCode.unknownTopicId, 'This server does not host this topic ID.')
  }
  if (topic === undefined) {
    return refused(errorCode.unknownTopicOrPartition, 'This server does not host this topic-partition.')
  }
  cluster.deleteTopic(topic.name)
  groups.forgetTopic(topic.name)
  return { name: topic.name, topicId: topic.id, errorCode: errorCode.none, errorMessage: null }
}
