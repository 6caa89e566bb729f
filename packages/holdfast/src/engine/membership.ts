/** Decides about one member of one group under the classic protocol (R1–R5): when to join, to beat, to give back and join
 *  again, and when it must believe that it has lost everything. What giving back means for the partitions, `MemberFlow`
 *  decides; whether the coordinator surely still counts us in, `Lease`.
 *
 *  Eager: everything is given back before the join, so nothing is owned while it lasts.
 *
 *      idle ─start─▶ joining ─▶ syncing ─▶ stable ──rebalance──▶ draining ──drained──▶ joining
 *                      ▲          │          │                       │
 *                      ╰─waiting◀─┴──────────┴──────── lost ◀────────╯          left ◀── leave, from any phase
 *
 *  Cooperative: the join claims what is owned and nothing stands still; what another member gets is given back after it.
 *
 *      stable ──rebalance──▶ joining ─▶ syncing ─▶ stable, or ─▶ revoking ──given back──▶ joining
 *
 *  Each phase of waiting for answers carries a stamp; an answer with an older one is of another life and is dropped. That
 *  is what keeps a late "rebalance in progress" of generation n from disturbing generation n + 1. */
import type { TopicPartition } from '../model/topic-partition.ts'
import { HoldfastError } from '../model/errors.ts'
import type { GroupSettings } from '../model/settings.ts'
import { exponentialDelayMs } from './backoff.ts'
import type { Identity, JoinAnswer, MembershipEffects, Stamp } from './effects.ts'
import { kafkaErrorName, kafkaErrors } from '../model/kafka-errors.ts'
import { isCoordinatorElsewhere, isUnknownMember } from './group-codes.ts'
import { Lease } from './lease.ts'
import { refusals } from './refusals.ts'

export type MembershipPhase = 'idle' | 'waiting' | 'joining' | 'syncing' | 'stable' | 'revoking' | 'draining' | 'left'

/** What the membership tells its owner, besides what it asks of the coordinator. */
export type MembershipOwner = {
  /** A new generation gave us these partitions. */
  assigned(partitions: readonly TopicPartition[]): void
  /** The group divides its partitions anew. Eager: everything owned must be given back before we join again. */
  rebalancing(reason: string): void
  /** Everything owned is gone already: nothing may be committed. */
  lost(reason: string): void
  /** What was given to us and not given back; nothing once it is lost. */
  owned(): readonly TopicPartition[]
}

const rejoinDelay = { firstMs: 100, maxMs: 5_000 }
/** A heartbeat that could not be answered is repeated sooner than the interval says. */
const heartbeatRetryMs = 500

export class Membership {
  readonly #settings: GroupSettings
  readonly #random: () => number
  readonly #owner: MembershipOwner
  #stamp: Stamp = 0
  #failures = 0
  #waitingUntilMs = Infinity
  #heartbeatDueMs = Infinity
  #heartbeatSentMs: number | null = null
  readonly #lease: Lease
  #syncSentMs = 0
  #lastTickMs = 0
  /** The generation that gave us what we own. */
  #ownedSince = -1
  #isLeaving = false
  /** False while a join that was decided waits, for its time or for a coordinator. */
  #isJoinSent = false

  phase: MembershipPhase = 'idle'
  memberId = ''
  generation = -1
  isLeader = false

  constructor(settings: GroupSettings, random: () => number, owner: MembershipOwner) {
    this.#settings = settings
    this.#random = random
    this.#owner = owner
    this.#lease = new Lease(settings)
  }

  get stamp(): Stamp {
    return this.#stamp
  }

  get identity(): Identity {
    return { memberId: this.memberId, generation: this.generation }
  }

  get isMember(): boolean {
    return this.phase === 'stable' || this.phase === 'revoking' || this.phase === 'draining'
  }

  /** Whether what the assignment gave us may be opened. */
  get hasAssignment(): boolean {
    return this.phase === 'stable' || this.phase === 'revoking'
  }

