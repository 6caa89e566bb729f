/** The state machine of one classic consumer group, rule for rule that of Kafka's group coordinator.
 *
 *      empty ──first join──▶ preparing ──all joined, or timeout──▶ completing ──leader synced──▶ stable
 *        ▲                    ▲   │ nobody is left                    │                             │
 *        ╰────────────────────┼───╯                                   │                             │
 *                             ╰──── join, leave, expiry, no sync ─────┴─────────────────────────────╯
 *
 *  `preparing` waits for every member to join again, `completing` for the leader to hand out the assignment. Members
 *  and their sessions belong to this file; offsets belong to `offsets.ts`, which asks it whether a commit is allowed. */

import type { BrokerTimer } from '../core/clock.ts'
import { errorCode, type ErrorCode } from '../protocol/error-code.ts'
import {
  answerJoin,
  answerSync,
  failedJoin,
  failedSync,
  hasSameProtocols,
  type JoinAnswer,
  type Member,
  newMember,
  noAssignment,
  settle,
  type SyncAnswer,
  updateMember,
  waitForJoin,
} from './member.ts'
import type { ClassicGroupState, GroupOptions, JoinCommand, MemberStamp, SyncCommand } from './commands.ts'
import { JoinWait } from './join-wait.ts'
import { PendingJoins } from './pending-joins.ts'
import { Roster } from './roster.ts'

/** How long a member may wait for its first join to be answered (`CLASSIC_GROUP_NEW_MEMBER_JOIN_TIMEOUT_MS`). */
const newMemberTimeoutMs = 5 * 60 * 1000

export class ClassicGroup {
  readonly type = 'classic'
  readonly id: string
  readonly #options: GroupOptions
  readonly #roster = new Roster()
  readonly #pendingJoins: PendingJoins
  readonly #joinWait: JoinWait
  readonly #pendingSyncs = new Set<string>()
  #state: ClassicGroupState = 'empty'
  #generation = 0
  #protocolType: string | null = null
  #protocolName: string | null = null
  #syncTimer: BrokerTimer | undefined
  #emptySinceMs: number

  constructor(id: string, options: GroupOptions) {
    this.id = id
    this.#options = options
    this.#emptySinceMs = options.clock.epochMs()
    this.#pendingJoins = new PendingJoins(options.clock, () => this.#completeJoinsIfAll())
    this.#joinWait = new JoinWait(options.clock, () => this.#completeJoins())
  }

  get state(): ClassicGroupState {
    return this.#state
  }

  get generation(): number {
    return this.#generation
  }

  get protocolType(): string | null {
    return this.#protocolType
  }

  get protocolName(): string | null {
    return this.#protocolName
  }

