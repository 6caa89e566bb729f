/** The calls of a classic group member, one request each, for the scripts that ask what a coordinator answers. */

import {
  decodeConsumerProtocolAssignment,
  encodeConsumerProtocolAssignment,
  encodeConsumerProtocolSubscription,
  heartbeatV4,
  joinGroupV9,
  leaveGroupV5,
  offsetCommitV9,
  offsetFetchV9,
  syncGroupV5,
} from '@platformatic/kafka'
import { Wire } from './wire.ts'

export const protocolName = 'facts'
const sessionTimeoutMs = 6_000
const rebalanceTimeoutMs = 20_000

export type MemberOptions = {
  readonly group: string
  readonly topic: string
  readonly instanceId?: string
  readonly rebalanceTimeoutMs?: number
  readonly protocols?: readonly string[]
}
type Joined = Awaited<ReturnType<Member['join']>>

/** A member with two connections, because a JoinGroup may keep the one that it is sent on. */
export class Member {
  memberId = ''
  generation = -1
  /** What the latest SyncGroup gave. */
  assigned: readonly number[] = []
  readonly #options: MemberOptions
  readonly #main: Wire
  readonly #join: Wire

  private constructor(options: MemberOptions, main: Wire, join: Wire) {
    this.#options = options
    this.#main = main
    this.#join = join
  }

  static async open(bootstrap: string, options: MemberOptions): Promise<Member> {
    return new Member(options, await Wire.open(bootstrap), await Wire.open(bootstrap))
  }

  /** One JoinGroup, repeated with the id that the coordinator gave if it asked for that (79). */
  async join(): Promise<{
    errorCode: number
    leader: string
    members: readonly string[]
    gaveIdFirst: boolean
    protocolName: string | null
  }> {
    const asNew = await this.#joinOnce()
    const gaveIdFirst = asNew.errorCode === 79
    if (gaveIdFirst) this.memberId = asNew.memberId
    const answer = gaveIdFirst ? await this.#joinOnce() : asNew
    if (answer.errorCode === 0) {
      this.memberId = answer.memberId
      this.generation = answer.generationId
    }
    const members = answer.members.map((member) => member.memberId)
    return {
      errorCode: answer.errorCode,
      leader: answer.leader,
      members,
      gaveIdFirst,
      protocolName: answer.protocolName ?? null,
    }
  }

  #joinOnce() {
    const { group, topic, instanceId = null, protocols = [protocolName] } = this.#options
    const metadata = encodeConsumerProtocolSubscription({
      version: 1,
      topics: [topic],
      userData: '',
      ownedPartitions: [],
    })
    const rebalanceMs = this.#options.rebalanceTimeoutMs ?? rebalanceTimeoutMs
    const offered = protocols.map((name) => ({ name, metadata }))
    return this.#join.send(
      joinGroupV9.api,
      group,
      sessionTimeoutMs,
      rebalanceMs,
      this.memberId,
      instanceId,
      'consumer',
      offered,
      null,
    )
  }

  /** SyncGroup; a leader gives partition n to member n modulo the number of members. */
  async sync(joined: Joined, partitions = 0): Promise<number> {
    const assignments = joined.members.map((memberId, index) => {
      const own = Array.from({ length: partitions }, (_, partition) => partition)
      const mine = own.filter((partition) => partition % joined.members.length === index)
      return {
        memberId,
        assignment: encodeConsumerProtocolAssignment({
          version: 0,
          assignedPartitions: [{ topic: this.#options.topic, partitions: mine }],
        }),
      }
    })
    const { group, instanceId = null } = this.#options
    const leads = joined.leader === this.memberId ? assignments : []
    const answer = await this.#join.send(
      syncGroupV5.api,
      group,
      this.generation,
      this.memberId,
      instanceId,
      'consumer',
      joined.protocolName ?? protocolName,
      leads,
    )
    if (answer.errorCode === 0) {
      const { assignedPartitions } = decodeConsumerProtocolAssignment(answer.assignment)
      this.assigned = assignedPartitions.flatMap((topic) => topic.partitions)
    }
    return answer.errorCode
  }

  async heartbeat(generation = this.generation, memberId = this.memberId): Promise<number> {
    const { group, instanceId = null } = this.#options
    return (await this.#main.send(heartbeatV4.api, group, generation, memberId, instanceId)).errorCode
  }

  /** Error codes of a commit of the same offset for partitions 0 to `count` − 1. */
  async commit(offset: number, count = 1, generation = this.generation, memberId = this.memberId): Promise<number[]> {
    const partitions = Array.from({ length: count }, (_, partitionIndex) => ({
      partitionIndex,
      committedOffset: BigInt(offset),
      committedLeaderEpoch: -1,
      committedMetadata: `at ${offset}`,
    }))
    const { group, topic, instanceId = null } = this.#options
    const topics = [{ name: topic, partitions }]
    const answer = await this.#main.send(offsetCommitV9.api, group, generation, memberId, instanceId, topics)
    return answer.topics[0]?.partitions.map((partition) => partition.errorCode) ?? []
  }

  async leave(): Promise<number> {
    const { group, instanceId = null } = this.#options
    const answer = await this.#main.send(leaveGroupV5.api, group, [
      { memberId: this.memberId, groupInstanceId: instanceId, reason: null },
    ])
    return answer.errorCode || (answer.members?.[0]?.errorCode ?? 0)
  }

  async close(): Promise<void> {
    await this.#main.close()
    await this.#join.close()
  }
}

/** What the group has committed for one partition. */
export async function committed(
  wire: Wire,
  groupId: string,
  topic: string,
  partition = 0,
): Promise<{ readonly offset: number; readonly metadata: string | null; readonly errorCode: number }> {
  const topics = [{ name: topic, partitionIndexes: [partition] }]
  const answer = await wire.send(offsetFetchV9.api, [{ groupId, memberId: null, memberEpoch: -1, topics }], false)
  const answered = answer.groups[0]
  const found = answered?.topics[0]?.partitions[0]
  // An error of the whole group comes without partitions.
  if (found === undefined) return { offset: -1, metadata: null, errorCode: answered?.errorCode ?? Number.NaN }
  return { offset: Number(found.committedOffset), metadata: found.metadata ?? null, errorCode: found.errorCode }
}

/** Commits from outside the group, as a tool does. */
export async function commitAsTool(
  wire: Wire,
  groupId: string,
  topic: string,
  offset: number,
  metadata: string,
  partitionIndex = 0,
): Promise<number> {
  const partition = {
    partitionIndex,
    committedOffset: BigInt(offset),
    committedLeaderEpoch: -1,
    committedMetadata: metadata,
  }
  const topics = [{ name: topic, partitions: [partition] }]
  const answer = await wire.send(offsetCommitV9.api, groupId, -1, '', null, topics)
  return answer.topics[0]?.partitions[0]?.errorCode ?? Number.NaN
}

/** Takes members out of a group from outside, as a tool does. */
export async function removeAsTool(wire: Wire, groupId: string, memberIds: readonly string[]): Promise<number> {
  const members = memberIds.map((memberId) => ({ memberId, groupInstanceId: null, reason: null }))
  return (await wire.send(leaveGroupV5.api, groupId, members)).errorCode
}
