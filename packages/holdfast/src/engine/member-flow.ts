/** Decides everything about one member of one group in this process: it owns the membership, the partitions, the
 *  subscriptions with their permits, the fetches and the rhythm of commits, and holds them together. Pure: time arrives in
 *  events, work leaves through `effects`, and the same events always lead to the same effects in the same order.
 *
 *  Giving partitions back, for a rebalance or for good, goes through three steps: *draining* (nothing new starts, running
 *  attempts end), *handing back* (one last commit), then every ownership is over and its epoch with it (R3, R4, R32). */
import { type NextOffset } from '../model/next-offset.ts'
import { type GroupSettings } from '../model/settings.ts'
import { partitionName, type TopicPartition } from '../model/topic-partition.ts'
import { Commits } from './commits.ts'
import { type CommitOffset, type Identity, type JoinAnswer, type MemberEffects, type Stamp } from './effects.ts'
import { type Entry } from './entry.ts'
import { Fetches, type FetchedPartition } from './fetches.ts'
import { groupCodes } from './group-codes.ts'
import { Membership } from './membership.ts'
import { PartitionFlow, type RecordView } from './partition-flow.ts'
import { type AttemptResult, SubscriptionFlow } from './subscription-flow.ts'

/** Where to start on an assigned partition. `committed` is null when nothing was committed before. */
export type StartPosition = TopicPartition & {
  readonly position: NextOffset
  readonly committed: NextOffset | null
  readonly leaderEpoch: number
}

export type Leader = TopicPartition & {
  readonly nodeId: number
  readonly leaderEpoch: number
  readonly topicId: string
}

/** Everything that can happen to a member. `stamp`s and epochs come back as they were sent. */
export type MemberEvent<R> =
  | { readonly kind: 'start' }
  | { readonly kind: 'tick' }
  | { readonly kind: 'joined'; readonly stamp: Stamp; readonly answer: JoinAnswer }
  | {
      readonly kind: 'synced'
      readonly stamp: Stamp
      readonly errorCode: number
      readonly partitions: readonly TopicPartition[]
    }
  | { readonly kind: 'joinFailed'; readonly stamp: Stamp }
  | { readonly kind: 'heartbeatAnswered'; readonly stamp: Stamp; readonly errorCode: number }
  | { readonly kind: 'heartbeatFailed'; readonly stamp: Stamp }
  | { readonly kind: 'positioned'; readonly stamp: Stamp; readonly starts: readonly StartPosition[] }
  | { readonly kind: 'refused'; readonly stamp: Stamp; readonly errorCode: number; readonly what: string }
  | { readonly kind: 'leaders'; readonly leaders: readonly Leader[] }
  | { readonly kind: 'partitionsChanged'; readonly reason: string }
  | {
      readonly kind: 'fetched'
      readonly nodeId: number
      readonly stamp: number
      readonly sessionId: number
      readonly partitions: readonly FetchedPartition<R>[]
    }
  | {
      readonly kind: 'fetchFailed'
      readonly nodeId: number
      readonly stamp: number
      readonly reason: string
      readonly isSessionLost: boolean
    }
  | {
      readonly kind: 'relocated'
      readonly at: TopicPartition
      readonly epoch: number
      readonly position: NextOffset
      readonly reason: string
    }
  | {
      readonly kind: 'committed'
      readonly stamp: Stamp
      readonly identity: Identity
      readonly results: readonly (CommitOffset & { readonly errorCode: number })[]
    }
  | { readonly kind: 'commitFailed'; readonly stamp: Stamp; readonly reason: string }
  | { readonly kind: 'paused'; readonly topic: string }
  | { readonly kind: 'resumed'; readonly topic: string }
  | { readonly kind: 'drain'; readonly drainMs: number }
  | { readonly kind: 'leave'; readonly budgetMs: number }

/** `quiet` from the first call of `drain` on, `leaving` once the last commit may be sent. */
type Ending = 'no' | 'quiet' | 'leaving'