  /** Whether members want the topic, as far as anybody can tell: of consumers that say nothing it is assumed. */
  isSubscribedTo(topic: string): boolean {
    if (this.#roster.size === 0 || this.#protocolType !== 'consumer') return false
    return this.#roster.wants(topic, this.#protocolName)
  }

  /** Undefined while somebody is in it. In milliseconds since 1970. */
  get emptySinceMs(): number | undefined {
    return this.#state === 'empty' ? this.#emptySinceMs : undefined
  }

  /** Since when an offset of a topic that nobody subscribes to is of no use, in milliseconds since 1970; undefined as long
   *  as nobody can tell. A group that never had members only keeps offsets, and these grow old by themselves. */
  unusedSince(committedAtMs: number): number | undefined {
    if (this.#state === 'empty') return this.#protocolType === null ? committedAtMs : this.#emptySinceMs
    return this.#state === 'stable' && this.#protocolType === 'consumer' ? committedAtMs : undefined
  }

  get leaderId(): string {
    return this.#roster.leaderId
  }

  get members(): readonly Member[] {
    return this.#roster.all
  }

  // --- joining ---

  join(command: JoinCommand): Promise<JoinAnswer> | JoinAnswer {
    const { memberId, groupInstanceId } = command
    if (this.#state === 'dead') return failedJoin(errorCode.coordinatorNotAvailable, memberId)
    if (!this.#roster.hasRoomFor(memberId, this.#state, this.#options.membersMax))
      return failedJoin(errorCode.groupMaxSizeReached, '')
    if (!this.#accepts(command)) return failedJoin(errorCode.inconsistentGroupProtocol, memberId)
    if (memberId === '') return groupInstanceId === null ? this.#joinNew(command) : this.#joinNewStatic(command)
    if (this.#pendingJoins.take(memberId)) return this.#add(memberId, command)
    const refusal = this.#roster.identityProblem(memberId, groupInstanceId)
    if (refusal !== undefined) return failedJoin(refusal, memberId)
    return this.#joinAgain(this.#roster.get(memberId) as Member, command)
  }

  #accepts(command: JoinCommand): boolean {
    if (command.protocolType === '' || command.protocols.length === 0) return false
    if (this.#roster.size === 0) return true
    return command.protocolType === this.#protocolType && this.#roster.sharesProtocol(command.protocols)
  }

  #joinNew(command: JoinCommand): Promise<JoinAnswer> | JoinAnswer {
    const memberId = this.#options.newMemberId(command.clientId)
    if (!command.mustKnowMemberId) return this.#add(memberId, command)
    this.#pendingJoins.add(memberId, command.sessionTimeoutMs)
    return failedJoin(errorCode.memberIdRequired, memberId)
  }

  #joinNewStatic(command: JoinCommand): Promise<JoinAnswer> | JoinAnswer {
    const groupInstanceId = command.groupInstanceId as string
    const memberId = this.#options.newMemberId(groupInstanceId)
    const previousId = this.#roster.memberIdOf(groupInstanceId)
    return previousId === undefined ? this.#add(memberId, command) : this.#replace(previousId, memberId, command)
  }

  #add(memberId: string, command: JoinCommand): Promise<JoinAnswer> {
    const member = newMember(memberId, command)
    if (this.#roster.size === 0) this.#protocolType = command.protocolType
    this.#roster.add(member)
    this.#joinWait.newcomer()
    this.#renewSession(member, newMemberTimeoutMs)
    const answer = waitForJoin(member)
    this.#rebalanceOrComplete()
    return answer
  }

  #joinAgain(member: Member, command: JoinCommand): Promise<JoinAnswer> | JoinAnswer {
    const isUnchanged = hasSameProtocols(member, command.protocols)
    switch (this.#state) {
      case 'preparing':
        return this.#updateAndWait(member, command)
      case 'completing':
        // The answer to its join was lost: the member gets it again.
        return isUnchanged ? this.#joinAnswer(member) : this.#updateAndWait(member, command)
      case 'stable':
        // A leader joins again when it wants a new assignment, a follower when it missed an answer.
        return isUnchanged && member.memberId !== this.#roster.leaderId
          ? this.#joinAnswer(member)
          : this.#updateAndWait(member, command)
      case 'empty':
      case 'dead':
        return failedJoin(errorCode.unknownMemberId, member.memberId)
    }
  }

  #updateAndWait(member: Member, command: JoinCommand): Promise<JoinAnswer> {
    updateMember(member, command)
    const answer = waitForJoin(member)
    this.#rebalanceOrComplete()
    return answer
  }

  /** A static member came back without its id: the new process takes the old one's place and the old one is fenced. */
  #replace(previousId: string, memberId: string, command: JoinCommand): Promise<JoinAnswer> | JoinAnswer {
    const member = this.#roster.get(previousId) as Member
    const previousLeaderId = this.#roster.leaderId
    settle(member, errorCode.fencedInstanceId)
    this.#roster.rename(member, memberId)
    if (this.#pendingSyncs.delete(previousId)) this.#pendingSyncs.add(memberId)
    updateMember(member, command)
    this.#renewSession(member)
    if (this.#state !== 'stable' || this.#roster.selectProtocol() !== this.#protocolName) {
      const answer = waitForJoin(member)
      this.#rebalanceOrComplete()
      return answer
    }
    if (command.canSkipAssignment) {
      return { ...this.#joinAnswer(member), skipAssignment: memberId === this.#roster.leaderId }
    }
    // Told that somebody else leads, an old client takes its assignment from SyncGroup and computes none.
    return { ...this.#joinAnswer(member), leader: previousLeaderId, members: [] }
  }

  #joinAnswer(member: Member): JoinAnswer {
    return this.#roster.joinAnswer(member, this.#generation, this.#protocolType, this.#protocolName)
  }

  // --- rebalancing ---

  #rebalanceOrComplete(): void {
    if (this.#state === 'preparing') this.#completeJoinsIfAll()
    else this.#startRebalance()
  }

  #startRebalance(): void {
    if (this.#state === 'completing') {
      for (const member of this.members) {
        member.assignment = noAssignment
        // While it waited for us its session may have passed without effect, so it starts anew.
        if (member.answerSync !== undefined) this.#renewSession(member)
        answerSync(member, failedSync(errorCode.rebalanceInProgress))
      }
    }
    this.#syncTimer?.cancel()
    this.#pendingSyncs.clear()
    const wasEmpty = this.#state === 'empty'
    this.#state = 'preparing'
    const timeoutMs = this.#roster.rebalanceTimeoutMs
    if (wasEmpty) return this.#joinWait.gather(this.#options.rebalanceDelayMs, timeoutMs)
    this.#joinWait.start(timeoutMs)
    this.#completeJoinsIfAll()
  }

  #completeJoinsIfAll(): void {
    if (this.#state !== 'preparing' || this.#joinWait.isGathering || this.#pendingJoins.size > 0) return
    if (this.#roster.haveAllJoined) this.#completeJoins()
  }

  #completeJoins(): void {
    this.#joinWait.end()
    for (const member of this.members) {
      if (member.answerJoin === undefined && member.groupInstanceId === null) this.#drop(member)
    }
    if (this.#roster.size > 0 && !this.#roster.electJoinedLeader()) {
      return this.#joinWait.start(this.#roster.rebalanceTimeoutMs)
    }
    this.#generation += 1
    if (this.#roster.size === 0) {
      this.#state = 'empty'
      this.#emptySinceMs = this.#options.clock.epochMs()
      this.#protocolName = null
      return
    }
    this.#state = 'completing'
    this.#protocolName = this.#roster.selectProtocol()
    for (const member of this.members) {
      this.#pendingSyncs.add(member.memberId)
      this.#renewSession(member)
      member.isNew = false
      answerJoin(member, this.#joinAnswer(member))
    }
    this.#syncTimer?.cancel()
    this.#syncTimer = this.#options.clock.setTimer(this.#roster.rebalanceTimeoutMs, () => this.#expireSyncs())
  }

  /** Members that joined and never asked for their assignment would stall the group for ever. */
  #expireSyncs(): void {
    if (this.#pendingSyncs.size === 0) return
    for (const memberId of this.#pendingSyncs) {
      const member = this.#roster.get(memberId)
      if (member !== undefined) this.#drop(member)
    }
    this.#pendingSyncs.clear()
    if (this.#state === 'completing' || this.#state === 'stable') this.#startRebalance()
  }

  // --- syncing ---

  sync(command: SyncCommand): Promise<SyncAnswer> | SyncAnswer {
    if (this.#state === 'dead') return failedSync(errorCode.coordinatorNotAvailable)
    const refusal = this.#checkStamp(command)
    if (refusal !== undefined) return failedSync(refusal)
    if (differs(command.protocolType, this.#protocolType) || differs(command.protocolName, this.#protocolName)) {
      return failedSync(errorCode.inconsistentGroupProtocol)
    }
    const member = this.#roster.get(command.memberId) as Member
    switch (this.#state) {
      case 'empty':
        return failedSync(errorCode.unknownMemberId)
      case 'preparing':
        return failedSync(errorCode.rebalanceInProgress)
      case 'stable':
        this.#pendingSyncs.delete(member.memberId)
        this.#renewSession(member)
        return this.#syncAnswer(member)
      case 'completing':
        return this.#syncCompleting(member, command)
    }
  }

  #syncCompleting(member: Member, command: SyncCommand): Promise<SyncAnswer> {
    this.#pendingSyncs.delete(member.memberId)
    answerSync(member, failedSync(errorCode.rebalanceInProgress))
    const answer = new Promise<SyncAnswer>((resolve) => {
      member.answerSync = resolve
    })
    if (member.memberId !== this.#roster.leaderId) return answer
    const given = new Map(command.assignments.map(({ memberId, assignment }) => [memberId, assignment]))
    this.#state = 'stable'
    for (const each of this.members) {
      each.assignment = Buffer.from(given.get(each.memberId) ?? noAssignment)
      if (each.answerSync === undefined) continue
      this.#renewSession(each)
      answerSync(each, this.#syncAnswer(each))
    }
    this.#options.onAssigned(this)
    return answer
  }

  #syncAnswer(member: Member): SyncAnswer {
    return {
      errorCode: errorCode.none,
      protocolType: this.#protocolType,
      protocolName: this.#protocolName,
      assignment: member.assignment,
    }
  }

  // --- staying and leaving ---

  heartbeat(stamp: MemberStamp): ErrorCode {
    if (this.#state === 'dead') return errorCode.coordinatorNotAvailable
    const refusal = this.#checkStamp(stamp)
    if (refusal !== undefined) return refusal
    if (this.#state === 'empty') return errorCode.unknownMemberId
    this.#renewSession(this.#roster.get(stamp.memberId) as Member)
    return this.#state === 'preparing' ? errorCode.rebalanceInProgress : errorCode.none
  }

  #checkStamp({ memberId, groupInstanceId, generationId }: MemberStamp): ErrorCode | undefined {
    const refusal = this.#roster.identityProblem(memberId, groupInstanceId)
    if (refusal !== undefined) return refusal
    return generationId === this.#generation ? undefined : errorCode.illegalGeneration
  }

  leave(memberId: string, groupInstanceId: string | null): ErrorCode {
    if (this.#state === 'dead') return errorCode.coordinatorNotAvailable
    if (this.#pendingJoins.has(memberId)) {
      if (groupInstanceId !== null) return errorCode.unknownMemberId
      this.#pendingJoins.take(memberId)
      this.#completeJoinsIfAll()
      return errorCode.none
    }
    const id = memberId === '' && groupInstanceId !== null ? this.#roster.memberIdOf(groupInstanceId) : memberId
    const refusal = id === undefined ? errorCode.unknownMemberId : this.#roster.identityProblem(id, groupInstanceId)
    if (refusal !== undefined) return refusal
    this.#remove(this.#roster.get(id as string) as Member)
    return errorCode.none
  }

  /** Ends a session now, as its timer would. Returns whether there was such a member. */
  expire(memberId: string): boolean {
    const member = this.#roster.get(memberId)
    if (member !== undefined) this.#remove(member)
    return member !== undefined
  }

  /** Starts a rebalance though nobody changed. Returns whether there is anybody to join again. */
  rebalance(): boolean {
    const hasMembers = this.#state === 'stable' || this.#state === 'completing'
    if (hasMembers) this.#startRebalance()
    return hasMembers || this.#state === 'preparing'
  }

  #renewSession(member: Member, timeoutMs: number = member.sessionTimeoutMs): void {
    member.session?.cancel()
    member.session = this.#options.clock.setTimer(timeoutMs, () => {
      // Whoever waits for our answer cannot send heartbeats; the answer starts a new session.
      const waitsForUs = !member.isNew && (member.answerJoin !== undefined || member.answerSync !== undefined)
      if (!waitsForUs) this.#remove(member)
    })
  }

  #remove(member: Member): void {
    this.#drop(member)
    if (this.#state === 'stable' || this.#state === 'completing') this.#startRebalance()
    else this.#completeJoinsIfAll()
  }

  #drop(member: Member): void {
    member.session?.cancel()
    settle(member, errorCode.unknownMemberId)
    this.#roster.remove(member)
    this.#pendingSyncs.delete(member.memberId)
  }

  // --- commits ---

  /** Whether offsets may be committed under this stamp. Members may still commit while a rebalance is prepared: that is
   *  how work done before a revoke is kept. */
  checkCommit(stamp: MemberStamp): ErrorCode {
    if (this.#state === 'dead') return errorCode.coordinatorNotAvailable
    if (stamp.generationId < 0 && this.#state === 'empty') return errorCode.none
    if (stamp.generationId < 0 && stamp.memberId === '' && stamp.groupInstanceId === null) {
      return this.#state === 'empty' ? errorCode.none : errorCode.unknownMemberId
    }
    const refusal = this.#checkStamp(stamp)
    if (refusal !== undefined) return refusal
    if (this.#state === 'completing') return errorCode.rebalanceInProgress
    this.#renewSession(this.#roster.get(stamp.memberId) as Member)
    return errorCode.none
  }

  /** As `checkCommit`, for offsets that wait for the end of a transaction. Old producers do not say which member they
   *  commit for, so they may always; and a rebalance that waits for its leader does not hold a transaction up. */
  checkTransactionalCommit(stamp: MemberStamp): ErrorCode {
    if (this.#state === 'dead') return errorCode.coordinatorNotAvailable
    if (stamp.generationId < 0 && this.#state === 'empty') return errorCode.none
    if (stamp.generationId < 0 && stamp.memberId === '' && stamp.groupInstanceId === null) return errorCode.none
    return this.#checkStamp(stamp) ?? errorCode.none
  }

  /** Marks the group as deleted and stops its timers. */
  end(): void {
    this.#state = 'dead'
    this.#joinWait.end()
    this.#syncTimer?.cancel()
    this.#pendingJoins.end()
    for (const member of this.members) this.#drop(member)
  }
}

/** Old versions do not send the protocol; what is not sent cannot differ. */
function differs(given: string | null, current: string | null): boolean {
  return given !== null && given !== current
}
