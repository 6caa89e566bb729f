/** A member of a classic group that does exactly what it is told: one request per call, no heartbeats of its own. */

import { type DecodedResponse, type GivenRequest } from '../../../packages/broker/src/protocol/apis.ts'
import { type Ground, type Wire } from '../row.ts'

/** Long enough that nothing expires while a row runs. */
const patientMs = 30_000
const memberIdRequired = 79

export type JoinAnswer = DecodedResponse<'JoinGroup'>
export type SyncAnswer = DecodedResponse<'SyncGroup'>
export type DescribedGroup = DecodedResponse<'DescribeGroups'>['groups'][number]

export class ClassicMember {
  readonly groupId: string
  readonly wire: Wire
  memberId = ''
  generationId = -1
  groupInstanceId: string | null

  constructor(wire: Wire, groupId: string, groupInstanceId: string | null = null) {
    this.wire = wire
    this.groupId = groupId
    this.groupInstanceId = groupInstanceId
  }

  /** On a connection of its own, because a join that waits holds it up. */
  static async of(ground: Ground, groupId: string, groupInstanceId: string | null = null): Promise<ClassicMember> {
    return new ClassicMember(await ground.coordinator(groupId), groupId, groupInstanceId)
  }

  /** One JoinGroup, as it is answered. */
  async tryJoin(given: GivenRequest<'JoinGroup'> = {}, version = 9): Promise<JoinAnswer> {
    const { groupId, memberId, groupInstanceId } = this
    const answer = await this.wire.call('JoinGroup', version, {
      groupId,
      memberId,
      groupInstanceId,
      sessionTimeoutMs: patientMs,
      rebalanceTimeoutMs: patientMs,
      protocolType: 'consumer',
      protocols: [protocol('range')],
      ...given,
    })
    if (answer.errorCode === 0) this.generationId = answer.generationId
    if (answer.errorCode === 0 || answer.errorCode === memberIdRequired) this.memberId = answer.memberId
    return answer
  }

  /** Joins; asks a second time with the id that it was told to use. */
  async join(given: GivenRequest<'JoinGroup'> = {}, version = 9): Promise<JoinAnswer> {
    const answer = await this.tryJoin(given, version)
    return answer.errorCode === memberIdRequired ? this.tryJoin(given, version) : answer
  }

  sync(given: GivenRequest<'SyncGroup'> = {}, version = 5): Promise<SyncAnswer> {
    const { groupId, memberId, generationId, groupInstanceId } = this
    return this.wire.call('SyncGroup', version, {
      groupId,
      memberId,
      generationId,
      groupInstanceId,
      protocolType: 'consumer',
      protocolName: 'range',
      ...given,
    })
  }

  async heartbeat(given: GivenRequest<'Heartbeat'> = {}, version = 4): Promise<number> {
    const { groupId, memberId, generationId, groupInstanceId } = this
    const request = { groupId, memberId, generationId, groupInstanceId, ...given }
    return (await this.wire.call('Heartbeat', version, request)).errorCode
  }

  /** The code of the first partition. */
  async commit(
    topic: string,
    offset: number,
    given: GivenRequest<'OffsetCommit'> = {},
    version = 9,
  ): Promise<number | undefined> {
    const { groupId, memberId, generationId, groupInstanceId } = this
    const partitions = [{ partitionIndex: 0, committedOffset: offset, committedMetadata: '' }]
    const answer = await this.wire.call('OffsetCommit', version, {
      groupId,
      memberId,
      generationIdOrMemberEpoch: generationId,
      groupInstanceId,
      topics: [{ name: topic, partitions }],
      ...given,
    })
    return answer.topics[0]?.partitions[0]?.errorCode
  }

  async leave(): Promise<number> {
    const { groupId, memberId } = this
    return (await this.wire.call('LeaveGroup', 2, { groupId, memberId })).errorCode
  }
}

/** A protocol with a subscription that Kafka can read. */
export function protocol(name: string, topic = 'any'): { name: string; metadata: Buffer } {
  const topicBytes = Buffer.from(topic)
  const metadata = Buffer.alloc(2 + 4 + 2 + topicBytes.length + 4)
  metadata.writeInt32BE(1, 2)
  metadata.writeInt16BE(topicBytes.length, 6)
  topicBytes.copy(metadata, 8)
  metadata.writeInt32BE(-1, 8 + topicBytes.length)
  return { name, metadata }
}

/** The only member of a stable group. */
export async function loneMember(
  ground: Ground,
  groupId: string = ground.name('group'),
  given: GivenRequest<'JoinGroup'> = {},
): Promise<ClassicMember> {
  const member = await ClassicMember.of(ground, groupId)
  await member.join(given)
  await member.sync({ assignments: [{ memberId: member.memberId, assignment: Buffer.from('all') }] })
  return member
}

/** Two members of a stable group; the first leads it. */
export async function twoMembers(
  ground: Ground,
  given: GivenRequest<'JoinGroup'> = {},
): Promise<readonly [leader: ClassicMember, follower: ClassicMember]> {
  const leader = await loneMember(ground, ground.name('group'), given)
  const follower = await ClassicMember.of(ground, leader.groupId)
  const joining = follower.join(given)
  await untilRebalancing(ground, leader)
  await Promise.all([joining, leader.join(given)])
  const assignments = [leader, follower].map(({ memberId }) => ({ memberId, assignment: Buffer.from(memberId) }))
  await Promise.all([leader.sync({ assignments }), follower.sync()])
  return [leader, follower]
}

/** Resolves when the group waits for its members to join again. */
export function untilRebalancing(ground: Ground, member: ClassicMember): Promise<void> {
  return ground.until(async () => (await member.heartbeat()) === 27, `group ${member.groupId} rebalances`)
}

/** A group as DescribeGroups tells it, once it is in that state with so many members. Kafka describes what it has written
 *  down, which may be a moment behind what it has answered. */
export async function describedAs(
  ground: Ground,
  groupId: string,
  state: string,
  members?: number,
): Promise<DescribedGroup> {
  const wire = await ground.coordinator(groupId)
  let found: DescribedGroup | undefined
  await ground.until(async () => {
    found = (await wire.call('DescribeGroups', 5, { groups: [groupId] })).groups[0]
    return found?.groupState === state && (members === undefined || found.members.length === members)
  }, `group ${groupId} is ${state}`)
  return found as DescribedGroup
}
