/** One member of a consumer group: what it asked for, and how far it has come towards what it was given. A value; its
 *  timers belong to `consumer-group.ts`. */

import { errorCode, type ErrorCode } from '../protocol/error-code.ts'
import { filtered, has, noPartitions, type TopicPartitions, without } from './topic-partitions.ts'

/** `stable`: has what the target says. `unrevoked`: must first confirm that it gave partitions up. `unreleased`: has
 *  moved to the target epoch and waits for partitions that others still hold. */
export type Reconciliation = 'stable' | 'unrevoked' | 'unreleased'

export type ConsumerMember = {
  readonly memberId: string
  readonly instanceId: string | null
  readonly rackId: string | null
  readonly clientId: string
  readonly rebalanceTimeoutMs: number
  readonly topicNames: ReadonlySet<string>
  /** RE2 syntax; empty for none. */
  readonly topicRegex: string
  /** Null leaves the choice to the others, and in the end to the broker. */
  readonly assignor: string | null
  /** 0 before the first answer, `awayEpoch` while a static member is gone and may come back. */
  readonly epoch: number
  /** The epoch before: a member whose last answer was lost may still speak with it. */
  readonly previousEpoch: number
  readonly reconciliation: Reconciliation
  /** What it may work on. */
  readonly assigned: TopicPartitions
  /** What it must give up, and holds until it says that it has. */
  readonly revoking: TopicPartitions
  /** The epoch in which each partition that it holds was given to it, by `placeOf`: whoever had it in that epoch already
   *  may commit it with an epoch that is behind (KIP-1251). */
  readonly heldSince: ReadonlyMap<string, number>
}

/** A heartbeat with this epoch joins, or comes back after being fenced. */
export const joiningEpoch = 0
/** A heartbeat with this epoch leaves the group. */
export const leavingEpoch = -1
/** A heartbeat with this epoch takes a static member away for a while. */
export const awayEpoch = -2

export type HeartbeatCommand = {
  readonly memberId: string
  readonly memberEpoch: number
  readonly instanceId: string | null
  readonly rackId: string | null
  readonly clientId: string
  /** −1: as before. */
  readonly rebalanceTimeoutMs: number
  /** Null: as before. */
  readonly topicNames: readonly string[] | null
  /** Null: as before. */
  readonly topicRegex: string | null
  /** Null: as before. */
  readonly assignor: string | null
  /** What the member holds; null when it does not say. */
  readonly owned: TopicPartitions | null
}

export type HeartbeatAnswer = {
  readonly errorCode: ErrorCode
  readonly errorMessage: string | null
  readonly memberId: string | null
  readonly memberEpoch: number
  readonly heartbeatIntervalMs: number
  /** Null: nothing has changed for the member. */
  readonly assignment: TopicPartitions | null
}

export type Refused = { readonly code: ErrorCode; readonly message: string }

export function refusedHeartbeat(code: ErrorCode, errorMessage: string | null): HeartbeatAnswer {
  return { errorCode: code, errorMessage, memberId: null, memberEpoch: 0, heartbeatIntervalMs: 0, assignment: null }
}

export function newConsumerMember(memberId: string): ConsumerMember {
  return {
    memberId,
    instanceId: null,
    rackId: null,
    clientId: '',
    rebalanceTimeoutMs: -1,
    topicNames: new Set(),
    topicRegex: '',
    assignor: null,
    epoch: joiningEpoch,
    previousEpoch: leavingEpoch,
    reconciliation: 'stable',
    assigned: noPartitions,
    revoking: noPartitions,
    heldSince: new Map(),
  }
}

/** The member with what its heartbeat says anew. */
export function updatedMember(member: ConsumerMember, command: HeartbeatCommand): ConsumerMember {
  return {
    ...member,
    clientId: command.clientId,
    instanceId: command.instanceId ?? member.instanceId,
    rackId: command.rackId ?? member.rackId,
    rebalanceTimeoutMs: command.rebalanceTimeoutMs === -1 ? member.rebalanceTimeoutMs : command.rebalanceTimeoutMs,
    topicNames: command.topicNames === null ? member.topicNames : new Set(command.topicNames),
    topicRegex: command.topicRegex ?? member.topicRegex,
    assignor: command.assignor ?? member.assignor,
  }
}

export function placeOf(topicId: string, partition: number): string {
  return `${topicId} ${partition}`
}

/** Whether the member has held all of these since that epoch. */
export function heldIn(member: ConsumerMember, epoch: number, partitions: TopicPartitions): boolean {
  const isNewer = (topicId: string, partition: number): boolean =>
    (member.heldSince.get(placeOf(topicId, partition)) ?? Infinity) > epoch
  return filtered(partitions, isNewer).size === 0
}

/** The partitions that nobody else may be given. */
export function isHeldBy(member: ConsumerMember, topicId: string, partition: number): boolean {
  return has(member.assigned, topicId, partition) || has(member.revoking, topicId, partition)
}

/** A heartbeat that says everything asks for everything: after joining, or after an answer that was lost. */
export function isComplete(command: HeartbeatCommand): boolean {
  if (command.memberEpoch === joiningEpoch) return true
  const namesTopics = command.topicNames !== null || command.topicRegex !== null
  return command.rebalanceTimeoutMs !== -1 && namesTopics && command.owned !== null
}

/** Why a member may not speak in this epoch; undefined if it may, or if there is no such member. */
export function epochProblem(
  member: ConsumerMember | undefined,
  { memberEpoch, owned }: HeartbeatCommand,
): Refused | undefined {
  if (member === undefined || memberEpoch === joiningEpoch || memberEpoch === member.epoch) return undefined
  const isAhead = memberEpoch > member.epoch
  // The answer that moved the member on may have been lost.
  const hasMissedAnswer =
    memberEpoch === member.previousEpoch && owned !== null && without(owned, member.assigned).size === 0
  if (!isAhead && hasMissedAnswer) return undefined
  const message =
    `The consumer group member has a ${isAhead ? 'greater' : 'smaller'} member epoch (${memberEpoch}) than the one known ` +
    `by the group coordinator (${member.epoch}). The member must abandon all its partitions and rejoin.`
  return { code: errorCode.fencedMemberEpoch, message }
}
