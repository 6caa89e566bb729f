/** What a test sees of a group. */

import type { ClassicGroupState } from '../groups/commands.ts'
import type { ConsumerGroup, ConsumerGroupState } from '../groups/consumer-group.ts'
import { assignedPartitions, encodeAssignment } from '../groups/embedded-protocol.ts'
import type { Group } from '../groups/group-coordinator.ts'

export type GroupState = ClassicGroupState | ConsumerGroupState

export type GroupView = {
  readonly type: 'classic' | 'consumer'
  readonly state: GroupState
  /** Of a consumer group, its epoch. */
  readonly generation: number
  /** Empty in a consumer group, where the broker assigns. */
  readonly leader: string
  /** What decides who gets what: the protocol that the members share, or the assignor of the broker. */
  readonly protocol: string | null
  readonly members: readonly MemberView[]
}

export type MemberView = {
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly clientId: string
  /** What it was given, as `{ orders: [0, 2] }`; empty before that, and for a protocol that is not that of consumers. */
  readonly assignment: Readonly<Record<string, readonly number[]>>
  /** As a classic member gets it, in the encoding of its protocol; of a consumer group always in that of consumers. */
  readonly assignmentBytes: Buffer
}

export function viewGroup(group: Group): GroupView {
  return {
    type: group.type,
    state: group.state,
    generation: group.generation,
    leader: group.leaderId,
    protocol: group.protocolName,
    members:
      group.type === 'consumer'
        ? consumerMembers(group)
        : group.members.map(({ memberId, groupInstanceId, clientId, assignment }) => ({
            memberId,
            groupInstanceId,
            clientId,
            assignment: assignedPartitions(assignment),
            assignmentBytes: assignment,
          })),
  }
}

function consumerMembers(group: ConsumerGroup): GroupView['members'] {
  return group.members.map(({ memberId, instanceId, clientId, assigned }) => {
    const topics = [...assigned].map(([topicId, partitions]) => ({ topic: group.topicName(topicId), partitions }))
    const assignment = Object.fromEntries(topics.map(({ topic, partitions: given }) => [topic, [...given]]))
    return { memberId, groupInstanceId: instanceId, clientId, assignment, assignmentBytes: encodeAssignment(topics) }
  })
}
