/** All groups of the cluster by id: finds or makes them, decides which protocol a group speaks, keeps their offsets, tells
 *  listeners about assignments.
 *
 *  Which node coordinates which group is decided in `core/cluster.ts`; handlers check that first. A group with members
 *  keeps its protocol: where Kafka would convert it while it runs, this one refuses, as Kafka does with
 *  `group.consumer.migration.policy=disabled`. An empty group becomes whatever the next member speaks. */

import { type BrokerClock, randomUuid } from '../core/clock.ts'
import { errorCode, type ErrorCode } from '../protocol/error-code.ts'
import { ClassicGroup } from './classic-group.ts'
import type { MemberStamp } from './commands.ts'
import { ConsumerGroup } from './consumer-group.ts'
import { type HeartbeatAnswer, type HeartbeatCommand, joiningEpoch, refusedHeartbeat } from './consumer-member.ts'
import type { ConsumerGroupSettings } from './consumer-settings.ts'
import { GroupOffsets } from './offsets.ts'
import { Retention, type RetentionSettings } from './retention.ts'
import type { GroupTopic } from './subscriptions.ts'
import type { TopicPartitions } from './topic-partitions.ts'

export type Group = ClassicGroup | ConsumerGroup

export type CoordinatorOptions = {
  readonly clock: BrokerClock
  readonly rebalanceDelayMs: number
  /** `group.max.size` */
  readonly membersMax: number
  /** Looked up at every use, because they can be altered while a group runs. */
  readonly consumerSettings: (groupId: string) => ConsumerGroupSettings
  readonly retention: () => RetentionSettings
  readonly topics: () => readonly GroupTopic[]
  readonly onAssigned: (group: Group) => void
}

export type KnownGroup = { readonly group: Group; readonly offsets: GroupOffsets }

export class GroupCoordinator {
  readonly #groups = new Map<string, KnownGroup>()
  readonly #options: CoordinatorOptions
  readonly #retention: Retention

  constructor(options: CoordinatorOptions) {
    this.#options = options
    this.#retention = new Retention(options.clock, options.retention)
  }

  get(groupId: string): KnownGroup | undefined {
    return this.#known.get(groupId)
  }

  /** The groups that are not forgotten by now. */
  get #known(): ReadonlyMap<string, KnownGroup> {
    for (const { group } of this.#retention.look(this.#groups.values())) {
      group.end()
      this.#groups.delete(group.id)
    }
    return this.#groups
  }

  /** Undefined for a group that does not exist or speaks the other protocol: its members are strangers to each other. */
  classic(groupId: string): ClassicGroup | undefined {
    const group = this.#known.get(groupId)?.group
    return group?.type === 'classic' ? group : undefined
  }

  all(): readonly KnownGroup[] {
    return [...this.#known.values()]
  }

  /** The group for a member of the classic protocol, made if need be; or why it cannot join. */
  forJoin(groupId: string, memberId: string): ClassicGroup | ErrorCode {
    const group = this.#known.get(groupId)?.group
    if (group?.type === 'classic') return group
    if (group !== undefined && group.state !== 'empty') return errorCode.inconsistentGroupProtocol
    return memberId === '' ? this.#put(this.#newClassic(groupId)).group : errorCode.unknownMemberId
  }

  /** A heartbeat of the consumer protocol; one that joins makes the group if need be. */
  heartbeat(groupId: string, command: HeartbeatCommand): HeartbeatAnswer {
    const known = this.#known.get(groupId)?.group
    if (known?.type === 'consumer') return known.heartbeat(command)
    const problem = consumerProblem(groupId, known, command)
    if (problem !== undefined) return refusedHeartbeat(errorCode.groupIdNotFound, problem)
    // Kept only if its first member is let in.
    const group = this.#newConsumer(groupId)
    const answer = group.heartbeat(command)
    if (answer.errorCode === errorCode.none) this.#put(group)
    else group.end()
    return answer
  }

  #put<G extends Group>(group: G): { readonly group: G; readonly offsets: GroupOffsets } {
    const replaced = this.#groups.get(group.id)
    replaced?.group.end()
    const known = { group, offsets: replaced?.offsets ?? new GroupOffsets(() => this.#options.clock.epochMs()) }
    this.#groups.set(group.id, known)
    return known
  }

  #newClassic(groupId: string): ClassicGroup {
    const { clock, rebalanceDelayMs, membersMax, onAssigned } = this.#options
    const newMemberId = (prefix: string): string => `${prefix}-${randomUuid(clock)}`
    return new ClassicGroup(groupId, { clock, rebalanceDelayMs, membersMax, onAssigned, newMemberId })
  }

  #newConsumer(groupId: string): ConsumerGroup {
    const { clock, topics, onAssigned, consumerSettings } = this.#options
    return new ConsumerGroup(groupId, {
      clock,
      topics,
      onAssigned,
      settings: () => consumerSettings(groupId),
      newMemberId: () => Buffer.from(randomUuid(clock).replaceAll('-', ''), 'hex').toString('base64url'),
    })
  }

  /** Where a commit under this stamp may go, or why not. A commit without a generation makes the group if need be. */
  forCommit(groupId: string, stamp: MemberStamp, version: number, partitions: TopicPartitions): KnownGroup | ErrorCode {
    const known = this.#known.get(groupId)
    if (known === undefined) {
      if (stamp.generationId < 0) return this.#put(this.#newClassic(groupId))
      return version >= 9 ? errorCode.groupIdNotFound : errorCode.illegalGeneration
    }
    const refusal = known.group.checkCommit(stamp, version, partitions)
    return refusal === errorCode.none ? known : refusal
  }

  /** As `forCommit`, for the offsets of a transaction. */
  forTransactionalCommit(groupId: string, stamp: MemberStamp, partitions: TopicPartitions): KnownGroup | ErrorCode {
    const known = this.#known.get(groupId)
    if (known === undefined) {
      return stamp.generationId < 0 ? this.#put(this.#newClassic(groupId)) : errorCode.illegalGeneration
    }
    const refusal = known.group.checkTransactionalCommit(stamp, partitions)
    return refusal === errorCode.none ? known : refusal
  }

  delete(groupId: string): ErrorCode {
    const known = this.#known.get(groupId)
    if (known === undefined) return errorCode.groupIdNotFound
    if (known.group.state !== 'empty') return errorCode.nonEmptyGroup
    known.group.end()
    this.#groups.delete(groupId)
    return errorCode.none
  }

  /** Offsets of a deleted topic go with it. */
  forgetTopic(topic: string): void {
    for (const { offsets } of this.#groups.values()) offsets.forgetTopic(topic)
  }

  close(): void {
    for (const { group } of this.#groups.values()) group.end()
  }
}

/** Why a member of the consumer protocol finds no group of its own; undefined if one can be made. */
function consumerProblem(
  groupId: string,
  classic: ClassicGroup | undefined,
  { memberEpoch }: HeartbeatCommand,
): string | undefined {
  if (memberEpoch !== joiningEpoch) {
    if (classic !== undefined) return `Group ${groupId} is not a consumer group.`
    return memberEpoch < 0 ? `Group ${groupId} not found.` : `Consumer group ${groupId} not found.`
  }
  if (classic === undefined || classic.state === 'empty') return undefined
  const reason =
    classic.protocolType === 'consumer'
      ? 'online upgrade is disabled'
      : 'the group does not use the consumer embedded protocol'
  return `Cannot upgrade classic group ${groupId} to consumer group because ${reason}.`
}
