/** ConsumerGroupDescribe: 0–1 (KIP-848). Groups of the consumer protocol with what each member has and is to have; others
 *  are 69. 1: whether a member speaks the consumer protocol, which all members here do */

import type { Handler, HandlerContext } from '../core/broker-state.ts'
import type { ConsumerGroup } from '../groups/consumer-group.ts'
import type { ConsumerMember } from '../groups/consumer-member.ts'
import { joined, toWire, type TopicPartitions } from '../groups/topic-partitions.ts'
import type { ResponseOf } from '../protocol/apis.ts'
import { errorCode } from '../protocol/error-code.ts'
import { groupProblem } from './group-access.ts'
import { stateNames } from './group-states.ts'

type Described = ResponseOf<'ConsumerGroupDescribe'>['groups'][number]
type DescribedMember = Described['members'][number]

const consumerMemberType = 1

export const consumerGroupDescribe: Handler<'ConsumerGroupDescribe'> = (request, context) => ({
  throttleTimeMs: 0,
  groups: request.groupIds.map((groupId) => describe(groupId, context)),
})

function describe(groupId: string, context: HandlerContext): Described {
  const problem = groupProblem(groupId, context)
  if (problem !== errorCode.none) return { groupId, errorCode: problem, errorMessage: null, members: [] }
  const group = context.broker.groups.get(groupId)?.group
  if (group?.type !== 'consumer') {
    const errorMessage = `Group ${groupId} ${group === undefined ? 'not found' : 'is not a consumer group'}.`
    return { groupId, errorCode: errorCode.groupIdNotFound, errorMessage, members: [] }
  }
  return {
    groupId,
    errorCode: errorCode.none,
    errorMessage: null,
    groupState: stateNames[group.state],
    groupEpoch: group.generation,
    assignmentEpoch: group.assignmentEpoch,
    assignorName: group.protocolName,
    members: group.members.map((member) => describeMember(member, group)),
  }
}

function describeMember(member: ConsumerMember, group: ConsumerGroup): DescribedMember {
  const named = (partitions: TopicPartitions): DescribedMember['assignment'] => ({
    topicPartitions: toWire(partitions).map((topic) => ({ ...topic, topicName: group.topicName(topic.topicId) })),
  })
  return {
    memberId: member.memberId,
    instanceId: member.instanceId,
    rackId: member.rackId,
    memberEpoch: member.epoch,
    clientId: member.clientId,
    clientHost: '/127.0.0.1',
    subscribedTopicNames: [...member.topicNames],
    subscribedTopicRegex: member.topicRegex,
    // What is to be given up is still held.
    assignment: named(joined(member.assigned, member.revoking)),
    targetAssignment: named(group.targetOf(member.memberId)),
    memberType: consumerMemberType,
  }
}
