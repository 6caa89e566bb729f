/** Decides how partitions are given back: all of them for an eager rebalance or for good, or those that another member
 *  gets, while the others run on undisturbed (R3, R4, R32).
 *
 *      owned ──quieten──▶ draining ──ended, or time up──▶ handing back ──committed, or time up──▶ given back
 *
 *  *Draining*: nothing new starts, running attempts end, and those that do not are aborted. *Handing back*: one last
 *  commit, repeated while it fails in a way that passes. A stop pauses between the two, so that the app can flush what
 *  handlers sent before the commit that says that they are done. */
import type { GroupSettings } from '../model/settings.ts'
import type { Commits } from './commits.ts'
import type { MemberEffects } from './effects.ts'
import type { Membership } from './membership.ts'
import type { Ownerships } from './ownerships.ts'
import type { PartitionFlow } from './partition-flow.ts'

export type DepartureParts<R> = {
  readonly settings: GroupSettings
  readonly membership: Membership
  readonly commits: Commits<R>
  readonly ownerships: Ownerships<R>
  /** Sends a commit if there is anything to commit. */
  readonly commit: () => void
  /** Ends the ownership of a partition. */
  readonly close: (flow: PartitionFlow<R>) => void
  /** A drain, a last commit and what they were for are over. */
  readonly roundEnded: (gone: 'everything' | 'revoked') => void
}

/** For good: `quiet` since `drain`, `leaving` since the last commit may be sent, `left` at the end. */
type Ending = 'no' | 'quiet' | 'leaving' | 'left'

/** How long a stop waits for aborted attempts to settle. */
const abortPatienceMs = 500
/** For how much of its patience a rebalance lets a stop drain on: we hear of it a heartbeat late, and the flush and the last
 *  commit are still to come. Who takes longer is dropped by the group, with what it finished. */
const rebalanceShare = 1 / 3
/** How long the last commit before a rejoin may take; at most a quarter of what the group waits for us. */
const handBackMsMax = 5_000

export class Departure<R> {
  readonly #member: DepartureParts<R>
  #ending: Ending = 'no'
  /** What is given back if it is not everything. */
  #revoked: ReadonlySet<PartitionFlow<R>> | null = null
  #drainUntilMs = Infinity
  #handBackUntilMs = Infinity
  /** How long a stop that met a join waits for it; null when it need not. */
  #rejoinUntilMs: number | null = null
  #hasAborted = false
  #isDrainedTold = false
  /** What ended and was lost, uncommitted, or was cut short since the stop began: it counts as ours to the end. */
  #lostUncommitted = 0

  constructor(member: DepartureParts<R>) {
    this.#member = member
  }

  /** Whether the member is leaving for good. */
  get isEnding(): boolean {
    return this.#ending !== 'no'
  }

  get isHandingBack(): boolean {
    return this.#handBackUntilMs !== Infinity
  }

  get nextWakeMs(): number {
    return Math.min(this.#drainUntilMs, this.#handBackUntilMs, this.#rejoinUntilMs ?? Infinity)
  }

  /** The membership is lost, and with it what is not committed. Call before the ownerships end. */
  lost(): void {
    if (this.isEnding) this.#lostUncommitted += this.#uncommitted()
    this.#forget()
  }

  #forget(): void {
    this.#drainUntilMs = Infinity
    this.#handBackUntilMs = Infinity
    this.#rejoinUntilMs = null
    this.#hasAborted = false
    this.#revoked = null
  }

