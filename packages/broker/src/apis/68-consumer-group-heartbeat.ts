/** ConsumerGroupHeartbeat: 0–1 (KIP-848). Joins, stays in and leaves a group of the consumer protocol, says what the
 *  member holds and hears what it is to hold.
 *
 *  * 1: the member brings its id (KIP-1082), and may subscribe by a regular expression in the syntax of RE2 */

import type { Handler } from '../core/broker-state.ts'
import { assignors } from '../groups/assignors.ts'
import {
  awayEpoch,
  type HeartbeatAnswer,
  joiningEpoch,
  leavingEpoch,
  refusedHeartbeat,
} from '../groups/consumer-member.ts'
import { fromWire, toWire } from '../groups/topic-partitions.ts'
import type { RequestOf, ResponseOf } from '../protocol/apis.ts'
import { errorCode } from '../protocol/error-code.ts'
import { coordinatorProblem } from './group-access.ts'

type Request = RequestOf<'ConsumerGroupHeartbeat'>

const ownMemberIdVersion = 1

export const consumerGroupHeartbeat: Handler<'ConsumerGroupHeartbeat'> = (request, context) => {
  const { broker, version, connection } = context
  const mistake = mistakeIn(request, version)
  if (mistake !== undefined) return toResponse(refusedHeartbeat(errorCode.invalidRequest, mistake))
  const { groupId, serverAssignor: assignor, topicPartitions } = request
  if (assignor !== null && !assignors.has(assignor)) {
    const message = `ServerAssignor ${assignor} is not supported. Supported assignors: ${[...assignors.keys()].join(', ')}.`
    return toResponse(refusedHeartbeat(errorCode.unsupportedAssignor, message))
  }
  const problem = coordinatorProblem(groupId, context)
  if (problem !== errorCode.none) return toResponse(refusedHeartbeat(problem, null))
  const { memberId, memberEpoch, instanceId, rackId, rebalanceTimeoutMs } = request
  const answer = broker.groups.heartbeat(groupId, {
    memberId,
    memberEpoch,
    instanceId,
    rackId,
    rebalanceTimeoutMs,
    assignor,
    clientId: connection.clientId,
    topicNames: request.subscribedTopicNames,
    topicRegex: request.subscribedTopicRegex,
    owned: topicPartitions === null ? null : fromWire(topicPartitions),
  })
  return toResponse(answer)
}

function toResponse(answer: HeartbeatAnswer): ResponseOf<'ConsumerGroupHeartbeat'> {
  const { assignment } = answer
  return {
    throttleTimeMs: 0,
    ...answer,
    assignment: assignment === null ? null : { topicPartitions: toWire(assignment) },
  }
}

/** What is wrong with the request itself, in the words and in the order of Kafka 4.3; undefined if nothing is. */
function mistakeIn(request: Request, version: number): string | undefined {
  const { groupId, memberId, memberEpoch, instanceId, rackId } = request
  const mustName = version >= ownMemberIdVersion || memberEpoch > joiningEpoch || memberEpoch === leavingEpoch
  if (mustName && isBlank(memberId)) return "MemberId can't be empty."
  if (isBlank(groupId)) return "GroupId can't be empty."
  if (instanceId !== null && isBlank(instanceId)) return "InstanceId can't be empty."
  if (rackId !== null && isBlank(rackId)) return "RackId can't be empty."
  if (memberEpoch === joiningEpoch) return mistakeInJoin(request)
  if (memberEpoch === awayEpoch && instanceId === null) return "InstanceId can't be null."
  return memberEpoch < awayEpoch ? 'MemberEpoch is invalid.' : undefined
}

function mistakeInJoin(request: Request): string | undefined {
  if (request.rebalanceTimeoutMs === -1) return 'RebalanceTimeoutMs must be provided in first request.'
  if (request.topicPartitions?.length !== 0) return 'TopicPartitions must be empty when (re-)joining.'
  const wantsNothing = request.subscribedTopicNames === null && request.subscribedTopicRegex === null
  return wantsNothing
    ? 'Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.'
    : undefined
}

function isBlank(text: string): boolean {
  return text.trim() === ''
}
