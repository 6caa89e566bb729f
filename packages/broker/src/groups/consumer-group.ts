/** The state machine of one group of the consumer protocol (KIP-848), rule for rule that of Kafka 4.3's coordinator.
 *
 *      empty ──join──▶ assigning ──target computed──▶ reconciling ──every member has what it should──▶ stable
 *                          ▲                              │                                              │
 *                          ╰── join, leave, expiry, another subscription, topics that come, grow or go ──╯
 *
 *  The group's epoch counts the reasons for a new assignment, the target's epoch says which of them it answers, and each
 *  member follows in its own heartbeats (`reconciliation.ts`). Who gets what is decided in `assignors.ts`, which topics
 *  are wanted in `subscriptions.ts`. Members that speak the classic protocol are not let in. */

import type { BrokerClock, BrokerTimer } from '../core/clock.ts'
import { errorCode, type ErrorCode } from '../protocol/error-code.ts'
import { assignors } from './assignors.ts'
import type { MemberStamp } from './commands.ts'
import {
  awayEpoch,
  type ConsumerMember,
  epochProblem,
  type HeartbeatAnswer,
  type HeartbeatCommand,
  heldIn,
  isComplete,
  isHeldBy,
  joiningEpoch,
  leavingEpoch,
  newConsumerMember,
  refusedHeartbeat,
  type Refused,
  updatedMember,
} from './consumer-member.ts'
import type { ConsumerGroupSettings } from './consumer-settings.ts'
import { reconcile } from './reconciliation.ts'
import { type GroupTopic, Subscriptions } from './subscriptions.ts'
import { areEqual, noPartitions, type TopicPartitions } from './topic-partitions.ts'
import { RegexProblem } from './topic-regex.ts'

export type ConsumerGroupState = 'empty' | 'assigning' | 'reconciling' | 'stable' | 'dead'

export type ConsumerGroupOptions = {
  readonly clock: BrokerClock
  /** Looked up at every use. */
  readonly settings: () => ConsumerGroupSettings
  readonly topics: () => readonly GroupTopic[]
  /** For a member that brings no id, which only version 0 of the heartbeat allows. */
  readonly newMemberId: () => string
  /** The group has come to rest: every member has what it should. */
  readonly onAssigned: (group: ConsumerGroup) => void
}

/** Kafka 4.3 begins here, so the first member finds epoch 2. */
const firstEpoch = 1
/** The first version of OffsetCommit in which a member epoch can stand. */
const firstCommitVersion = 9

export class ConsumerGroup {
  readonly type = 'consumer'
  readonly id: string
  readonly #options: ConsumerGroupOptions
  readonly #members = new Map<string, ConsumerMember>()
  readonly #instances = new Map<string, string>()
  readonly #sessions = new Map<string, BrokerTimer>()
  readonly #revocations = new Map<string, BrokerTimer>()
  readonly #subscriptions: Subscriptions
  #target: ReadonlyMap<string, TopicPartitions> = new Map()
  #epoch = firstEpoch
  #targetEpoch = firstEpoch
  #assignedAtMs = -Infinity
  #emptySinceMs: number
  #isDead = false
  #restedAt = firstEpoch

  constructor(id: string, options: ConsumerGroupOptions) {
    this.id = id
    this.#options = options
    this.#subscriptions = new Subscriptions(options.topics)
    this.#emptySinceMs = options.clock.epochMs()
  }

