/** Decides about one member of one group under the classic protocol, eager (R1–R5): when to join, to beat, to give
 *  everything back and join again, and when it must believe that it has lost everything. What giving back means for the
 *  partitions, `MemberFlow` decides.
 *
 *      idle ─start─▶ joining ─▶ syncing ─▶ stable ──rebalance──▶ draining ──drained──▶ joining
 *                      ▲          │          │                       │
 *                      ╰─waiting◀─┴──────────┴──────── lost ◀────────╯          left ◀── leave, from any phase
 *
 *  Each phase of waiting for answers carries a stamp; an answer with an older one is of another life and is dropped. That
 *  is what keeps a late "rebalance in progress" of generation n from disturbing generation n + 1. */
import { type TopicPartition } from '../model/topic-partition.ts'
import { HoldfastError } from '../model/errors.ts'
import { type GroupSettings } from '../model/settings.ts'
import { exponentialDelayMs } from './backoff.ts'
import { type Identity, type JoinAnswer, type MembershipEffects, type Stamp } from './effects.ts'
import { kafkaErrorName, kafkaErrors } from '../model/kafka-errors.ts'
import { isCoordinatorElsewhere, isUnknownMember } from './group-codes.ts'

export type MembershipPhase = 'idle' | 'waiting' | 'joining' | 'syncing' | 'stable' | 'draining' | 'left'

/** What the membership tells its owner, besides what it asks of the coordinator. */
export type MembershipOwner = {
  /** A new generation gave us these partitions. */
  assigned(partitions: readonly TopicPartition[]): void
  /** Everything owned must be given back before we join again. */
  rebalancing(reason: string): void
  /** Everything owned is gone already: nothing may be committed. */
  lost(reason: string): void
}