  #leaving(): readonly PartitionFlow<R>[] {
    const all = this.#member.ownerships.all()
    const revoked = this.#revoked
    return revoked === null ? all : all.filter((flow) => revoked.has(flow))
  }

  /** An attempt was told to end and did: it is made again, by whoever reads its record next. */
  cutShort(): void {
    if (this.isEnding) this.#lostUncommitted += 1
  }

  /** A rebalance wants everything back. */
  rebalance(nowMs: number): void {
    this.#quieten('revoke', this.#member.settings.drainAtRevokeMs, nowMs)
  }

  /** Another member gets these. */
  revoke(flows: readonly PartitionFlow<R>[], nowMs: number): void {
    this.#revoked = new Set(flows)
    this.rebalance(nowMs)
  }

  /** A stop for good begins. */
  drain(drainMs: number, nowMs: number): void {
    if (this.#ending !== 'no') return
    this.#ending = 'quiet'
    const wasWorking = this.#member.membership.isWorking
    this.#member.membership.drain()
    const revoked = this.#revoked
    if (revoked !== null) this.#forget()
    this.#quieten(wasWorking ? 'stop' : 'revoke', drainMs, nowMs)
    // The others hear of the rebalance with their next heartbeat, and join at once.
    if (!this.#member.membership.isMember) {
      this.#rejoinUntilMs = Math.min(this.#drainUntilMs, nowMs + 2 * this.#member.settings.heartbeatIntervalMs)
    }
    // Their next owner waits; what is left of them is not worth making it wait longer.
    for (const flow of revoked ?? []) flow.quieten('revoke')
  }

  /** The last commit of a stop may be sent. */
  leave(budgetMs: number, nowMs: number): void {
    if (this.#ending === 'leaving' || this.#ending === 'left') return
    this.#ending = 'leaving'
    this.#member.commits.rhythm.forgive()
    this.#beginHandBack(budgetMs, nowMs)
  }

  #quieten(why: 'revoke' | 'stop', drainMs: number, nowMs: number): void {
    for (const flow of this.#leaving()) flow.quieten(why)
    this.#drainUntilMs = Math.min(this.#drainUntilMs, nowMs + drainMs)
  }

  /** Takes the next step if its time has come; called after every event. */
  proceed(nowMs: number, effects: MemberEffects<R>): void {
    if (this.isHandingBack) this.#handBack(nowMs, effects)
    else if (this.#ending === 'leaving') this.#giveBack(nowMs, effects)
    else if (this.#isDraining) this.#drainOn(nowMs, effects)
  }

  get #isDraining(): boolean {
    const { phase } = this.#member.membership
    return phase === 'draining' || phase === 'revoking' || this.#ending === 'quiet'
  }

  #drainOn(nowMs: number, effects: MemberEffects<R>): void {
    this.#hurry()
    if (nowMs >= this.#drainUntilMs && !this.#hasAborted) this.#abort(nowMs, effects)
    const leaving = this.#leaving()
    const isDrained = leaving.every((flow) => flow.isDrained)
    // Also while something runs: a time that has passed must wake nobody again.
    if (nowMs >= (this.#rejoinUntilMs ?? Infinity)) this.#rejoinUntilMs = null
    if (!isDrained && nowMs < this.#drainUntilMs) return
    // A cooperative member that is joining again must be back in the group to commit.
    const mustJoin = !this.#member.membership.isMember && leaving.some((flow) => flow.isDirty)
    if (mustJoin && this.#rejoinUntilMs !== null) return
    // A retry that is due only now would run into the last commit, and nobody waits for it.
    for (const flow of leaving) flow.quieten('revoke')
    if (this.#ending === 'quiet') {
      this.#tellDrained(effects)
      return
    }
    this.#beginHandBack(Math.min(handBackMsMax, this.#member.settings.rebalanceTimeoutMs / 4), nowMs)
    this.#handBack(nowMs, effects)
  }

  /** Others wait for a member that stops, and the group does not wait for it as long as a stop may. */
  #hurry(): void {
    const { membership, settings } = this.#member
    if (this.#ending !== 'quiet' || this.#hasAborted || this.#isDrainedTold || !membership.isMember) return
    const latestMs = membership.rebalanceSinceMs + settings.rebalanceTimeoutMs * rebalanceShare
    this.#drainUntilMs = Math.min(this.#drainUntilMs, latestMs)
  }

  /** Attempts that outlive the drain are told to end. At a stop they get a moment to obey, so that their outcome is known;
   *  at a rebalance the rest of the group is waiting. */
  #abort(nowMs: number, effects: MemberEffects<R>): void {
    this.#hasAborted = true
    let isRunning = false
    for (const flow of this.#leaving()) {
      isRunning ||= flow.running > 0
      flow.quieten('revoke')
      const reason = this.isEnding ? 'stopped' : 'revoked'
      flow.subscription.abortAll(flow, reason, nowMs, effects)
    }
    if (isRunning && this.isEnding) this.#drainUntilMs = nowMs + abortPatienceMs
  }

  #tellDrained(effects: MemberEffects<R>): void {
    if (this.#isDrainedTold) return
    this.#isDrainedTold = true
    this.#drainUntilMs = Infinity
    this.#rejoinUntilMs = null
    effects.drained()
  }

  #beginHandBack(budgetMs: number, nowMs: number): void {
    this.#drainUntilMs = Infinity
    this.#handBackUntilMs = nowMs + budgetMs
  }

  #handBack(nowMs: number, effects: MemberEffects<R>): void {
    const { membership, commits, commit } = this.#member
    const isTimeUp = nowMs >= this.#handBackUntilMs
    if (!isTimeUp && commits.rhythm.isInFlight) return
    const isDirty = this.#leaving().some((flow) => flow.isDirty)
    if (!isTimeUp && isDirty && membership.holdsLease(nowMs)) {
      if (commits.rhythm.mayHurry(nowMs)) commit()
      return
    }
    this.#giveBack(nowMs, effects)
  }

  #giveBack(nowMs: number, effects: MemberEffects<R>): void {
    const { membership, ownerships, settings, close, roundEnded } = this.#member
    const { group } = settings
    const uncommitted = this.#lostUncommitted + this.#uncommitted()
    const gone = this.#revoked === null ? 'everything' : 'revoked'
    for (const flow of this.#leaving()) {
      const { topic, partition, epoch, committed } = flow
      const abandoned = flow.ledger.size
      const { forgottenAttempts } = flow
      close(flow)
      effects.emit('partition.revoked', {
        group,
        at: { topic, partition },
        epoch,
        committed,
        abandoned,
        forgottenAttempts,
      })
    }
    this.#forget()
    roundEnded(gone)
    if (this.#ending === 'no') membership.rejoin(nowMs, effects)
    // A stop that came in the middle of this rebalance has yet to be told what it cost.
    if (this.#ending === 'quiet') {
      this.#lostUncommitted = uncommitted
      this.#tellDrained(effects)
    }
    if (this.#ending !== 'leaving') return
    this.#ending = 'left'
    membership.leave(effects)
    effects.finished({ uncommitted, abandoned: ownerships.leftovers })
  }

  /** Records that ended, or only failed so far, without an acknowledged commit that tells of it: a restart repeats that. */
  #uncommitted(): number {
    return this.#member.ownerships.all().reduce((records, flow) => records + flow.untold + flow.forgottenAttempts, 0)
  }
}