export class MemberFlow<R> {
  readonly settings: GroupSettings
  readonly membership: Membership
  readonly subscriptions: ReadonlyMap<string, SubscriptionFlow<R>>
  readonly partitions = new Map<string, PartitionFlow<R>>()
  /** Whether the partitions of this generation are known and open. */
  isPositioned = false
  readonly #view: RecordView<R>
  readonly #commits: Commits<R>
  readonly #fetches: Fetches<R>
  /** Attempts that outlived the ownership of their partition. */
  readonly #leftovers = new Map<string, Set<Entry<R>>>()
  #epoch = 0
  #ending: Ending = 'no'
  #drainUntilMs = Infinity
  #handBackUntilMs = Infinity
  #hasAbortedDrain = false
  #isDrainedTold = false
  #isFinished = false
  #pausedTopics = new Set<string>()
  #leaders = new Map<string, Leader>()
  /** The sink and the time of the step under way. */
  #effects!: MemberEffects<R>
  #nowMs = 0

  constructor(settings: GroupSettings, view: RecordView<R>, random: () => number) {
    this.settings = settings
    this.#view = view
    this.subscriptions = new Map(
      settings.subscriptions.map((each) => [each.topic, new SubscriptionFlow<R>(each, random)]),
    )
    this.membership = new Membership(settings, random, {
      assigned: (partitions) => this.#assigned(partitions),
      rebalancing: (reason) => this.#rebalancing(reason),
      lost: (reason) => this.#lost(reason),
    })
    this.#commits = new Commits(settings, random)
    this.#fetches = new Fetches(settings.fetch, random)
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
    const subscription = this.#subscriptionOf(entry)
    const wasAborted = entry.phase === 'aborting'
    if (!subscription.release(entry)) {
      this.#leftoverEnded(entry, subscription)
      return
    }
    // A handler that settles after its abort may have given up halfway: whatever it returned, the attempt failed (R16).
    if (result === 'failed' || wasAborted) this.#failed(entry, error, subscription)
    else {
      subscription.finish(entry, result, nowMs)
      effects.emit('record.ended', {
        group: this.settings.group,
        at: entry.owner,
        offset: entry.offset,
        outcome: result,
      })
    }
    this.#commits.rhythm.note(result === 'failed' ? 0 : 1, nowMs)
    if (subscription.hasReady) this.#dispatch(subscription)
    this.#refill(entry.owner)
  }