const rejoinDelay = { firstMs: 100, maxMs: 5_000 }
/** The lease ends this long before the session does, to leave room for clocks and queues. */
const leaseMarginMs = 1_000
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
  /** When the newest heartbeat was sent that the coordinator acknowledged (R5). */
  #leaseFromMs = -Infinity
  #syncSentMs = 0
  #lastTickMs = 0
  /** A heartbeat that was sent before this moment proves nothing: the loop stood still after it. */
  #provenFromMs = -Infinity
  #isLeaving = false

  /** Since when the lease holds without a break; meaningless while it does not hold. */
  leaseSinceMs: number = -Infinity
  phase: MembershipPhase = 'idle'
  memberId = ''
  generation = -1
  isLeader = false

  constructor(settings: GroupSettings, random: () => number, owner: MembershipOwner) {
    this.#settings = settings
    this.#random = random
    this.#owner = owner
  }

  get stamp(): Stamp {
    return this.#stamp
  }

  get identity(): Identity {
    return { memberId: this.memberId, generation: this.generation }
  }

  get isMember(): boolean {
    return this.phase === 'stable' || this.phase === 'draining'
  }

  /** Whether the coordinator surely still counts us in: without it no attempt starts and no commit is sent. */
  holdsLease(nowMs: number): boolean {
    const margin = Math.min(leaseMarginMs, this.#settings.sessionTimeoutMs / 4)
    return this.isMember && nowMs - this.#leaseFromMs < this.#settings.sessionTimeoutMs - margin
  }

  start(nowMs: number, effects: MembershipEffects): void {
    this.#lastTickMs = nowMs
    this.#join(effects)
  }

  #join(effects: MembershipEffects): void {
    if (this.#isLeaving) return this.#enter('waiting')
    this.#enter('joining')
    effects.join(this.#stamp, this.memberId)
  }

  #enter(phase: MembershipPhase): void {
    this.phase = phase
    if (phase !== 'draining') this.#stamp += 1
    this.#waitingUntilMs = Infinity
    if (!this.isMember) {
      this.#heartbeatDueMs = Infinity
      this.#heartbeatSentMs = null
    }
  }

  #wait(nowMs: number): void {
    this.#failures += 1
    this.#enter('waiting')
    this.#waitingUntilMs = nowMs + exponentialDelayMs(rejoinDelay, this.#failures, this.#random)
  }

  joined(stamp: Stamp, answer: JoinAnswer, nowMs: number, effects: MembershipEffects): void {
    if (stamp !== this.#stamp || this.phase !== 'joining') return
    const { errorCode } = answer
    if (errorCode === kafkaErrors.MEMBER_ID_REQUIRED) {
      this.memberId = answer.memberId
      this.#join(effects)
      return
    }
    if (errorCode !== 0) {
      this.#notAdmitted(errorCode, nowMs, effects)
      return
    }
    this.memberId = answer.memberId
    this.generation = answer.generationId
    this.isLeader = answer.leader === answer.memberId
    if (this.#isLeaving) return this.#enter('waiting')
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
      this.#notAdmitted(errorCode, nowMs, effects)
      return
    }
    this.#failures = 0
    // Nobody ticks while a join is answered; that is no standstill.
    this.#lastTickMs = nowMs
    this.#enter('stable')
    this.#leaseFromMs = this.#syncSentMs
    this.leaseSinceMs = nowMs
    this.#heartbeatDueMs = nowMs + this.#settings.heartbeatIntervalMs
    this.#owner.assigned(partitions)
  }

  /** JoinGroup or SyncGroup was refused. */
  #notAdmitted(errorCode: number, nowMs: number, effects: MembershipEffects): void {
    if (isUnknownMember(errorCode)) this.memberId = ''
    if (isCoordinatorElsewhere(errorCode)) effects.forgetCoordinator()
    const refusal = refusals.get(errorCode)
    if (refusal !== undefined) {
      this.#enter('left')
      effects.fail(new HoldfastError(refusal.code, refusal.problem, { remedy: refusal.remedy }))
      return
    }
    if (errorCode === kafkaErrors.REBALANCE_IN_PROGRESS || errorCode === kafkaErrors.ILLEGAL_GENERATION)
      this.#join(effects)
    else this.#wait(nowMs)
  }

  /** A request of the join had no answer. */
  joinFailed(stamp: Stamp, nowMs: number, effects: MembershipEffects): void {
    if (stamp !== this.#stamp || (this.phase !== 'joining' && this.phase !== 'syncing')) return
    effects.forgetCoordinator()
    this.#wait(nowMs)
  }

  heartbeatAnswered(stamp: Stamp, sentMs: number, errorCode: number, nowMs: number, effects: MembershipEffects): void {
    if (stamp !== this.#stamp || !this.isMember) return
    if (this.#heartbeatSentMs === sentMs) this.#heartbeatSentMs = null
    switch (errorCode) {
      case 0:
        this.#prove(sentMs, nowMs)
        return
      case kafkaErrors.REBALANCE_IN_PROGRESS:
        // The coordinator counts this heartbeat too; while it prepares the rebalance our generation may still commit.
        this.#prove(sentMs, nowMs)
        this.rebalance('the coordinator asked for it')
        return
      default:
        this.#refused('heartbeat', errorCode, nowMs, effects)
    }
  }

  #prove(sentMs: number, nowMs: number): void {
    if (sentMs < this.#provenFromMs) return
    if (!this.holdsLease(nowMs)) this.leaseSinceMs = nowMs
    this.#leaseFromMs = Math.max(this.#leaseFromMs, sentMs)
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
    if (!this.isMember) return
    if (isUnknownMember(errorCode)) this.memberId = ''
    const refusal = refusals.get(errorCode)
    this.#enter(refusal === undefined ? 'joining' : 'left')
    this.#owner.lost(reason)
    if (refusal !== undefined)
      effects.fail(new HoldfastError(refusal.code, refusal.problem, { remedy: refusal.remedy }))
    else if (isUnknownMember(errorCode) || errorCode === kafkaErrors.ILLEGAL_GENERATION) this.#join(effects)
    else this.#wait(nowMs)
  }

  /** Everything must be given back first; only then `rejoin`. Ignored unless stable: a drain is not drained twice. */
  rebalance(reason: string): void {
    if (this.phase !== 'stable') return
    this.#enter('draining')
    this.#owner.rebalancing(reason)
  }

  /** Stops like a rebalance does, but for good: heartbeats go on until `leave`. */
  drain(): void {
    this.#isLeaving = true
    if (this.phase === 'stable') this.#enter('draining')
  }

  rejoin(effects: MembershipEffects): void {
    if (this.phase === 'draining') this.#join(effects)
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
    if (this.phase === 'waiting' && nowMs >= this.#waitingUntilMs) this.#join(effects)
    if (!this.isMember) return
    if (gapMs > this.#settings.loopTimeoutMs) {
      this.#beginAnew(gapMs, effects)
      return
    }
    if (gapMs > this.#settings.sessionTimeoutMs / 2) {
      this.#leaseFromMs = -Infinity
      this.#provenFromMs = nowMs
      this.#heartbeatSentMs = null
      this.#heartbeatDueMs = nowMs
    }
    if (nowMs >= this.#heartbeatDueMs && this.#heartbeatSentMs === null) {
      this.#heartbeatSentMs = nowMs
      this.#heartbeatDueMs = nowMs + this.#settings.heartbeatIntervalMs
      effects.heartbeat(this.#stamp, this.identity, nowMs)
    }
  }

  #beginAnew(gapMs: number, effects: MembershipEffects): void {
    effects.leave(this.memberId)
    this.memberId = ''
    this.#enter('joining')
    this.#owner.lost(`the loop stood still for ${Math.round(gapMs)} ms`)
    this.#join(effects)
  }

  get nextWakeMs(): number {
    if (this.phase === 'waiting') return this.#waitingUntilMs
    if (!this.isMember) return Infinity
    // Also while an answer is awaited: a tick that is missing must mean that the loop stood still.
    const nextTickMs = this.#lastTickMs + this.#settings.heartbeatIntervalMs
    return this.#heartbeatSentMs === null ? Math.min(this.#heartbeatDueMs, nextTickMs) : nextTickMs
  }
}

type Refusal = {
  readonly code: 'FENCED' | 'AUTHORIZATION_FAILED' | 'KAFKA_ERROR'
  readonly problem: string
  readonly remedy: string
}

/** Answers that no repetition mends. */
const refusals: ReadonlyMap<number, Refusal> = new Map([
  [
    kafkaErrors.FENCED_INSTANCE_ID,
    {
      code: 'FENCED',
      problem: 'expected to be the only member with its instance id, got FENCED_INSTANCE_ID',
      remedy: 'Give every process an instance id of its own.',
    },
  ],
  [
    kafkaErrors.GROUP_AUTHORIZATION_FAILED,
    {
      code: 'AUTHORIZATION_FAILED',
      problem: 'expected to be allowed to read the group, got GROUP_AUTHORIZATION_FAILED',
      remedy: 'Grant the principal Read on the group.',
    },
  ],
  [
    kafkaErrors.INCONSISTENT_GROUP_PROTOCOL,
    {
      code: 'KAFKA_ERROR',
      problem: 'expected the group to share an assignment protocol with us, got INCONSISTENT_GROUP_PROTOCOL',
      remedy: 'Stop members that use another protocol, or give them the assignor roundrobin or range.',
    },
  ],
  [
    kafkaErrors.INVALID_GROUP_ID,
    {
      code: 'KAFKA_ERROR',
      problem: 'expected a group id that the broker accepts, got INVALID_GROUP_ID',
      remedy: 'Choose another group id.',
    },
  ],
  [
    kafkaErrors.INVALID_SESSION_TIMEOUT,
    {
      code: 'KAFKA_ERROR',
      problem: 'expected the broker to accept the session timeout, got INVALID_SESSION_TIMEOUT',
      remedy:
        'Keep sessionTimeout between group.min.session.timeout.ms and group.max.session.timeout.ms of the broker.',
    },
  ],
])
