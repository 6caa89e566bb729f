/** DeleteTopics: 1–6. The records and the offsets that groups committed for them are gone. 4: flexible · 5: message · 6: by id */

import { type BrokerState, type Handler } from '../core/broker-state.ts'
import { type ResponseOf } from '../protocol/apis.ts'
import { errorCode } from '../protocol/error-code.ts'

type Deleted = ResponseOf<'DeleteTopics'>['responses'][number]

const nilUuid = '00000000-0000-0000-0000-000000000000'

export const deleteTopics: Handler<'DeleteTopics'> = (request, { broker }) => ({
  throttleTimeMs: 0,
  responses: [
    ...request.topicNames.map((name) => deleteOne(name, nilUuid, broker)),
    ...request.topics.map(({ name, topicId }) => deleteOne(name, topicId, broker)),
  ],
})

function deleteOne(name: string | null, topicId: string, { cluster, groups }: BrokerState): Deleted {
  const topic = name === null ? cluster.topicById(topicId) : cluster.topic(name)
  if (topic === undefined) {
    const code = name === null ? errorCode.unknownTopicId : errorCode.unknownTopicOrPartition
    return { name, topicId, errorCode: code, errorMessage: 'This server does not host this topic-partition.' }
  }
  cluster.deleteTopic(topic.name)
  groups.forgetTopic(topic.name)
  return { name: topic.name, topicId: topic.id, errorCode: errorCode.none, errorMessage: null }
}
