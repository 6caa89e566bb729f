/** Runs one member of one group: the owner loop. It turns answers, timers and ended attempts into events, lets the engine
 *  decide, and does what the engine says. It decides nothing itself; nobody else talks to the port on the member's behalf.
 *
 *  Between "handled" and "committed" there is no await of ours: an attempt that ends is in the ledger in the same turn, and
 *  a commit is built from the ledger in the step that sends it. If the process dies in between, the record is handled
 *  again; nothing is lost. */
import type { AbortReason, Entry } from '../engine/entry.ts'
import { type Leader, MemberFlow, type MemberEvent } from '../engine/member-flow.ts'
import {
  explain,
  memberHealth,
  type MemberHealth,
  type SubscriptionStatus,
  subscriptionStatus,
} from '../engine/status.ts'
import { HoldfastError } from '../model/errors.ts'
import type { Outcome } from '../model/outcome.ts'
import type { Destination } from '../model/destination.ts'
import { readHandedOff } from '../model/handed-off.ts'
import type { KafkaRecord } from '../model/record.ts'
import type { GroupSettings } from '../model/settings.ts'
import { placeOf, type TopicPartition } from '../model/topic-partition.ts'
import type { Emitter } from '../observe/emitter.ts'
import type { HoldfastEventName, HoldfastEvents } from '../observe/events.ts'
import type { Logger } from '../observe/log.ts'
import { Attempts, type RecordHandler } from './attempts.ts'
import { type BrokerTime, runAtMs } from './broker-time.ts'
import type { Clock, Timer } from './clock.ts'
import type { Cluster } from './cluster.ts'
import { EffectQueue } from './effect-queue.ts'
import { EndedAttempts } from './ended-attempts.ts'
import type { OpenPort } from './environment.ts'
import type { HandOffs } from './hand-off.ts'
import { MemberRequests } from './member-requests.ts'

export type MemberLoopParts = {
  readonly settings: GroupSettings
  readonly port: OpenPort
  readonly cluster: Cluster
  readonly clock: Clock
  readonly emitter: Emitter
  readonly handlers: ReadonlyMap<string, RecordHandler>
  /** Writes records to our own topics. */
  readonly handOffs: HandOffs
  readonly brokerTime: BrokerTime
  /** What handlers log to. */
  readonly logger: Logger
  /** Going on is impossible. */
  readonly onFailed: (error: Error) => void
}

export type MemberResult = { readonly uncommitted: number; readonly abandoned: number }

const farewellMsMax = 300

export class MemberLoop {
  readonly settings: GroupSettings
  readonly #clock: Clock
  readonly #port: OpenPort
  readonly #handOffs: HandOffs
  readonly #brokerTime: BrokerTime
  readonly #cluster: Cluster
  readonly #emitter: Emitter
  readonly #onFailed: (error: Error) => void
  readonly #flow: MemberFlow<KafkaRecord>
  readonly #attempts: Attempts
  readonly #queue: EffectQueue
  readonly #ended: EndedAttempts
  readonly #requests: MemberRequests
  readonly #drained = Promise.withResolvers<void>()
  readonly #finished = Promise.withResolvers<MemberResult>()
  readonly #waiters = new Set<() => void>()
  #left: Promise<void> = Promise.resolve()
  #wake: Timer | null = null
  #wakeAtMs = Infinity
  #isPerforming = false
  #isClosed = false