  /** Attempts that outlived the ownership of their partition and have not settled. */
  get leftovers(): number {
    let running = 0
    for (const leftovers of this.#leftovers.values()) running += leftovers.size
    return running
  }

  get isEnding(): boolean {
    return this.#ending !== 'no'
  }

  /** Ends a turn of `attemptEnded`: commits, fetches and goes on with a drain, if it is time. */
  settle(nowMs: number, effects: MemberEffects<R>): void {
    this.#begin(nowMs, effects)
    this.#proceed()
  }

  /** When the next `tick` is due, at the latest. */
  get nextWakeMs(): number {
    let wakeMs = Math.min(
      this.membership.nextWakeMs,
      this.#fetches.nextWakeMs,
      this.#drainUntilMs,
      this.#handBackUntilMs,
    )
    for (const subscription of this.subscriptions.values()) wakeMs = Math.min(wakeMs, subscription.nextWakeMs)
    return this.membership.isMember ? Math.min(wakeMs, this.#commits.nextWakeMs) : wakeMs
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
      case 'joined':
        return membership.joined(event.stamp, event.answer, this.#nowMs, this.#effects)
      case 'synced':
        return membership.synced(event.stamp, event.errorCode, event.partitions, this.#nowMs, this.#effects)
      case 'joinFailed':
        return membership.joinFailed(event.stamp, this.#nowMs, this.#effects)
      case 'heartbeatAnswered':
        return membership.heartbeatAnswered(event.stamp, event.errorCode, this.#nowMs, this.#effects)
      case 'heartbeatFailed':
        return membership.heartbeatFailed(event.stamp, this.#nowMs, this.#effects)
      case 'positioned':
        return this.#positioned(event.stamp, event.starts)
      case 'refused':
        return this.#refused(event)
      case 'leaders':
        return this.#leadersKnown(event.leaders)
      case 'partitionsChanged':
        return membership.rebalance(event.reason)
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
      case 'paused':
        return this.#pauseTopic(event.topic)
      case 'resumed':
        return this.#resumeTopic(event.topic)
      case 'drain':
        return this.#drain(event.drainMs)
      case 'leave':
        return this.#leave(event.budgetMs)
    }
  }

  /** What follows from any event: starts, fetches, commits, and the next step of a drain. */
  #proceed(): void {
    for (const subscription of this.subscriptions.values()) if (subscription.hasReady) this.#dispatch(subscription)
    if (this.#isHandingBack) this.#handBack()
    else if (this.#ending === 'leaving') this.#giveBack()
    else if (this.membership.phase === 'draining') this.#drainOn()
    else if (this.#ending === 'quiet' && !this.membership.isMember) this.#tellDrained()
    if (this.membership.phase === 'stable') this.#fetches.fetchWhatMay(this.partitions, this.#nowMs, this.#effects)
    if (this.#commits.rhythm.nextWakeMs <= this.#nowMs && !this.#isHandingBack) this.#commit()
  }

  #tick(): void {
    this.membership.tick(this.#nowMs, this.#effects)
    for (const subscription of this.subscriptions.values()) subscription.expire(this.#nowMs, this.#effects)
  }

  #subscriptionOf(entry: Entry<R>): SubscriptionFlow<R> {
    const subscription = this.subscriptions.get(entry.owner.topic)
    if (subscription === undefined) throw new RangeError(`no subscription for ${entry.owner.topic}`)
    return subscription
  }

  #dispatch(subscription: SubscriptionFlow<R>): void {
    if (this.membership.holdsLease(this.#nowMs)) subscription.dispatch(this.#nowMs, this.#effects)
  }

  // ── assignment ──

  #assigned(partitions: readonly TopicPartition[]): void {
    this.#commits.rhythm.reset()
    const { identity, stamp, isLeader } = this.membership
    if (this.#ending !== 'no') return
    this.#effects.emit('group.joined', { group: this.settings.group, isLeader, ...identity })
    this.isPositioned = partitions.length === 0
    if (!this.isPositioned) this.#effects.resolvePositions(stamp, identity, partitions)
  }

  #positioned(stamp: Stamp, starts: readonly StartPosition[]): void {
    if (stamp !== this.membership.stamp || this.membership.phase !== 'stable') return
    this.isPositioned = true
    for (const start of starts) this.#open(start)
    this.#fetches.changed()
  }

  /** A new ownership begins, with an epoch of its own. */
  #open(start: StartPosition): PartitionFlow<R> | undefined {
    const subscription = this.subscriptions.get(start.topic)
    if (subscription === undefined) return undefined
    const name = partitionName(start)
    const flow = new PartitionFlow<R>({
      ...start,
      epoch: ++this.#epoch,
      settings: subscription.settings,
      view: this.#view,
      leftovers: [...(this.#leftovers.get(name) ?? [])],
    })
    flow.leader = this.#leaders.get(name) ?? null
    if (this.#pausedTopics.has(start.topic)) flow.pause('user')
    this.partitions.set(name, flow)
    if (flow.isDirty) this.#commits.rhythm.note(0, this.#nowMs)
    const { group } = this.settings
    this.#effects.emit('partition.assigned', { group, at: at(flow), epoch: flow.epoch, from: start.position })
    return flow
  }

  /** Ends an ownership; attempts that still run keep their lanes until they settle. */
  #close(flow: PartitionFlow<R>): void {
    const stillRunning = flow.close()
    this.subscriptions.get(flow.topic)?.remember(flow)
    const name = partitionName(flow)
    this.partitions.delete(name)
    if (stillRunning.length === 0) return
    const leftovers = this.#leftovers.get(name) ?? new Set()
    for (const entry of stillRunning) leftovers.add(entry)
    this.#leftovers.set(name, leftovers)
  }

  #leftoverEnded(entry: Entry<R>, subscription: SubscriptionFlow<R>): void {
    const { topic, partition, epoch } = entry.owner
    const name = partitionName(entry.owner)
    const { group } = this.settings
    entry.state = 'finished'
    this.#leftovers.get(name)?.delete(entry)
    this.#effects.emit('attempt.stale', { group, at: { topic, partition }, offset: entry.offset, epoch })
    const next = this.partitions.get(name)?.releaseLeftover(entry) ?? null
    if (next !== null) subscription.enqueue(next)
    this.#dispatch(subscription)
  }

  #lost(reason: string): void {
    this.#effects.emit('group.lost', { group: this.settings.group, reason })
    for (const flow of [...this.partitions.values()]) {
      this.subscriptions.get(flow.topic)?.abortAll(flow, 'lost', this.#nowMs, this.#effects)
      this.#close(flow)
      const { group } = this.settings
      this.#effects.emit('partition.lost', { group, at: at(flow), epoch: flow.epoch, reason })
    }
    this.#forgetRound()
  }

  /** A drain, a hand-back and the fetches of this membership are over. */
  #forgetRound(): void {
    this.isPositioned = false
    this.#drainUntilMs = Infinity
    this.#handBackUntilMs = Infinity
    this.#hasAbortedDrain = false
    this.#commits.rhythm.reset()
    this.#fetches.reset()
  }

  /** The coordinator refused a request about our positions. */
  #refused(event: Extract<MemberEvent<R>, { kind: 'refused' }>): void {
    if (event.stamp !== this.membership.stamp) return
    if (event.errorCode === groupCodes.rebalanceInProgress) this.membership.rebalance(event.what)
    else this.membership.fenced(event.errorCode, event.what, this.#nowMs, this.#effects)
  }

  // ── giving back ──

  #rebalancing(reason: string): void {
    this.#effects.emit('group.rebalancing', { group: this.settings.group, reason })
    this.#quieten('revoke', this.settings.drainAtRevokeMs)
  }

  #quieten(why: 'revoke' | 'stop', drainMs: number): void {
    for (const flow of this.partitions.values()) flow.quieten(why)
    this.#drainUntilMs = Math.min(this.#drainUntilMs, this.#nowMs + drainMs)
  }

  /** Stop for good: nothing new starts, what started may end. */
  #drain(drainMs: number): void {
    if (this.#ending !== 'no') return
    this.#ending = 'quiet'
    const wasStable = this.membership.phase === 'stable'
    this.membership.drain()
    this.#quieten(wasStable ? 'stop' : 'revoke', drainMs)
  }

  #drainOn(): void {
    if (this.#nowMs >= this.#drainUntilMs && !this.#hasAbortedDrain) this.#abortDrain()
    const isDrained = [...this.partitions.values()].every((flow) => flow.isDrained)
    if (!isDrained && this.#nowMs < this.#drainUntilMs) return
    if (this.#ending === 'no') this.#beginHandBack(this.#handBackMs)
    else if (this.#ending === 'quiet') this.#tellDrained()
  }

  /** Attempts that outlive the drain are told to end. At a stop they get a moment to obey, so that their outcome is known;
   *  at a rebalance the rest of the group is waiting. */
  #abortDrain(): void {
    this.#hasAbortedDrain = true
    const reason = this.#ending === 'no' ? 'revoked' : 'stopped'
    let isRunning = false
    for (const flow of this.partitions.values()) {
      isRunning ||= flow.running > 0
      flow.quieten('revoke')
      this.subscriptions.get(flow.topic)?.abortAll(flow, reason, this.#nowMs, this.#effects)
    }
    if (isRunning && this.#ending !== 'no') this.#drainUntilMs = this.#nowMs + abortPatienceMs
  }

  get #isHandingBack(): boolean {
    return this.#handBackUntilMs !== Infinity
  }

  #tellDrained(): void {
    if (this.#isDrainedTold) return
    this.#isDrainedTold = true
    this.#drainUntilMs = Infinity
    this.#effects.drained()
  }

  /** How long the last commit before a rejoin may take: a part of what the group waits for us. */
  get #handBackMs(): number {
    return Math.min(5_000, this.settings.rebalanceTimeoutMs / 4)
  }

  #beginHandBack(budgetMs: number): void {
    this.#drainUntilMs = Infinity
    this.#handBackUntilMs = this.#nowMs + budgetMs
    this.#handBack()
  }

  /** One last commit, repeated while it fails in a way that passes and the budget lasts. */
  #handBack(): void {
    const isDirty = [...this.partitions.values()].some((flow) => flow.isDirty)
    const isTimeUp = this.#nowMs >= this.#handBackUntilMs || !this.membership.isMember
    if (!isTimeUp && this.#commits.rhythm.isInFlight) return
    if (!isTimeUp && isDirty && this.membership.holdsLease(this.#nowMs)) {
      if (this.#commits.rhythm.mayHurry(this.#nowMs)) this.#commit()
      return
    }
    this.#giveBack()
  }

  #giveBack(): void {
    const { group } = this.settings
    const uncommitted = this.#uncommitted()
    for (const flow of [...this.partitions.values()]) {
      const unfinished = flow.ledger.size
      this.#close(flow)
      const { epoch, committed } = flow
      this.#effects.emit('partition.revoked', { group, at: at(flow), epoch, committed, abandoned: unfinished })
    }
    this.#forgetRound()
    if (this.#ending === 'no') this.membership.rejoin(this.#effects)
    if (this.#ending !== 'leaving' || this.#isFinished) return
    this.#isFinished = true
    this.membership.leave(this.#effects)
    this.#effects.finished({ uncommitted, abandoned: this.leftovers })
  }

  /** Records that ended but that no acknowledged commit covers: a restart handles them again. */
  #uncommitted(): number {
    let records = 0
    for (const flow of this.partitions.values()) {
      records += flow.ledger.finishedAbove
      if (flow.isDirty) records += Math.max(0, flow.ledger.committable() - (flow.committed ?? 0))
    }
    return records
  }

  #leave(budgetMs: number): void {
    if (this.#ending === 'leaving') return
    this.#ending = 'leaving'
    this.#beginHandBack(budgetMs)
  }

  // ── records ──

  #failed(entry: Entry<R>, error: unknown, subscription: SubscriptionFlow<R>): void {
    const isEnding = entry.abortReason === 'stopped' || entry.abortReason === 'revoked'
    entry.abortReason = null
    if (isEnding) {
      entry.state = 'parked'
      entry.owner.parked += 1
      this.#effects.attemptFailed(entry, error, null)
      return
    }
    subscription.fail(entry, error, this.#nowMs, this.#effects)
    if (entry.owner.needsRetryPause && entry.owner.pause('retry')) this.#tellPaused(entry.owner, 'retry')
  }

  #refill(flow: PartitionFlow<R>): void {
    if (flow.isOver) return
    const subscription = this.subscriptions.get(flow.topic)
    if (subscription === undefined) return
    const { bufferedRecordsMax } = flow.settings
    if (flow.ledger.size <= bufferedRecordsMax / 2) this.#decode(flow, subscription)
    if (!flow.needsRetryPause && !flow.isUnreadable && flow.resume('retry')) {
      this.#tellResumed(flow, 'retry')
      for (const entry of flow.takeWithheld()) subscription.enqueue(entry)
      this.#fetches.changed()
    }
    const pressure = flow.pressure()
    if (pressure === 'begins' && flow.pause('pressure')) this.#tellPaused(flow, 'pressure')
    if (pressure === 'ends' && flow.resume('pressure')) {
      this.#tellResumed(flow, 'pressure')
      this.#fetches.changed()
    }
  }

  #decode(flow: PartitionFlow<R>, subscription: SubscriptionFlow<R>): void {
    const before = flow.ledger.committable()
    try {
      flow.refill(subscription.enqueue)
    } catch (error) {
      const { group } = this.settings
      const reason = error instanceof Error ? error.message : String(error)
      this.#effects.emit('fetch.corrupt', { group, at: at(flow), offset: flow.ledger.position, reason })
      flow.isUnreadable = true
      if (flow.pause('retry')) this.#tellPaused(flow, 'retry')
    }
    if (flow.ledger.committable() > before) this.#commits.rhythm.note(0, this.#nowMs)
    if (subscription.hasReady) this.#dispatch(subscription)
  }

  #fetched(event: Extract<MemberEvent<R>, { kind: 'fetched' }>): void {
    if (!this.#fetches.answered(event)) return
    for (const part of event.partitions) {
      const flow = this.partitions.get(partitionName(part.at))
      const order = part.target
      // An answer to an older ownership, or to a position that was left meanwhile, is dropped.
      if (flow?.epoch !== order.epoch || flow.fetchPosition !== order.fetchOffset) continue
      this.#fetches.received(flow, part, this.settings.group, this.#nowMs, this.#effects)
      const subscription = this.subscriptions.get(flow.topic)
      if (subscription !== undefined && !flow.isQuiet) {
        if (!subscription.hasReady && subscription.running === 0) subscription.progressAtMs = this.#nowMs
        this.#decode(flow, subscription)
        this.#refill(flow)
      }
    }
  }

  #leadersKnown(leaders: readonly Leader[]): void {
    this.#leaders = new Map(leaders.map((leader) => [partitionName(leader), leader]))
    for (const [name, flow] of this.partitions)
      this.#fetches.ledBy(flow, this.#leaders.get(name) ?? null, this.#effects)
    this.#fetches.changed()
  }

  /** Forwards, what was received is still handled; backwards, the log was cut and a new ownership begins there. */
  #relocated(event: Extract<MemberEvent<R>, { kind: 'relocated' }>): void {
    const flow = this.partitions.get(partitionName(event.at))
    if (flow === undefined || flow.epoch !== event.epoch || this.membership.phase !== 'stable') return
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
      flow.skipFetchTo(event.position)
      this.#refill(flow)
      return
    }
    this.subscriptions.get(flow.topic)?.abortAll(flow, 'lost', this.#nowMs, this.#effects)
    this.#close(flow)
    this.#open({ ...event.at, position: event.position, committed: null, leaderEpoch: -1 })
  }

  // ── commits ──

  #commit(): void {
    const { identity, stamp } = this.membership
    if (!this.membership.holdsLease(this.#nowMs)) return
    this.#commits.send(this.partitions.values(), stamp, identity, this.settings.group, this.#nowMs, this.#effects)
  }

  #committed(event: Extract<MemberEvent<R>, { kind: 'committed' }>): void {
    if (event.stamp !== this.membership.stamp) return
    const refusal = this.#commits.answered(
      event.results,
      this.partitions,
      this.settings.group,
      this.#nowMs,
      this.#effects,
    )
    if (refusal === 'rebalance') this.membership.rebalance('a commit was refused because the group rebalances')
    else if (refusal !== null) {
      this.membership.fenced(refusal, `a commit was refused with error ${refusal}`, this.#nowMs, this.#effects)
    }
  }

  #commitFailed(event: Extract<MemberEvent<R>, { kind: 'commitFailed' }>): void {
    if (event.stamp !== this.membership.stamp) return
    this.#effects.forgetCoordinator()
    this.#commits.failed(event.reason, this.settings.group, this.#nowMs, this.#effects)
  }

  // ── pauses ──

  #pauseTopic(topic: string): void {
    this.#pausedTopics.add(topic)
    for (const flow of this.partitions.values()) {
      if (flow.topic === topic && flow.pause('user')) this.#tellPaused(flow, 'user')
    }
  }

  #resumeTopic(topic: string): void {
    this.#pausedTopics.delete(topic)
    for (const flow of this.partitions.values()) {
      if (flow.topic !== topic || !flow.resume('user')) continue
      this.#tellResumed(flow, 'user')
      for (const entry of flow.takeWithheld()) this.subscriptions.get(topic)?.enqueue(entry)
    }
    this.#fetches.changed()
  }

  #tellPaused(flow: PartitionFlow<R>, reason: 'pressure' | 'retry' | 'user'): void {
    this.#effects.emit('partition.paused', { group: this.settings.group, at: at(flow), reason })
  }

  #tellResumed(flow: PartitionFlow<R>, reason: 'pressure' | 'retry' | 'user'): void {
    this.#effects.emit('partition.resumed', { group: this.settings.group, at: at(flow), reason })
  }
}

/** How long a stop waits for aborted attempts to settle. */
const abortPatienceMs = 500

function at(flow: TopicPartition): TopicPartition {
  return { topic: flow.topic, partition: flow.partition }
}