  get state(): ConsumerGroupState {
    if (this.#isDead) return 'dead'
    if (this.#members.size === 0) return 'empty'
    if (this.#epoch > this.#targetEpoch) return 'assigning'
    const isDone = this.members.every((each) => each.reconciliation === 'stable' && each.epoch === this.#targetEpoch)
    return isDone ? 'stable' : 'reconciling'
  }

  /** Counts the reasons for a new assignment. */
  get generation(): number {
    return this.#epoch
  }

  get assignmentEpoch(): number {
    return this.#targetEpoch
  }

  /** The assignor that most members ask for; without a wish the first of the broker's. */
  get protocolName(): string {
    const votes = (name: string): number => this.members.filter(({ assignor }) => assignor === name).length
    return [...assignors.keys()].reduce((best, name) => (votes(name) > votes(best) ? name : best))
  }

  /** Nobody: the broker assigns. */
  get leaderId(): string {
    return ''
  }

  get members(): readonly ConsumerMember[] {
    return [...this.#members.values()]
  }

  /** Undefined while somebody is in it. */
  get emptySinceMs(): number | undefined {
    return this.#members.size === 0 ? this.#emptySinceMs : undefined
  }

  /** Since when an offset of a topic that nobody subscribes to is of no use, in milliseconds since 1970. */
  unusedSince(committedAtMs: number): number | undefined {
    return committedAtMs
  }

  /** What a member is to have in the end. */
  targetOf(memberId: string): TopicPartitions {
    return this.#target.get(memberId) ?? noPartitions
  }

  topicName(topicId: string): string {
    return this.#subscriptions.nameOf(topicId)
  }

  isSubscribedTo(topic: string): boolean {
    return this.#subscriptions.includes(this.members, topic)
  }

  // --- heartbeats ---

  heartbeat(command: HeartbeatCommand): HeartbeatAnswer {
    if (command.memberEpoch === leavingEpoch || command.memberEpoch === awayEpoch) return this.#leave(command)
    const memberId = command.memberId === '' ? this.#options.newMemberId() : command.memberId
    const problem = this.#problem({ ...command, memberId })
    if (problem !== undefined) return refusedHeartbeat(problem.code, problem.message)

    const before = this.#admitted(memberId, command)
    const member = updatedMember(before, command)
    this.#put(member)
    this.#renewSession(memberId)
    const wantsOtherTopics = this.#wantsOtherTopics(before, member)
    // Asked in any case: it remembers what it saw.
    const haveTopicsChanged = this.#subscriptions.haveChanged(this.members)
    if (wantsOtherTopics || haveTopicsChanged) this.#epoch += 1
    this.#computeTargetIfDue()
    const reconciled = this.#reconcile(member, command.owned)
    this.#announceRest()

    const hasMoved = !areEqual(before.assigned, reconciled.assigned)
    return {
      errorCode: errorCode.none,
      errorMessage: null,
      memberId,
      memberEpoch: reconciled.epoch,
      heartbeatIntervalMs: this.#options.settings().heartbeatIntervalMs,
      assignment: hasMoved || isComplete(command) ? reconciled.assigned : null,
    }
  }

  #problem(command: HeartbeatCommand): Refused | undefined {
    const { memberId, topicRegex } = command
    const { membersMax } = this.#options.settings()
    if (this.#members.size >= membersMax && !this.#members.has(memberId)) {
      const message = `The consumer group has reached its maximum capacity of ${membersMax} members.`
      return { code: errorCode.groupMaxSizeReached, message }
    }
    const refusal = this.#identityProblem(command)
    if (refusal !== undefined) return refusal
    try {
      if (topicRegex !== null && topicRegex !== '') this.#subscriptions.learn(topicRegex)
    } catch (error) {
      if (!(error instanceof RegexProblem)) throw error
      const message = `SubscribedTopicRegex \`${topicRegex}\` is not a valid regular expression: ${error.message}.`
      return { code: errorCode.invalidRegularExpression, message }
    }
    return undefined
  }

  #identityProblem(command: HeartbeatCommand): Refused | undefined {
    const { memberId, memberEpoch, instanceId } = command
    if (instanceId === null) {
      const member = this.#members.get(memberId)
      if (member !== undefined) return epochProblem(member, command)
      return memberEpoch === joiningEpoch ? undefined : this.#unknownMember(memberId)
    }
    const owner = this.#members.get(this.#instances.get(instanceId) ?? '')
    if (memberEpoch !== joiningEpoch) return this.#instanceProblem(memberId, instanceId) ?? epochProblem(owner, command)
    if (owner === undefined || owner.epoch === awayEpoch) return undefined
    const message =
      `Static member ${memberId} with instance id ${instanceId} cannot join the group because the instance id is ` +
      `owned by ${owner.memberId} member.`
    return { code: errorCode.unreleasedInstanceId, message }
  }

  #instanceProblem(memberId: string, instanceId: string): Refused | undefined {
    const owner = this.#instances.get(instanceId)
    if (owner === undefined) {
      return { code: errorCode.unknownMemberId, message: `Instance id ${instanceId} is unknown.` }
    }
    if (owner === memberId) return undefined
    const message = `Static member ${memberId} with instance id ${instanceId} was fenced by member ${owner}.`
    return { code: errorCode.fencedInstanceId, message }
  }

  #unknownMember(memberId: string): Refused {
    return { code: errorCode.unknownMemberId, message: `Member ${memberId} is not a member of group ${this.id}.` }
  }

  /** The member as it was before this heartbeat: new, known, or one that takes the place of a static member that is away. */
  #admitted(memberId: string, { memberEpoch, instanceId }: HeartbeatCommand): ConsumerMember {
    const awayId = memberEpoch === joiningEpoch && instanceId !== null ? this.#instances.get(instanceId) : undefined
    const away = awayId === undefined ? undefined : this.#members.get(awayId)
    if (away === undefined) return this.#members.get(memberId) ?? newConsumerMember(memberId)
    const target = new Map(this.#target)
    target.delete(away.memberId)
    target.set(memberId, this.targetOf(away.memberId))
    this.#forget(away)
    this.#target = target
    const heldSince = new Map([...away.heldSince.keys()].map((place) => [place, joiningEpoch]))
    const successor = { ...away, memberId, epoch: joiningEpoch, previousEpoch: joiningEpoch, heldSince }
    this.#put(successor)
    return successor
  }

  #put(member: ConsumerMember): void {
    this.#members.set(member.memberId, member)
    if (member.instanceId !== null) this.#instances.set(member.instanceId, member.memberId)
  }

