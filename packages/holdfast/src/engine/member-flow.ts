/** Decides everything about one member of one group in this process: it owns the membership, the partitions, the
 *  subscriptions with their permits, the fetches and the rhythm of commits, and holds them together. Pure: time arrives in
 *  events, work leaves through `effects`, and the same events always lead to the same effects in the same order.
 *  How partitions are given back, `Departure` decides. */
import type { GroupSettings } from '../model/settings.ts'
import { partitionName, placeOf, type TopicPartition } from '../model/topic-partition.ts'
import { Commits } from './commits.ts'
import { Departure } from './departure.ts'
import type { MemberEffects, Stamp } from './effects.ts'
import type { Entry } from './entry.ts'
import { Fetches } from './fetches.ts'
import { Holdings } from './holdings.ts'
import { kafkaErrors } from '../model/kafka-errors.ts'
import type { Leader, MemberEvent, StartPosition } from './member-events.ts'
import { MemberHandOffs } from './member-hand-offs.ts'
import { Membership } from './membership.ts'
import { Ownerships } from './ownerships.ts'
import type { PartitionFlow, RecordView } from './partition-flow.ts'
import { type AttemptResult, SubscriptionFlow } from './subscription-flow.ts'

export type { Leader, MemberEvent, StartPosition } from './member-events.ts'

export class MemberFlow<R> {
  readonly settings: GroupSettings
  readonly membership: Membership
  /** By topic; the delay topics of a subscription lead to it too. */
  readonly subscriptions: ReadonlyMap<string, SubscriptionFlow<R>>
  readonly #each: readonly SubscriptionFlow<R>[]
  /** Whether the partitions of this generation are known and open. */
  isPositioned = false
  readonly #commits: Commits<R>
  readonly #fetches: Fetches<R>
  readonly #ownerships: Ownerships<R>
  readonly #departure: Departure<R>
  readonly #handOffs: MemberHandOffs<R>
  readonly #holdings = new Holdings()
  /** The sink and the time of the step under way. */
  #effects!: MemberEffects<R>
  #nowMs = 0

