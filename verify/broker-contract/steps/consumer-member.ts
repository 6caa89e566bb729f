/** A member of a consumer group (KIP-848) that does exactly what it is told: one heartbeat per call. It remembers its epoch
 *  and what it was given, and `settled` plays the well-behaved client. */

import { type DecodedResponse, type GivenRequest } from '../../../packages/broker/src/protocol/apis.ts'
import { type Ground, type Wire } from '../row.ts'

/** Long enough that nothing expires while a row runs. */
const patientMs = 30_000
const groupResource = 32
const setConfig = 0

export type HeartbeatAnswer = DecodedResponse<'ConsumerGroupHeartbeat'>
export type DescribedConsumerGroup = DecodedResponse<'ConsumerGroupDescribe'>['groups'][number]
export type OwnedPartitions = NonNullable<HeartbeatAnswer['assignment']>['topicPartitions']

export class ConsumerMember {
  readonly groupId: string
  readonly wire: Wire
  readonly memberId: string
  readonly instanceId: string | null
  epoch = 0
  assigned: OwnedPartitions = []

  constructor(wire: Wire, groupId: string, memberId: string, instanceId: string | null = null) {
    this.wire = wire
    this.groupId = groupId
    this.memberId = memberId
    this.instanceId = instanceId
  }

  static async of(
    ground: Ground,
    groupId: string = ground.name('group'),
    instanceId: string | null = null,
  ): Promise<ConsumerMember> {
    return new ConsumerMember(await ground.coordinator(groupId), groupId, ground.name('member'), instanceId)
  }

  /** Another process on the same connection. */
  other(instanceId: string | null = null): ConsumerMember {
    return new ConsumerMember(this.wire, this.groupId, `${this.memberId}-${nextLetter()}`, instanceId)
  }

  /** One heartbeat with the epoch that the member knows. */
  async heartbeat(given: GivenRequest<'ConsumerGroupHeartbeat'> = {}, version = 1): Promise<HeartbeatAnswer> {
    const { groupId, memberId, epoch: memberEpoch, instanceId } = this
    const answer = await this.wire.call('ConsumerGroupHeartbeat', version, {
      groupId,
      memberId,
      memberEpoch,
      instanceId,
      rackId: null,
      rebalanceTimeoutMs: -1,
      subscribedTopicNames: null,
      subscribedTopicRegex: null,
      serverAssignor: null,
      topicPartitions: null,
      ...given,
    })
    if (answer.errorCode === 0) {
      this.epoch = answer.memberEpoch
      this.assigned = answer.assignment?.topicPartitions ?? this.assigned
    }
    return answer
  }

  /** The heartbeat that joins, or comes back. */
  join(
    topics: readonly string[] | null,
    given: GivenRequest<'ConsumerGroupHeartbeat'> = {},
    version = 1,
  ): Promise<HeartbeatAnswer> {
    const full = { rebalanceTimeoutMs: patientMs, subscribedTopicNames: topics, topicPartitions: [] }
    return this.heartbeat({ ...full, memberEpoch: 0, ...given }, version)
  }

  /** A heartbeat that says what the member holds: all that it was given and nothing else. */
  acknowledge(): Promise<HeartbeatAnswer> {
    return this.heartbeat({ topicPartitions: this.assigned })
  }

  leave(memberEpoch: -1 | -2 = -1): Promise<HeartbeatAnswer> {
    return this.heartbeat({ memberEpoch })
  }

  /** The code of the first partition. */
  async commit(
    topic: string,
    offset = 1,
    given: GivenRequest<'OffsetCommit'> = {},
    version = 9,
  ): Promise<number | undefined> {
    const { groupId, memberId, epoch, instanceId: groupInstanceId } = this
    const partitions = [{ partitionIndex: 0, committedOffset: offset, committedLeaderEpoch: -1, committedMetadata: '' }]
    const answer = await this.wire.call('OffsetCommit', version, {
      groupId,
      memberId,
      generationIdOrMemberEpoch: epoch,
      groupInstanceId,
      topics: [{ name: topic, partitions }],
      ...given,
    })
    return answer.topics[0]?.partitions[0]?.errorCode
  }

