/** Decides how partitions are given back, for a rebalance or for good (R3, R4, R32):
 *
 *      owned ──quieten──▶ draining ──ended, or time up──▶ handing back ──committed, or time up──▶ given back
 *
 *  *Draining*: nothing new starts, running attempts end, and those that do not are aborted. *Handing back*: one last
 *  commit, repeated while it fails in a way that passes. A stop pauses between the two, so that the app can flush what
 *  handlers sent before the commit that says that they are done. */
import { type GroupSettings } from '../model/settings.ts'
import { type Commits } from './commits.ts'
import { type MemberEffects } from './effects.ts'
import { type Membership } from './membership.ts'
import { type Ownerships } from './ownerships.ts'
import { type PartitionFlow } from './partition-flow.ts'
import { type SubscriptionFlow } from './subscription-flow.ts'

export type DepartureParts<R> = {
  readonly settings: GroupSettings
  readonly membership: Membership
  readonly commits: Commits<R>
  readonly ownerships: Ownerships<R>
  readonly subscriptions: ReadonlyMap<string, SubscriptionFlow<R>>
  /** Sends a commit if there is anything to commit. */
  readonly commit: () => void
  /** Ends the ownership of a partition. */
  readonly close: (flow: PartitionFlow<R>) => void
  /** A drain, a last commit and what they were for are over. */
  readonly roundEnded: () => void
}

/** For good: `quiet` since `drain`, `leaving` since the last commit may be sent, `left` at the end. */
type Ending = 'no' | 'quiet' | 'leaving' | 'left'

/** How long a stop waits for aborted attempts to settle. */
const abortPatienceMs = 500
/** How long the last commit before a rejoin may take; at most a quarter of what the group waits for us. */
const handBackMsMax = 5_000

export class Departure<R> {
  readonly #member: DepartureParts<R>
  #ending: Ending = 'no'
  #drainUntilMs = Infinity
  #handBackUntilMs = Infinity
  #hasAborted = false
  #isDrainedTold = false
  /** What ended and was lost, uncommitted, since the stop began: it counts as ours to the end. */
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
    return Math.min(this.#drainUntilMs, this.#handBackUntilMs)
  }

  /** The membership is lost, and with it what is not committed. Call before the ownerships end. */
  lost(): void {
    if (this.isEnding) this.#lostUncommitted += this.#uncommitted()
    this.#forget()
  }

  #forget(): void {
    this.#drainUntilMs = Infinity
    this.#handBackUntilMs = Infinity
    this.#hasAborted = false
  }

  /** A rebalance wants everything back. */
  rebalance(nowMs: number): void {
    this.#quieten('revoke', this.#member.settings.drainAtRevokeMs, nowMs)
  }

  /** A stop for good begins. */
  drain(drainMs: number, nowMs: number): void {
    if (this.#ending !== 'no') return
    this.#ending = 'quiet'
    const wasStable = this.#member.membership.phase === 'stable'
    this.#member.membership.drain()
    this.#quieten(wasStable ? 'stop' : 'revoke', drainMs, nowMs)
  }

  /** The last commit of a stop may be sent. */
  leave(budgetMs: number, nowMs: number): void {
    if (this.#ending === 'leaving' || this.#ending === 'left') return
    this.#ending = 'leaving'
    this.#member.commits.rhythm.forgive()
    this.#beginHandBack(budgetMs, nowMs)
  }

  #quieten(why: 'revoke' | 'stop', drainMs: number, nowMs: number): void {
    for (const flow of this.#member.ownerships.all()) flow.quieten(why)
    this.#drainUntilMs = Math.min(this.#drainUntilMs, nowMs + drainMs)
  }

  /** Takes the next step if its time has come; called after every event. */
  proceed(nowMs: number, effects: MemberEffects<R>): void {
    if (this.isHandingBack) this.#handBack(nowMs, effects)
    else if (this.#ending === 'leaving') this.#giveBack(effects)
    else if (this.#member.membership.phase === 'draining') this.#drainOn(nowMs, effects)
    else if (this.#ending === 'quiet' && !this.#member.membership.isMember) this.#tellDrained(effects)
  }

  #drainOn(nowMs: number, effects: MemberEffects<R>): void {
    if (nowMs >= this.#drainUntilMs && !this.#hasAborted) this.#abort(nowMs, effects)
    const isDrained = this.#member.ownerships.all().every((flow) => flow.isDrained)
    if (!isDrained && nowMs < this.#drainUntilMs) return
    if (this.#ending === 'quiet') {
      this.#tellDrained(effects)
      return
    }
    this.#beginHandBack(Math.min(handBackMsMax, this.#member.settings.rebalanceTimeoutMs / 4), nowMs)
    this.#handBack(nowMs, effects)
  }

  /** Attempts that outlive the drain are told to end. At a stop they get a moment to obey, so that their outcome is known;
   *  at a rebalance the rest of the group is waiting. */
  #abort(nowMs: number, effects: MemberEffects<R>): void {
    this.#hasAborted = true
    let isRunning = false
    for (const flow of this.#member.ownerships.all()) {
      isRunning ||= flow.running > 0
      flow.quieten('revoke')
      const reason = this.isEnding ? 'stopped' : 'revoked'
      this.#member.subscriptions.get(flow.topic)?.abortAll(flow, reason, nowMs, effects)
    }
    if (isRunning && this.isEnding) this.#drainUntilMs = nowMs + abortPatienceMs
  }

  #tellDrained(effects: MemberEffects<R>): void {
    if (this.#isDrainedTold) return
    this.#isDrainedTold = true
    this.#drainUntilMs = Infinity
    effects.drained()
  }

  #beginHandBack(budgetMs: number, nowMs: number): void {
    this.#drainUntilMs = Infinity
    this.#handBackUntilMs = nowMs + budgetMs
  }

  #handBack(nowMs: number, effects: MemberEffects<R>): void {
    const { membership, commits, ownerships, commit } = this.#member
    const isTimeUp = nowMs >= this.#handBackUntilMs || !membership.isMember
    if (!isTimeUp && commits.rhythm.isInFlight) return
    const isDirty = ownerships.all().some((flow) => flow.isDirty)
    if (!isTimeUp && isDirty && membership.holdsLease(nowMs)) {
      if (commits.rhythm.mayHurry(nowMs)) commit()
      return
    }
    this.#giveBack(effects)
  }

  #giveBack(effects: MemberEffects<R>): void {
    const { membership, ownerships, settings, close, roundEnded } = this.#member
    const { group } = settings
    const uncommitted = this.#lostUncommitted + this.#uncommitted()
    for (const flow of ownerships.all()) {
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
    roundEnded()
    if (this.#ending === 'no') membership.rejoin(effects)
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

  /** Records that ended but that no acknowledged commit covers: a restart handles them again. */
  #uncommitted(): number {
    return this.#member.ownerships.all().reduce((records, flow) => records + flow.untold, 0)
  }
}