  /** Looking for the topics of a new pattern takes a moment; until then it matches none and changes nothing. */
  #wantsOtherTopics(before: ConsumerMember, { topicNames, topicRegex }: ConsumerMember): boolean {
    const hasOtherNames =
      before.topicNames.size !== topicNames.size || [...topicNames].some((name) => !before.topicNames.has(name))
    if (before.topicRegex === topicRegex) return hasOtherNames
    if (this.#subscriptions.learn(topicRegex) === 'resolved') return true
    this.#options.clock.setTimer(0, () => this.#subscriptions.resolve(topicRegex))
    return hasOtherNames
  }

  // --- assignments ---

  #computeTargetIfDue(): void {
    const nowMs = this.#options.clock.monotonicMs()
    if (this.#epoch === this.#targetEpoch) return
    if (nowMs - this.#assignedAtMs < this.#options.settings().assignmentIntervalMs) return
    const assign = assignors.get(this.protocolName) as NonNullable<ReturnType<typeof assignors.get>>
    const members = this.members.map((member) => ({
      memberId: member.memberId,
      instanceId: member.instanceId,
      subscribed: this.#subscriptions.of(member),
      previous: this.targetOf(member.memberId),
    }))
    this.#target = assign(members, this.#subscriptions.topicsOf(this.members))
    this.#targetEpoch = this.#epoch
    this.#assignedAtMs = nowMs
  }

  #reconcile(member: ConsumerMember, owned: TopicPartitions | null): ConsumerMember {
    const others = this.members.filter((other) => other.memberId !== member.memberId)
    const reconciled = reconcile(member, {
      targetEpoch: this.#targetEpoch,
      target: this.targetOf(member.memberId),
      subscribed: this.#subscriptions.of(member),
      owned,
      isHeldByOthers: (topicId, partition) => others.some((other) => isHeldBy(other, topicId, partition)),
    })
    if (reconciled !== member) {
      this.#put(reconciled)
      this.#limitRevocation(reconciled)
    }
    return reconciled
  }