  /** A cooperative member that joins again owns what it owned before. */
  get #isRejoining(): boolean {
    const isOutside = this.phase === 'joining' || this.phase === 'syncing' || this.phase === 'waiting'
    return isOutside && this.#owner.owned().length > 0
  }

  /** Whether what is owned is read and worked on, as far as the phase is concerned. */
  get isWorking(): boolean {
    return this.hasAssignment || this.#isRejoining
  }

  /** Whether the coordinator surely still counts us in: without it no attempt starts and no commit is sent. */
  holdsLease(nowMs: number): boolean {
    return (this.isMember || this.#isRejoining) && this.#lease.holds(nowMs)
  }

  /** While a join is under way the generation is about to change: what is committed then is refused or too late. */
  mayCommit(nowMs: number): boolean {
    return this.isMember && this.#lease.holds(nowMs)
  }

  /** Since when the lease holds without a break; meaningless while it does not hold. */
  get leaseSinceMs(): number {
    return this.#lease.sinceMs
  }

  /** Since when the group waits for us to join again, as far as we heard; Infinity while it does not. */
  get rebalanceSinceMs(): number {
    return this.#lease.rebalanceSinceMs
  }

  start(nowMs: number, effects: MembershipEffects): void {
    this.#lastTickMs = nowMs
    this.#join(nowMs, effects)
  }

  #join(nowMs: number, effects: MembershipEffects): void {
    const partitions = this.#owner.owned()
    // Who owns something must get back in to commit it before it leaves.
    if (this.#isLeaving && partitions.length === 0) return this.#enter('waiting')
    this.#lease.rebalanceBegan(nowMs)
    this.#enter('joining')
    effects.join(this.#stamp, this.memberId, { partitions, generation: partitions.length > 0 ? this.#ownedSince : -1 })
  }

  #enter(phase: MembershipPhase): void {
    this.phase = phase
    this.#isJoinSent = false
    if (phase !== 'draining' && phase !== 'revoking') this.#stamp += 1
    this.#waitingUntilMs = Infinity
    if (!this.isMember) {
      this.#heartbeatDueMs = Infinity
      this.#heartbeatSentMs = null
    }
  }

  #wait(nowMs: number): void {
    this.#failures += 1
    this.#lease.waitsNoMore()
    this.#enter('waiting')
    this.#waitingUntilMs = nowMs + exponentialDelayMs(rejoinDelay, this.#failures, this.#random)
  }

  /** What was decided is on its way. It may have taken long to find the coordinator, and until now nobody kept our place. */
  joinSent(stamp: Stamp, nowMs: number): void {
    if (stamp !== this.#stamp || (this.phase !== 'joining' && this.phase !== 'syncing')) return
    this.#isJoinSent = true
    this.#lease.waits(nowMs)
  }

  joined(stamp: Stamp, answer: JoinAnswer, nowMs: number, effects: MembershipEffects): void {
    if (stamp !== this.#stamp || this.phase !== 'joining') return
    const { errorCode } = answer
    if (errorCode === kafkaErrors.MEMBER_ID_REQUIRED) {
      this.memberId = answer.memberId
      this.#join(nowMs, effects)
      return
    }
    if (errorCode !== 0) {
      this.#notAdmitted('the join', errorCode, nowMs, effects)
      return
    }
    this.memberId = answer.memberId
    this.generation = answer.generationId
    this.isLeader = answer.leader === answer.memberId
    if (this.#isLeaving && this.#owner.owned().length === 0) return this.#enter('waiting')
    this.#enter('syncing')
    this.#syncSentMs = nowMs
    effects.sync(this.#stamp, answer)
  }

  synced(
    stamp: Stamp,
    errorCode: number,
    partitions: readonly TopicPartition[],
    nowMs: number,
    effects: MembershipEffects,
  ): void {
    if (stamp !== this.#stamp || this.phase !== 'syncing') return
    if (errorCode !== 0) {
      this.#notAdmitted('the assignment', errorCode, nowMs, effects)
      return
    }
    this.#failures = 0
    // Who owns nothing does not tick while its join is answered; that is no standstill.
    const ownsNothing = this.#owner.owned().length === 0
    if (ownsNothing) this.#lastTickMs = nowMs
    this.#lease.admitted(this.#syncSentMs, nowMs)
    this.#ownedSince = this.generation
    this.#enter('stable')
    if (this.#isLeaving && !ownsNothing) this.#enter('draining')
    const isProven = this.#lease.holds(nowMs)
    this.#heartbeatDueMs = isProven ? nowMs + this.#settings.heartbeatIntervalMs : nowMs
    this.#owner.assigned(partitions)
  }

  /** JoinGroup or SyncGroup was refused. */
  #notAdmitted(what: string, errorCode: number, nowMs: number, effects: MembershipEffects): void {
    if (isUnknownMember(errorCode)) this.memberId = ''
    if (isCoordinatorElsewhere(errorCode)) effects.forgetCoordinator()
    const refusal = refusals.get(errorCode)
    const isOver = isUnknownMember(errorCode) || errorCode === kafkaErrors.ILLEGAL_GENERATION || refusal !== undefined
    if (isOver && this.#owner.owned().length > 0) this.#lose(`${what} was refused with ${kafkaErrorName(errorCode)}`)
    if (refusal !== undefined) {
      this.#enter('left')
      effects.fail(new HoldfastError(refusal.code, refusal.problem, { remedy: refusal.remedy }))
      return
    }
    if (errorCode === kafkaErrors.REBALANCE_IN_PROGRESS || errorCode === kafkaErrors.ILLEGAL_GENERATION)
      this.#join(nowMs, effects)
    else this.#wait(nowMs)
  }

  #lose(reason: string): void {
    this.#lease.end()
    this.#owner.lost(reason)
  }

  /** A request of the join had no answer. */
  joinFailed(stamp: Stamp, nowMs: number, effects: MembershipEffects): void {
    if (stamp !== this.#stamp || (this.phase !== 'joining' && this.phase !== 'syncing')) return
    effects.forgetCoordinator()
    this.#wait(nowMs)
  }

  heartbeatAnswered(stamp: Stamp, sentMs: number, errorCode: number, nowMs: number, effects: MembershipEffects): void {
    if (isUnknownMember(errorCode) && this.#isAboutToJoin) return this.#forgotten(nowMs, effects)
    if (stamp !== this.#stamp || !this.isMember) return
    if (this.#heartbeatSentMs === sentMs) this.#heartbeatSentMs = null
    switch (errorCode) {
      case 0:
        this.#lease.prove(sentMs, nowMs)
        return
      case kafkaErrors.REBALANCE_IN_PROGRESS:
        // The coordinator counts this heartbeat too; while it prepares the rebalance our generation may still commit.
        this.#lease.prove(sentMs, nowMs)
        this.#lease.rebalanceBegan(nowMs)
        this.rebalance('the coordinator asked for it', nowMs, effects)
        return
      default:
        this.#refused('heartbeat', errorCode, nowMs, effects)
    }
  }

  /** A join was decided and has not gone out, under the name that we had before. */
  get #isAboutToJoin(): boolean {
    return (this.phase === 'joining' || this.phase === 'waiting') && !this.#isJoinSent && this.memberId !== ''
  }

  /** The group has forgotten the member that is about to join again: it joins as a new one, with nothing to claim. */
  #forgotten(nowMs: number, effects: MembershipEffects): void {
    this.memberId = ''
    const wasJoining = this.phase === 'joining'
    if (this.#owner.owned().length > 0) this.#lose('the group does not know this member any more')
    if (wasJoining) this.#join(nowMs, effects)
  }

  heartbeatFailed(stamp: Stamp, sentMs: number, nowMs: number, effects: MembershipEffects): void {
    if (stamp !== this.#stamp || !this.isMember) return
    if (this.#heartbeatSentMs === sentMs) this.#heartbeatSentMs = null
    this.#heartbeatDueMs = Math.min(this.#heartbeatDueMs, nowMs + heartbeatRetryMs)
    effects.forgetCoordinator()
  }

  /** A heartbeat or a commit under our current identity was refused. */
  #refused(what: string, errorCode: number, nowMs: number, effects: MembershipEffects): void {
    if (isCoordinatorElsewhere(errorCode)) {
      effects.forgetCoordinator()
      this.#heartbeatDueMs = Math.min(this.#heartbeatDueMs, nowMs + heartbeatRetryMs)
      return
    }
    this.fenced(errorCode, `${what} was refused with ${kafkaErrorName(errorCode)}`, nowMs, effects)
  }

  /** The coordinator no longer knows this identity (R2): everything is lost, at once. */
  fenced(errorCode: number, reason: string, nowMs: number, effects: MembershipEffects): void {
    if (!this.isMember && !this.#isRejoining) return
    if (isUnknownMember(errorCode)) this.memberId = ''
    const refusal = refusals.get(errorCode)
    this.#enter(refusal === undefined ? 'joining' : 'left')
    this.#lose(reason)
    if (refusal !== undefined)
      effects.fail(new HoldfastError(refusal.code, refusal.problem, { remedy: refusal.remedy }))
    else if (isUnknownMember(errorCode) || errorCode === kafkaErrors.ILLEGAL_GENERATION) this.#join(nowMs, effects)
    else this.#wait(nowMs)
  }

  /** A commit that was sent as `identity`, by this very member, was refused. If the generation has changed since, or is
   *  about to, what it said is committed under the new one (R2). */
  commitRefused(errorCode: number, identity: Identity, nowMs: number, effects: MembershipEffects): void {
    const isOutdated = !this.isMember || identity.generation !== this.generation
    if (isOutdated && errorCode === kafkaErrors.ILLEGAL_GENERATION) return
    this.fenced(errorCode, `a commit was refused with ${kafkaErrorName(errorCode)}`, nowMs, effects)
  }

  /** The group divides its partitions anew. Ignored unless stable: a drain is not drained twice, and a join follows it
   *  anyway. */
  rebalance(reason: string, nowMs: number, effects: MembershipEffects): void {
    if (this.phase !== 'stable') return
    const isEager = this.#settings.protocol === 'eager'
    if (isEager) this.#enter('draining')
    this.#owner.rebalancing(reason)
    if (!isEager) this.#join(nowMs, effects)
  }

  /** Cooperative: a part of what is owned must be given back, then `rejoin`. */
  revoke(): void {
    if (this.phase === 'stable') this.#enter('revoking')
  }

  /** Stops like a rebalance does, but for good: heartbeats go on until `leave`. */
  drain(): void {
    this.#isLeaving = true
    if (this.hasAssignment) this.#enter('draining')
  }

  rejoin(nowMs: number, effects: MembershipEffects): void {
    if (this.phase === 'draining' || this.phase === 'revoking') this.#join(nowMs, effects)
  }

  leave(effects: MembershipEffects): void {
    const memberId = this.phase === 'left' ? '' : this.memberId
    this.#enter('left')
    effects.leave(memberId)
  }

  /** Sends what is due. A gap between ticks means that this loop stood still: after half a session nothing starts until a
   *  heartbeat is acknowledged, after `loopTimeoutMs` we leave and begin anew. */
  tick(nowMs: number, effects: MembershipEffects): void {
    const gapMs = nowMs - this.#lastTickMs
    this.#lastTickMs = nowMs
    if (this.isMember || this.#isRejoining) {
      if (gapMs > this.#settings.loopTimeoutMs) {
        this.#beginAnew(gapMs, nowMs, effects)
        return
      }
      if (gapMs > this.#settings.sessionTimeoutMs / 2) this.#doubt(nowMs)
    }
    if (this.phase === 'waiting' && nowMs >= this.#waitingUntilMs) this.#join(nowMs, effects)
    if (!this.isMember) return
    if (nowMs >= this.#heartbeatDueMs && this.#heartbeatSentMs === null) {
      this.#heartbeatSentMs = nowMs
      this.#heartbeatDueMs = nowMs + this.#settings.heartbeatIntervalMs
      effects.heartbeat(this.#stamp, this.identity, nowMs)
    }
  }

  #doubt(nowMs: number): void {
    this.#lease.doubt(nowMs)
    if (!this.isMember) return
    this.#heartbeatSentMs = null
    this.#heartbeatDueMs = nowMs
  }

  #beginAnew(gapMs: number, nowMs: number, effects: MembershipEffects): void {
    effects.leave(this.memberId)
    this.memberId = ''
    this.#enter('joining')
    this.#lose(`the loop stood still for ${Math.round(gapMs)} ms`)
    this.#join(nowMs, effects)
  }

  get nextWakeMs(): number {
    // Also while an answer is awaited: a tick that is missing must mean that the loop stood still.
    const isTicking = this.isMember || this.#isRejoining
    const nextTickMs = isTicking ? this.#lastTickMs + this.#settings.heartbeatIntervalMs : Infinity
    if (this.phase === 'waiting') return Math.min(this.#waitingUntilMs, nextTickMs)
    return this.isMember && this.#heartbeatSentMs === null ? Math.min(this.#heartbeatDueMs, nextTickMs) : nextTickMs
  }
}