  constructor(settings: GroupSettings, view: RecordView<R>, random: () => number) {
    this.settings = settings
    this.#each = settings.subscriptions.map((each) => new SubscriptionFlow<R>(each, random))
    this.subscriptions = new Map(this.#each.flatMap((each) => [...each.topics.keys()].map((topic) => [topic, each])))
    this.membership = new Membership(settings, random, {
      assigned: (partitions) => this.#assigned(partitions),
      rebalancing: (reason) => this.#rebalancing(reason),
      lost: (reason) => this.#lost(reason),
      owned: () => this.#holdings.all,
    })
    this.#commits = new Commits(settings, random)
    this.#fetches = new Fetches(settings.fetch, random)
    this.#ownerships = new Ownerships(view)
    this.#departure = new Departure({
      settings,
      membership: this.membership,
      commits: this.#commits,
      ownerships: this.#ownerships,
      commit: () => this.#commit(),
      close: (flow) => this.#close(flow),
      roundEnded: (gone) => this.#roundEnded(gone),
    })
    const { rhythm } = this.#commits
    const { membership } = this
    this.#handOffs = new MemberHandOffs({
      settings,
      random,
      membership,
      rhythm,
      departure: this.#departure,
    })
  }

  /** Whether the member is leaving for good. */
  get isEnding(): boolean {
    return this.#departure.isEnding
  }

  /** What is owned now, by name. */
  get partitions(): ReadonlyMap<string, PartitionFlow<R>> {
    return this.#ownerships.partitions
  }

  step(event: MemberEvent<R>, nowMs: number, effects: MemberEffects<R>): void {
    this.#begin(nowMs, effects)
    this.#apply(event)
    this.#proceed()
  }

  /** The hot path: one attempt ended. Apart from `step` because it happens once per record; call `settle` after the last
   *  one of a turn. */
  attemptEnded(entry: Entry<R>, result: AttemptResult, error: unknown, nowMs: number, effects: MemberEffects<R>): void {
    this.#begin(nowMs, effects)
    const { subscription } = entry.owner
    const wasAborted = entry.phase === 'aborting'
    if (!subscription.release(entry)) {
      this.#leftoverEnded(entry, subscription)
      return
    }
    // A handler that settles after its abort may have given up halfway: whatever it returned, the attempt failed (R16).
    if (result === 'failed' || wasAborted) this.#failed(entry, error, subscription)
    else {
      subscription.finish(entry, result, nowMs)
      this.#commits.rhythm.note(1, nowMs)
      effects.ended(entry, result)
    }
    if (subscription.hasReady) this.#dispatch(subscription)
    this.#refill(entry.owner)
  }

  /** Ends a turn of `attemptEnded`: commits, fetches and goes on with a drain, if it is time. */
  settle(nowMs: number, effects: MemberEffects<R>): void {
    this.#begin(nowMs, effects)
    this.#proceed()
  }

  /** When the next `tick` is due, at the latest. */
  get nextWakeMs(): number {
    let wakeMs = Math.min(this.membership.nextWakeMs, this.#departure.nextWakeMs)
    for (const subscription of this.#each) wakeMs = Math.min(wakeMs, subscription.nextWakeMs)
    // What may not be done when its time comes must not wake anybody: what allows it is an event.
    if (this.membership.isWorking) wakeMs = Math.min(wakeMs, this.#fetches.nextWakeMs)
    wakeMs = Math.min(wakeMs, this.#handOffs.nextMs(this.#nowMs))
    return this.membership.mayCommit(this.#nowMs) ? Math.min(wakeMs, this.#commits.nextWakeMs) : wakeMs
  }

  #begin(nowMs: number, effects: MemberEffects<R>): void {
    this.#nowMs = nowMs
    this.#effects = effects
  }

  #apply(event: MemberEvent<R>): void {
    const { membership } = this
    switch (event.kind) {
      case 'start':
        return membership.start(this.#nowMs, this.#effects)
      case 'tick':
        return this.#tick()
      case 'joinSent':
        return membership.joinSent(event.stamp, this.#nowMs)
      case 'joined':
        return membership.joined(event.stamp, event.answer, this.#nowMs, this.#effects)
      case 'synced':
        return membership.synced(event.stamp, event.errorCode, event.partitions, this.#nowMs, this.#effects)
      case 'joinFailed':
        return membership.joinFailed(event.stamp, this.#nowMs, this.#effects)
      case 'heartbeatAnswered':
        return membership.heartbeatAnswered(event.stamp, event.sentMs, event.errorCode, this.#nowMs, this.#effects)
      case 'heartbeatFailed':
        return membership.heartbeatFailed(event.stamp, event.sentMs, this.#nowMs, this.#effects)
      case 'positioned':
        return this.#positioned(event.stamp, event.starts)
      case 'refused':
        return this.#refused(event)
      case 'leaders':
        return this.#leadersKnown(event.leaders)
      case 'partitionsChanged':
        return membership.rebalance(event.reason, this.#nowMs, this.#effects)
      case 'fetched':
        return this.#fetched(event)
      case 'fetchFailed':
        return this.#fetches.failed(event, this.settings.group, this.#nowMs, this.#effects)
      case 'relocated':
        return this.#relocated(event)
      case 'committed':
        return this.#committed(event)
      case 'commitFailed':
        return this.#commitFailed(event)
      case 'handedOff':
        return this.#handedOff(event.entry)
      case 'handOffFailed':
        return this.#handOffFailed(event)
      case 'paused':
        return this.#pauseTopic(event.topic)
      case 'resumed':
        return this.#resumeTopic(event.topic)
      case 'drain':
        return this.#departure.drain(event.drainMs, this.#nowMs)
      case 'leave':
        return this.#departure.leave(event.budgetMs, this.#nowMs)
    }
  }

  /** What follows from any event: starts, fetches, commits, and the next step of a drain. */
  #proceed(): void {
    for (const subscription of this.#each) if (subscription.hasReady) this.#dispatch(subscription)
    this.#handOffs.write(this.#nowMs, this.#effects)
    this.#departure.proceed(this.#nowMs, this.#effects)
    if (this.membership.isWorking) this.#fetches.fetchWhatMay(this.partitions, this.#nowMs, this.#effects)
    if (this.#commits.rhythm.nextWakeMs <= this.#nowMs && !this.#departure.isHandingBack) this.#commit()
  }

  #tick(): void {
    this.membership.tick(this.#nowMs, this.#effects)
    for (const subscription of this.#each) subscription.expire(this.#nowMs, this.#effects)
    for (const flow of this.partitions.values()) if (flow.isPausedFor('retry')) this.#refill(flow)
  }

  #dispatch(subscription: SubscriptionFlow<R>): void {
    if (this.membership.holdsLease(this.#nowMs)) subscription.dispatch(this.#nowMs, this.#effects)
  }

  // ── assignment ──

  #assigned(partitions: readonly TopicPartition[]): void {
    if (this.partitions.size === 0) this.#commits.rhythm.reset()
    const { identity, stamp, isLeader } = this.membership
    if (this.#departure.isEnding) return
    const { retained, added, revoked } = this.#holdings.replace(partitions)
    const counts = { retained: retained.length, added: added.length, revoked: revoked.length }
    this.#effects.emit('group.joined', { group: this.settings.group, isLeader, ...identity, ...counts })
    if (revoked.length > 0) {
      this.membership.revoke()
      this.#departure.revoke(this.#ownerships.of(revoked), this.#nowMs)
    }
    // What an earlier generation gave us is still to be opened if the next one came before its start was known.
    const unopened = partitions.filter((each) => !this.partitions.has(partitionName(each)))
    this.isPositioned = unopened.length === 0
    if (!this.isPositioned) this.#effects.resolvePositions(stamp, identity, unopened)
  }

  #positioned(stamp: Stamp, starts: readonly StartPosition[]): void {
    if (stamp !== this.membership.stamp || !this.membership.hasAssignment) return
    this.isPositioned = true
    for (const start of starts) this.#open(start, this.#ownerships.committedBefore(start))
    this.#fetches.changed()
  }

  #open(start: StartPosition, before: number | null): void {
    const subscription = this.subscriptions.get(start.topic)
    if (subscription === undefined) return
    const flow = this.#ownerships.open(start, subscription)
    if (flow.isDirty) this.#commits.rhythm.note(0, this.#nowMs)
    const { group } = this.settings
    if (start.ignoredMarks !== null) {
      this.#effects.emit('commit.marksIgnored', { group, at: placeOf(flow), reason: start.ignoredMarks })
    }
    this.#effects.emit('partition.assigned', { group, at: placeOf(flow), epoch: flow.epoch, from: start.position })
    const from = start.cutFrom ?? before
    if (from === null || from <= start.position) return
    const reason =
      start.cutFrom === null ? 'the committed offset went back' : 'the log was cut below what was committed'
    const missing = from - start.position
    this.#effects.emit('partition.reset', { group, at: placeOf(flow), from, to: start.position, reason, missing })
  }

  #close(flow: PartitionFlow<R>): void {
    this.#ownerships.close(flow)
    this.#handOffs.forget(flow)
    flow.subscription.remember(flow)
  }

  #leftoverEnded(entry: Entry<R>, subscription: SubscriptionFlow<R>): void {
    const { epoch } = entry.owner
    const { group } = this.settings
    entry.state = 'finished'
    this.#effects.emit('attempt.stale', { group, at: placeOf(entry.owner), offset: entry.offset, epoch })
    const next = this.#ownerships.leftoverEnded(entry)
    if (next !== null) subscription.enqueue(next)
    this.#dispatch(subscription)
  }

  #rebalancing(reason: string): void {
    this.#effects.emit('group.rebalancing', { group: this.settings.group, reason })
    if (this.settings.protocol === 'eager') this.#departure.rebalance(this.#nowMs)
  }

  #lost(reason: string): void {
    const { group } = this.settings
    this.#effects.emit('group.lost', { group, reason })
    this.#departure.lost()
    for (const flow of this.#ownerships.all()) {
      flow.subscription.abortAll(flow, 'lost', this.#nowMs, this.#effects)
      this.#close(flow)
      this.#effects.emit('partition.lost', { group, at: placeOf(flow), epoch: flow.epoch, reason })
    }
    this.#roundEnded('everything')
  }

  /** Whatever was under way for the ownerships that ended is over. */
  #roundEnded(gone: 'everything' | 'revoked'): void {
    if (gone === 'revoked') {
      this.#holdings.revokedAreGone()
      this.#fetches.changed()
      return
    }
    this.#holdings.clear()
    this.isPositioned = false
    this.#commits.rhythm.reset()
    this.#fetches.reset()
  }

  /** The coordinator refused a request about our positions. */
  #refused(event: Extract<MemberEvent<R>, { kind: 'refused' }>): void {
    if (event.stamp !== this.membership.stamp) return
    if (event.errorCode === kafkaErrors.REBALANCE_IN_PROGRESS)
      this.membership.rebalance(event.what, this.#nowMs, this.#effects)
    else this.membership.fenced(event.errorCode, event.what, this.#nowMs, this.#effects)
  }

  // ── records ──

  #failed(entry: Entry<R>, error: unknown, subscription: SubscriptionFlow<R>): void {
    const isEnding = entry.abortReason === 'stopped' || entry.abortReason === 'revoked'
    entry.abortReason = null
    if (isEnding) {
      entry.state = 'parked'
      // We ended it, it did not fail: the next owner owes it as many attempts as we did.
      entry.attempt -= 1
      entry.owner.parked += 1
      this.#departure.cutShort()
      this.#effects.attemptFailed(entry, error, null)
      return
    }
    subscription.fail(entry, error, this.#nowMs, this.#effects)
    this.#commits.rhythm.note(0, this.#nowMs)
    this.#handOffs.note(entry.owner)
    this.#pauseForRetries(entry.owner)
  }

  #pauseForRetries(flow: PartitionFlow<R>): void {
    if (flow.needsRetryPause && flow.pause('retry')) this.#tellPaused(flow, 'retry')
  }

  #handedOff(entry: Entry<R>): void {
    if (!this.#handOffs.stored(entry, this.#nowMs, this.#effects)) return
    const { subscription } = entry.owner
    if (subscription.hasReady) this.#dispatch(subscription)
    this.#refill(entry.owner)
  }

  #handOffFailed({ entry, error, isHopeless }: Extract<MemberEvent<R>, { kind: 'handOffFailed' }>): void {
    this.#handOffs.failed(entry, error, isHopeless, this.#nowMs, this.#effects)
    this.#pauseForRetries(entry.owner)
  }

  /** The end of an attempt may have made room, or moved a bound. */
  #refill(flow: PartitionFlow<R>): void {
    if (flow.isOver) return
    // Late enough for slices of some size, early enough that a concurrency near the bound always finds records.
    if (flow.ledger.size <= flow.bufferedRecordsMax * 0.75) this.#decode(flow)
    if (!flow.isAtEase) this.#easePauses(flow)
  }

  #easePauses(flow: PartitionFlow<R>): void {
    const { subscription } = flow
    this.#pauseForRetries(flow)
    if (!flow.needsRetryPause && flow.unreadable === null && flow.resume('retry')) {
      this.#tellResumed(flow, 'retry')
      for (const entry of flow.takeWithheld()) subscription.enqueue(entry)
      this.#fetches.changed()
    }
    // A retry that fell due while nothing might start is what keeps parking full: the pause would never end by itself.
    for (const entry of flow.takeStartable()) subscription.enqueue(entry)
    const pressure = flow.pressure()
    if (pressure === 'begins' && flow.pause('pressure')) this.#tellPaused(flow, 'pressure')
    if (pressure === 'ends' && flow.resume('pressure')) {
      this.#tellResumed(flow, 'pressure')
      this.#fetches.changed()
    }
  }

  #decode(flow: PartitionFlow<R>): void {
    const { subscription } = flow
    const before = flow.committable()
    flow.refill(this.#nowMs, subscription.enqueue)
    if (flow.unreadable !== null && flow.pause('retry')) {
      const { group } = this.settings
      this.#effects.emit('fetch.corrupt', {
        group,
        at: placeOf(flow),
        offset: flow.ledger.position,
        reason: flow.unreadable,
      })
      this.#tellPaused(flow, 'retry')
    }
    if (flow.committable() > before) this.#commits.rhythm.note(0, this.#nowMs)
    if (subscription.hasReady) this.#dispatch(subscription)
  }

  #fetched(event: Extract<MemberEvent<R>, { kind: 'fetched' }>): void {
    if (!this.#fetches.answered(event)) return
    for (const part of event.partitions) {
      const flow = this.partitions.get(partitionName(part.at))
      const order = part.target
      // An answer to an older ownership, or to a position that was left meanwhile, is dropped.
      if (flow?.epoch !== order.epoch || flow.fetchPosition !== order.fetchOffset || flow.isRelocating) continue
      this.#fetches.received(flow, part, this.settings.group, this.#nowMs, this.#effects)
      if (flow.isQuiet) continue
      const { subscription } = flow
      if (!subscription.hasReady && subscription.running === 0) subscription.progressAtMs = this.#nowMs
      this.#decode(flow)
      this.#refill(flow)
    }
  }

  #leadersKnown(leaders: readonly Leader[]): void {
    this.#ownerships.leadersKnown(leaders)
    for (const [name, flow] of this.partitions)
      this.#fetches.ledBy(flow, this.#ownerships.leaderOf(name), this.#effects)
    this.#fetches.changed()
  }

  /** Forwards, what was received is still handled; backwards, the log was cut and a new ownership begins there. */
  #relocated(event: Extract<MemberEvent<R>, { kind: 'relocated' }>): void {
    const flow = this.partitions.get(partitionName(event.at))
    if (flow === undefined || flow.epoch !== event.epoch || !this.membership.isWorking || flow.isQuiet) return
    flow.isRelocating = false
    this.#fetches.changed()
    const from = flow.fetchPosition
    if (event.position === from) return
    const missing = Math.abs(event.position - from)
    const { group } = this.settings
    this.#effects.emit('partition.reset', {
      group,
      at: event.at,
      from,
      to: event.position,
      reason: event.reason,
      missing,
    })
    if (event.position > from) {
      flow.subscription.lostToRetention += missing
      flow.skipFetchTo(event.position)
      this.#refill(flow)
      return
    }
    flow.subscription.abortAll(flow, 'lost', this.#nowMs, this.#effects)
    this.#close(flow)
    this.#open(
      {
        ...event.at,
        position: event.position,
        committed: null,
        leaderEpoch: -1,
        startMark: '',
        inherited: null,
        ignoredMarks: null,
        cutFrom: null,
      },
      null,
    )
  }

  // ── commits ──

  #commit(): void {
    const { identity, stamp } = this.membership
    if (!this.membership.mayCommit(this.#nowMs)) return
    this.#commits.send(this.partitions.values(), stamp, identity, this.settings.group, this.#nowMs, this.#effects)
  }

  /** An answer counts until the next commit is sent, also in a generation that began meanwhile (R2). */
  #committed(event: Extract<MemberEvent<R>, { kind: 'committed' }>): void {
    if (!this.#commits.isAwaited(event.stamp)) return
    const { group } = this.settings
    const refusal = this.#commits.answered(event.results, this.partitions, group, this.#nowMs, this.#effects)
    if (refusal === null) return
    if (refusal !== 'rebalance') this.membership.commitRefused(refusal, event.identity, this.#nowMs, this.#effects)
    else if (event.stamp === this.membership.stamp)
      this.membership.rebalance('a commit was refused because the group rebalances', this.#nowMs, this.#effects)
  }

  #commitFailed(event: Extract<MemberEvent<R>, { kind: 'commitFailed' }>): void {
    if (!this.#commits.isAwaited(event.stamp)) return
    this.#effects.forgetCoordinator()
    this.#commits.failed(event.reason, this.settings.group, this.#nowMs, this.#effects)
  }

  // ── pauses ──

  /** A topic and its delay topics. */
  #pauseTopic(name: string): void {
    for (const topic of this.subscriptions.get(name)?.topics.keys() ?? []) {
      for (const flow of this.#ownerships.pauseTopic(topic)) this.#tellPaused(flow, 'user')
    }
  }

  #resumeTopic(name: string): void {
    const subscription = this.subscriptions.get(name)
    for (const topic of subscription?.topics.keys() ?? []) {
      for (const flow of this.#ownerships.resumeTopic(topic)) {
        this.#tellResumed(flow, 'user')
        for (const entry of flow.takeWithheld()) subscription?.enqueue(entry)
      }
    }
    this.#fetches.changed()
  }

  #tellPaused(flow: PartitionFlow<R>, reason: 'pressure' | 'retry' | 'user'): void {
    this.#effects.emit('partition.paused', { group: this.settings.group, at: placeOf(flow), reason })
  }

  #tellResumed(flow: PartitionFlow<R>, reason: 'pressure' | 'retry' | 'user'): void {
    this.#effects.emit('partition.resumed', { group: this.settings.group, at: placeOf(flow), reason })
  }
}