  /** Who does not give up what it must within its rebalance timeout is out. */
  #limitRevocation({ memberId, epoch, reconciliation, rebalanceTimeoutMs }: ConsumerMember): void {
    this.#revocations.get(memberId)?.cancel()
    this.#revocations.delete(memberId)
    if (reconciliation !== 'unrevoked') return
    const timer = this.#options.clock.setTimer(Math.max(0, rebalanceTimeoutMs), () => {
      const member = this.#members.get(memberId)
      if (member?.epoch === epoch) this.#remove(member)
    })
    this.#revocations.set(memberId, timer)
  }

  #announceRest(): void {
    if (this.#restedAt === this.#epoch || this.state !== 'stable') return
    this.#restedAt = this.#epoch
    this.#options.onAssigned(this)
  }

  // --- leaving ---

  #leave({ memberId, memberEpoch, instanceId }: HeartbeatCommand): HeartbeatAnswer {
    const problem =
      instanceId === null
        ? this.#members.has(memberId)
          ? undefined
          : this.#unknownMember(memberId)
        : this.#instanceProblem(memberId, instanceId)
    if (problem !== undefined) return refusedHeartbeat(problem.code, problem.message)
    const member = this.#members.get(memberId) as ConsumerMember
    if (memberEpoch === awayEpoch) this.#put({ ...member, epoch: awayEpoch })
    else this.#remove(member)
    return { ...refusedHeartbeat(errorCode.none, null), memberId, memberEpoch }
  }

  /** Takes a member out in the way of LeaveGroup, which tools use for members of either protocol. */
  leave(memberId: string, instanceId: string | null): ErrorCode {
    const id = memberId === '' && instanceId !== null ? this.#instances.get(instanceId) : memberId
    const member = id === undefined ? undefined : this.#members.get(id)
    if (instanceId !== null) {
      const problem = this.#instanceProblem(id ?? '', instanceId)
      if (problem !== undefined) return problem.code
    }
    if (member === undefined) return errorCode.unknownMemberId
    this.#remove(member)
    return errorCode.none
  }

  /** Asks for a new assignment though nobody changed. Returns whether there is anybody to take one. */
  rebalance(): boolean {
    if (this.#members.size === 0) return false
    this.#epoch += 1
    return true
  }

  /** Ends a session now, as its timer would. Returns whether there was such a member. */
  expire(memberId: string): boolean {
    const member = this.#members.get(memberId)
    if (member !== undefined) this.#remove(member)
    return member !== undefined
  }

  #renewSession(memberId: string): void {
    this.#sessions.get(memberId)?.cancel()
    const { clock, settings } = this.#options
    this.#sessions.set(
      memberId,
      clock.setTimer(settings().sessionTimeoutMs, () => this.expire(memberId)),
    )
  }

  #remove(member: ConsumerMember): void {
    this.#forget(member)
    this.#epoch += 1
    if (this.#members.size === 0) this.#emptySinceMs = this.#options.clock.epochMs()
  }

  #forget({ memberId, instanceId }: ConsumerMember): void {
    this.#members.delete(memberId)
    if (instanceId !== null) this.#instances.delete(instanceId)
    for (const timers of [this.#sessions, this.#revocations]) {
      timers.get(memberId)?.cancel()
      timers.delete(memberId)
    }
    const target = new Map(this.#target)
    target.delete(memberId)
    this.#target = target
  }

  // --- offsets ---

  /** Whether OffsetCommit may commit these partitions under this stamp, whose generation is a member epoch. An epoch that
   *  is behind will do for partitions that the member has held since then: moving on took nothing from it. */
  checkCommit({ memberId, generationId }: MemberStamp, version: number, partitions: TopicPartitions): ErrorCode {
    if (generationId < 0 && this.#members.size === 0) return errorCode.none
    const member = this.#members.get(memberId)
    if (member === undefined) return errorCode.unknownMemberId
    if (version < firstCommitVersion) return errorCode.unsupportedVersion
    const isBehind = generationId < member.epoch && heldIn(member, generationId, partitions)
    return generationId === member.epoch || isBehind ? errorCode.none : errorCode.staleMemberEpoch
  }

  /** As `checkCommit`, for offsets that wait for the end of a transaction. TxnOffsetCommit has no word for an epoch that
   *  is stale, and old producers do not say which member they commit for. */
  checkTransactionalCommit(stamp: MemberStamp, partitions: TopicPartitions): ErrorCode {
    const { memberId, generationId, groupInstanceId } = stamp
    if (generationId < 0 && (this.#members.size === 0 || (memberId === '' && groupInstanceId === null))) {
      return errorCode.none
    }
    const code = this.checkCommit(stamp, firstCommitVersion, partitions)
    return code === errorCode.staleMemberEpoch ? errorCode.illegalGeneration : code
  }

  /** Whether offsets may be read by this member in this epoch; tools name neither. */
  checkFetch(memberId: string | null, memberEpoch: number): ErrorCode {
    if (memberId === null) return memberEpoch < 0 ? errorCode.none : errorCode.unknownServerError
    const member = this.#members.get(memberId)
    if (member === undefined) return errorCode.unknownMemberId
    return member.epoch === memberEpoch ? errorCode.none : errorCode.staleMemberEpoch
  }

  /** Marks the group as deleted and stops its timers. */
  end(): void {
    this.#isDead = true
    for (const member of this.members) this.#forget(member)
  }
}