  constructor(parts: MemberLoopParts) {
    this.settings = parts.settings
    this.#clock = parts.clock
    this.#port = parts.port
    this.#handOffs = parts.handOffs
    this.#brokerTime = parts.brokerTime
    this.#cluster = parts.cluster
    this.#emitter = parts.emitter
    this.#onFailed = parts.onFailed
    const seed = Math.floor(parts.clock.random() * 2 ** 32)
    const view = {
      offset: (record: KafkaRecord) => record.offset,
      hasKey: (record: KafkaRecord) => record.hasKey,
      keyHash: (record: KafkaRecord) => record.keyHash(seed),
      handedOff: (record: KafkaRecord) => this.#handedOff(record),
    }
    this.#flow = new MemberFlow(parts.settings, view, () => parts.clock.random())
    this.#attempts = new Attempts(parts.handlers, parts.logger, () => queueMicrotask(this.#ended.take))
    this.#queue = new EffectQueue(this.#performer(), () => this.#emitter.hasListeners('record.ended'))
    this.#ended = new EndedAttempts({
      clock: parts.clock,
      flow: this.#flow,
      attempts: this.#attempts,
      effects: this.#queue.effects,
      perform: () => this.#perform(),
    })
    this.#requests = new MemberRequests({ ...parts, flow: this.#flow, step: (event) => this.#step(event) })
  }

  /** Begins to join. Metadata of the subscribed topics must be there. */
  start(): void {
    this.#cluster.onChange(() => this.#tellLeaders())
    this.#tellLeaders()
    this.#step({ kind: 'start' })
  }

  /** Stops taking new records on; resolves when what started has ended or was given up. */
  drain(drainMs: number): Promise<void> {
    if (this.#isClosed) return Promise.resolve()
    this.#step({ kind: 'drain', drainMs })
    return this.#drained.promise
  }

  /** Commits for the last time, within the budget, and leaves; a coordinator that does not answer the farewell is not
   *  waited for. */
  async leave(budgetMs: number): Promise<MemberResult> {
    if (this.#isClosed) return { uncommitted: 0, abandoned: 0 }
    this.#step({ kind: 'leave', budgetMs })
    const result = await this.#finished.promise
    await Promise.race([this.#left, this.#requests.pause(farewellMsMax)])
    return result
  }

  /** Ends everything at once; what is not committed stays uncommitted. */
  close(): void {
    this.#isClosed = true
    this.#ended.close()
    this.#wake?.cancel()
    this.#requests.close()
    this.#cluster.close()
    this.#port.close()
    this.#drained.resolve()
    this.#finished.resolve({ uncommitted: 0, abandoned: 0 })
    this.#notify()
  }

  pause(topic: string): void {
    this.#step({ kind: 'paused', topic })
  }

  resume(topic: string): void {
    this.#step({ kind: 'resumed', topic })
  }

  setConcurrency(topic: string, concurrency: number): void {
    const subscription = this.#flow.subscriptions.get(topic)
    if (subscription === undefined) return
    subscription.concurrency = concurrency
    this.#step({ kind: 'tick' })
  }

  status(topic: string): SubscriptionStatus | null {
    return subscriptionStatus(this.#flow, topic, this.#clock.monotonicMs())
  }

  explain(topic: string): readonly string[] {
    return explain(this.#flow, topic, this.#clock.monotonicMs())
  }

  health(): MemberHealth {
    return memberHealth(this.#flow, this.#clock.monotonicMs())
  }

  /** The partitions of a topic that this member owns, once it has joined and knows where to start on them. */
  async assigned(topic: string): Promise<TopicPartition[]> {
    await this.#until(() => this.#flow.isPositioned)
    return this.#owned(topic)
  }

  /** Resolves when every record that is in the owned partitions now has its outcome. Partitions that leave meanwhile are
   *  another member's to catch up with. */
  async caughtUp(topic: string): Promise<void> {
    const ends = await this.#requests.endsOf(await this.assigned(topic))
    await this.#until(() => [...ends].every(([name, end]) => this.#isDoneUpTo(name, end)))
  }

  /** A partition that another member has now is for that member to catch up with; one that a stop gave back is not. */
  #isDoneUpTo(name: string, end: number): boolean {
    const flow = this.#flow.partitions.get(name)
    return flow === undefined ? !this.#flow.isEnding : flow.committable() >= end
  }

  #owned(topic: string): TopicPartition[] {
    const owned = [...this.#flow.partitions.values()].filter((flow) => flow.topic === topic)
    return owned.map(({ partition }) => ({ topic, partition })).sort((a, b) => a.partition - b.partition)
  }

  /** Waits until `condition` holds after some step; rejects when the loop closes first. */
  async #until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.#isClosed) throw new HoldfastError('STOPPED', 'the app stopped before that happened')
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#waiters.add(resolve)
      await promise
    }
  }

  // ── the loop ──

  #step(event: MemberEvent<KafkaRecord>): void {
    if (this.#isClosed) return
    this.#flow.step(event, this.#clock.monotonicMs(), this.#queue.effects)
    this.#perform()
  }

  #perform(): void {
    if (this.#isPerforming) return
    this.#isPerforming = true
    try {
      this.#queue.perform()
    } finally {
      // Whatever went wrong, the next heartbeat must not go missing.
      this.#isPerforming = false
      this.#arm()
    }
    this.#notify()
  }

  /** One timer, for the next moment at which something is due; none when nothing is. */
  #arm(): void {
    if (this.#isClosed) return
    const wakeAtMs = this.#flow.nextWakeMs
    if (wakeAtMs === this.#wakeAtMs) return
    this.#wake?.cancel()
    this.#wake = null
    this.#wakeAtMs = wakeAtMs
    if (wakeAtMs === Infinity) return
    const delayMs = Math.max(1, wakeAtMs - this.#clock.monotonicMs())
    this.#wake = this.#clock.setTimer(delayMs, () => {
      this.#wakeAtMs = Infinity
      this.#step({ kind: 'tick' })
    })
  }

  #notify(): void {
    if (this.#waiters.size === 0) return
    const waiters = [...this.#waiters]
    this.#waiters.clear()
    for (const waiter of waiters) waiter()
  }

  // ── what the engine asks for ──

  #performer(): ConstructorParameters<typeof EffectQueue>[0] {
    const { group } = this.settings
    return {
      start: (entry) => this.#attempts.start(entry),
      abort: (entry, reason) => this.#abort(entry, reason),
      ended: (entry, outcome) => this.#tellEnded(entry, outcome),
      timedOut: (entry) => {
        const { attemptTimeoutMs: timeoutMs } = entry.owner.settings
        this.#emit('attempt.timedOut', { ...attemptOf(group, entry), timeoutMs })
      },
      zombie: (entry) => {
        const zombies = this.#flow.subscriptions.get(entry.owner.topic)?.zombies ?? 0
        this.#emit('attempt.zombie', { ...attemptOf(group, entry), zombies })
      },
      attemptFailed: (entry, error, retryInMs) => {
        this.#emit('attempt.failed', { ...attemptOf(group, entry), error: handlerError(error), retryInMs })
      },
      handOff: (entry, destination) => void this.#handOff(entry, destination),
      blocked: (entry, error) => {
        this.#emit('partition.blocked', {
          group,
          at: placeOf(entry.owner),
          offset: entry.offset,
          error: handlerError(error),
        })
      },
      join: (stamp, memberId, claim) => void this.#requests.join(stamp, memberId, claim),
      sync: (stamp, answer) => void this.#requests.sync(stamp, answer),
      heartbeat: (stamp, identity, sentMs) => void this.#requests.heartbeat(stamp, identity, sentMs),
      leave: (memberId) => {
        this.#left = this.#requests.leave(memberId)
      },
      forgetCoordinator: () => this.#cluster.forgetCoordinator(group),
      fail: (error) => this.#onFailed(error),
      resolvePositions: (stamp, identity, partitions) => {
        void this.#requests.resolvePositions(stamp, identity, partitions)
      },
      fetch: (order) => void this.#requests.fetch(order),
      commit: (stamp, identity, offsets) => void this.#requests.commit(stamp, identity, offsets),
      relocate: (lost) => void this.#requests.relocate(lost),
      refreshMetadata: (reason) => void this.#cluster.refresh(reason),
      drained: () => this.#drained.resolve(),
      finished: (result) => this.#finished.resolve(result),
      emit: (name, event) => this.#emit(name, event),
    }
  }

  #emit<N extends HoldfastEventName>(name: N, event: HoldfastEvents[N]): void {
    this.#emitter.emit(name, event)
  }

  #abort(entry: Entry<KafkaRecord>, reason: AbortReason): void {
    this.#attempts.abort(entry, reason, entry.owner.settings.attemptTimeoutMs)
  }

  #tellEnded(entry: Entry<KafkaRecord>, outcome: Outcome): void {
    this.#emit('record.ended', { group: this.settings.group, at: placeOf(entry.owner), offset: entry.offset, outcome })
  }

  // ── records of our own topics ──

  /** Nothing is lost between the two steps: until the second one the record is unfinished, and whoever takes the partition
   *  over meanwhile, or after our death, writes it again. */
  async #handOff(entry: Entry<KafkaRecord>, destination: Destination): Promise<void> {
    const { record, attempt: attempts, error } = entry
    try {
      const { group } = this.settings
      const isWanted = (): boolean => !entry.owner.isOver && this.#flow.membership.holdsLease(this.#clock.monotonicMs())
      await this.#handOffs.write({ record, at: placeOf(entry.owner), group, attempts, error, destination, isWanted })
      this.#step({ kind: 'handedOff', entry })
    } catch (failure) {
      const isHopeless = failure instanceof HoldfastError && failure.code === 'RECORD_TOO_LARGE'
      this.#step({ kind: 'handOffFailed', entry, error: failure, isHopeless })
    }
  }

  /** What the headers of a record in a delay topic say, with its due time on our own clock. */
  #handedOff(record: KafkaRecord): { attempts: number; dueMs: number } {
    const told = readHandedOff(record.headers)
    const leftMs = runAtMs(told, record.timestampMs) - this.#brokerTime.nowMs(this.#clock.monotonicMs())
    // It was written before it is read: however wrong a calendar is, no more than its whole delay is left.
    const waitMs = Math.min(leftMs, told.delayMs ?? Infinity)
    // 0 would mean that it never had to wait.
    return { attempts: told.attempts, dueMs: Math.max(1, this.#clock.monotonicMs() + waitMs) }
  }

  // ── what the cluster says ──

  #tellLeaders(): void {
    const leaders = [...this.#flow.subscriptions.keys()].flatMap((topic) => this.#leadersOf(topic))
    this.#step({ kind: 'leaders', leaders })
    this.#requests.noticeNewPartitions()
  }

  #leadersOf(topic: string): Leader[] {
    const view = this.#cluster.topic(topic)
    return (view?.partitions ?? []).flatMap(({ partition }) => {
      const leader = this.#cluster.leaderOf(topic, partition)
      if (leader === undefined || view === undefined) return []
      return [{ topic, partition, nodeId: leader.nodeId, leaderEpoch: leader.leaderEpoch, topicId: view.topicId }]
    })
  }
}

type AttemptPlace = { group: string; at: TopicPartition; offset: number; attempt: number }

function attemptOf(group: string, entry: Entry<KafkaRecord>): AttemptPlace {
  return { group, at: placeOf(entry.owner), offset: entry.offset, attempt: entry.attempt }
}

/** Handlers throw anything; whoever listens gets an `Error` that can be looked at. */
function handlerError(thrown: unknown): Error {
  if (isReadableError(thrown)) return thrown
  return new HoldfastError('HANDLER_FAILED', 'the handler threw something that is not an Error', { cause: thrown })
}

/** A proxy may refuse even the question what it is, and a getter may throw. */
function isReadableError(thrown: unknown): thrown is Error {
  try {
    if (!(thrown instanceof Error)) return false
    const { name, message, stack, cause } = thrown
    return typeof name === 'string' && typeof message === 'string' && typeof stack !== 'symbol' && cause !== thrown
  } catch {
    return false
  }
}