  async fetchCode(given: { readonly memberId?: string | null; readonly memberEpoch?: number } = {}): Promise<number> {
    const { groupId, memberId, epoch: memberEpoch } = this
    const group = { groupId, memberId, memberEpoch, topics: null, ...given }
    const answer = await this.wire.call('OffsetFetch', 9, { groups: [group], requireStable: false })
    return answer.groups[0]?.errorCode ?? Number.NaN
  }

  describe(version = 1): Promise<DescribedConsumerGroup> {
    return describeConsumerGroup(this.wire, this.groupId, version)
  }
}

let letters = 0
function nextLetter(): string {
  letters += 1
  return letters.toString(36)
}

export async function describeConsumerGroup(wire: Wire, groupId: string, version = 1): Promise<DescribedConsumerGroup> {
  const request = { groupIds: [groupId], includeAuthorizedOperations: false }
  const group = (await wire.call('ConsumerGroupDescribe', version, request)).groups[0]
  if (group === undefined) throw new Error(`the answer does not name group ${groupId}`)
  return group
}

/** Sends heartbeats until the group is stable, each member giving up and taking what it is told. */
export async function settled(ground: Ground, ...members: readonly ConsumerMember[]): Promise<DescribedConsumerGroup> {
  let group: DescribedConsumerGroup | undefined
  await ground.until(async () => {
    for (const member of members) {
      const { errorCode, errorMessage } = await member.acknowledge()
      if (errorCode !== 0) throw new Error(`${member.memberId} is refused: ${errorCode} ${errorMessage}`)
    }
    group = await members[0]?.describe()
    return group?.groupState === 'Stable'
  }, `group ${members[0]?.groupId} is stable`)
  return group as DescribedConsumerGroup
}

/** Sends plain heartbeats until one gives another assignment. Acknowledges nothing. */
export async function nextAssignment(ground: Ground, member: ConsumerMember): Promise<OwnedPartitions> {
  let given: OwnedPartitions | undefined
  await ground.until(async () => {
    const { errorCode, errorMessage, assignment } = await member.heartbeat()
    if (errorCode !== 0) throw new Error(`${member.memberId} is refused: ${errorCode} ${errorMessage}`)
    given = assignment?.topicPartitions
    return given !== undefined
  }, `${member.memberId} is given something else`)
  return given as OwnedPartitions
}

/** The partitions of an assignment as one list, for groups of one topic. */
export function indexes(partitions: OwnedPartitions): readonly number[] {
  return partitions.flatMap((topic) => topic.partitions).toSorted((a, b) => a - b)
}

/** A group of one member that has everything, at epoch 2. */
export async function loneConsumer(
  ground: Ground,
  topic: string,
  given: GivenRequest<'ConsumerGroupHeartbeat'> = {},
): Promise<ConsumerMember> {
  const member = await ConsumerMember.of(ground)
  await member.join([topic], given)
  await settled(ground, member)
  return member
}

/** Sets the configuration of one group; resolves when it is in force. */
export async function configureGroup(
  ground: Ground,
  groupId: string,
  configs: Readonly<Record<string, string>>,
): Promise<void> {
  const entries = Object.entries(configs).map(([name, value]) => ({ name, configOperation: setConfig, value }))
  const wire = await ground.node()
  const resources = [{ resourceType: groupResource, resourceName: groupId, configs: entries }]
  const { responses } = await wire.call('IncrementalAlterConfigs', 1, { resources, validateOnly: false })
  if (responses[0]?.errorCode !== 0)
    throw new Error(`group ${groupId} was not configured: ${responses[0]?.errorMessage}`)
  await ground.until(async () => {
    const asked = [{ resourceType: groupResource, resourceName: groupId, configurationKeys: Object.keys(configs) }]
    const coordinator = await ground.coordinator(groupId)
    const { results } = await coordinator.call('DescribeConfigs', 4, { resources: asked })
    coordinator.close()
    return results[0]?.configs.every(({ name, value }) => configs[name] === value) ?? false
  }, `group ${groupId} is configured`)
}
