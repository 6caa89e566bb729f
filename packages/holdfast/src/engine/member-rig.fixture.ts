/** For tests: one member with a broker that says what the test wants, on a clock that the test moves. Records are plain
 *  offsets with a key; nothing here knows a promise. */
import { startAt } from '../model/next-offset.ts'
import type { GroupSettings, SubscriptionSettings } from '../model/settings.ts'
import { partitionName } from '../model/topic-partition.ts'
import type { CommitOffset, Identity, Stamp } from './effects.ts'
import type { Entry } from './entry.ts'
import type { FetchOrder } from './fetch-session.ts'
import { MemberFlow, type MemberEvent } from './member-flow.ts'
import type { Chunk } from './partition-flow.ts'
import { Recorded, type RecordedEffect } from './recorded.fixture.ts'
import type { AttemptResult } from './subscription-flow.ts'

/** `attempts` and `dueMs`: what the headers of a record in a delay topic say. */
export type TestRecord = {
  readonly offset: number
  readonly key: number | null
  readonly attempts?: number
  readonly dueMs?: number
}

export const testSubscription: SubscriptionSettings = {
  topic: 'orders',
  order: 'none',
  concurrency: 10,
  attemptTimeoutMs: 30_000,
  abortGraceMs: 5_000,
  from: 'earliest',
  inPlaceDelaysMs: [100, 1_000, 5_000],
  delaysMs: [],
  delayTopics: [],
  whileRetrying: 'overtake',
  deadLetters: null,
  bufferedRecordsMax: 256,
  parkedRecordsMax: 256,
}

export const testGroup: GroupSettings = {
  group: 'billing',
  protocol: 'eager',
  ownTopics: 'ignore',
  subscriptions: [testSubscription],
  sessionTimeoutMs: 45_000,
  heartbeatIntervalMs: 3_000,
  rebalanceTimeoutMs: 60_000,
  requestTimeoutMs: 10_000,
  commitIntervalMs: 1_000,
  commitRecords: 1_000,
  commitGapMs: 100,
  drainAtRevokeMs: 10_000,
  loopTimeoutMs: 30_000,
  fetch: {
    maxWaitMs: 500,
    pressedWaitMs: 20,
    requestBytesMax: 8 * 1_048_576,
    partitionBytesMax: 1_048_576,
    heldBytesMax: 64 * 1_048_576,
    isolationLevel: 'readCommitted',
  },
}

/** A start about whose records nothing is known. */
export const noMarks = { startMark: '', inherited: null, ignoredMarks: null } as const

export const topicId = '0a1b2c3d-0000-4000-8000-00000000beef'

const view = {
  handedOff: ({ attempts = 1, dueMs = 1 }: TestRecord): { attempts: number; dueMs: number } => ({ attempts, dueMs }),
  offset: (record: TestRecord): number => record.offset,
  hasKey: (record: TestRecord): boolean => record.key !== null,
  keyHash: (record: TestRecord): number => record.key ?? 0,
}

/** Records as one answer would bring them; `nextOffset` above the last one stands for markers and gaps. */
export function chunkOf(records: readonly TestRecord[], nextOffset?: number, bytes = 1_000): Chunk<TestRecord> {
  let taken = 0
  const last = records.at(-1)?.offset ?? -1
  return {
    bytes,
    leaderEpoch: 0,
    unfinished: 0,
    isTaken: false,
    nextOffset: startAt(nextOffset ?? last + 1),
    take: (max) => records.slice(taken, (taken += Math.min(max, records.length - taken))),
  }
}

export function offsets(...of: readonly number[]): TestRecord[] {
  return of.map((offset) => ({ offset, key: null }))
}

/** Whoever is woken more often without time passing would keep a core busy. */
const wakesAtOnceMax = 100

export class MemberRig {
  readonly flow: MemberFlow<TestRecord>
  nowMs = 1_000
  /** Everything asked for since the last `take`. */
  seen: RecordedEffect<TestRecord>[] = []
  /** Attempts that were started and have not been ended, by offset; a later attempt replaces an earlier one. */
  readonly running = new Map<number, Entry<TestRecord>>()
  commits: { stamp: Stamp; identity: Identity; offsets: readonly CommitOffset[] }[] = []
  fetches: FetchOrder[] = []
  readonly #recorded = new Recorded<TestRecord>()

  constructor(settings: Partial<GroupSettings> & { subscription?: Partial<SubscriptionSettings> } = {}) {
    const { subscription, ...group } = settings
    const subscriptions = [{ ...testSubscription, ...subscription }]
    this.flow = new MemberFlow({ ...testGroup, subscriptions, ...group }, view, () => 0.5)
  }

  step(event: MemberEvent<TestRecord>): void {
    this.flow.step(event, this.nowMs, this.#recorded.effects)
    this.#note()
  }

  end(offset: number, result: AttemptResult = 'done', error: unknown = new Error('failed')): void {
    const entry = this.running.get(offset)
    if (entry === undefined) throw new RangeError(`offset ${offset} is not running`)
    this.running.delete(offset)
    this.flow.attemptEnded(entry, result, error, this.nowMs, this.#recorded.effects)
    this.flow.settle(this.nowMs, this.#recorded.effects)
    this.#note()
  }

  /** Moves the clock, waking the flow whenever it asked to be, and answers heartbeats on the way. */
  advance(ms: number): void {
    const untilMs = this.nowMs + ms
    let wakesAtOnce = 0
    while (this.flow.nextWakeMs <= untilMs) {
      wakesAtOnce = this.flow.nextWakeMs > this.nowMs ? 0 : wakesAtOnce + 1
      if (wakesAtOnce > wakesAtOnceMax) throw new RangeError(`woken again and again at ${this.nowMs} ms`)
      this.nowMs = Math.max(this.nowMs, this.flow.nextWakeMs)
      this.step({ kind: 'tick' })
      for (const { stamp, sentMs } of this.#heartbeats.splice(0)) {
        this.step({ kind: 'heartbeatAnswered', stamp, sentMs, errorCode: 0 })
      }
    }
    this.nowMs = untilMs
  }

  /** When the last heartbeat was sent. */
  beatSentMs = 0
  readonly #heartbeats: { stamp: Stamp; sentMs: number }[] = []
  beatsAreAnswered = true
  /** Whether joins go out as soon as they are decided. */
  isCoordinatorKnown = true

  #note(): void {
    for (const effect of this.#recorded.take()) {
      this.seen.push(effect)
      if (effect.verb === 'start') this.running.set(effect.given[0].offset, effect.given[0])
      if (effect.verb === 'fetch') this.fetches.push(effect.given[0])
      if (effect.verb === 'heartbeat') {
        const [stamp, , sentMs] = effect.given
        this.beatSentMs = sentMs
        if (this.beatsAreAnswered) this.#heartbeats.push({ stamp, sentMs })
      }
      if (effect.verb === 'commit') {
        const [stamp, identity, given] = effect.given
        this.commits.push({ stamp, identity, offsets: given })
      }
      this.noted(effect)
      const isJoin = effect.verb === 'join' || effect.verb === 'sync'
      if (isJoin && this.isCoordinatorKnown) this.step({ kind: 'joinSent', stamp: effect.given[0] })
    }
  }

  /** For rigs that look for more. */
  protected noted(_effect: RecordedEffect<TestRecord>): void {}

  take(): readonly RecordedEffect<TestRecord>[] {
    return this.seen.splice(0)
  }

  names(): string[] {
    return this.take().map((effect) => (effect.verb === 'emit' ? effect.given[0] : effect.verb))
  }

  /** From nothing to the owner of partitions 0 … n − 1, each starting at `position` with that offset committed. */
  assign(partitions = 1, position = 0, generation = 1): this {
    if (this.flow.membership.phase === 'idle') this.step({ kind: 'start' })
    const at = Array.from({ length: partitions }, (_, partition) => ({ topic: 'orders', partition }))
    const { membership } = this.flow
    const answer = {
      errorCode: 0,
      generationId: generation,
      memberId: 'm',
      leader: 'm',
      protocolName: 'range',
      members: [],
    }
    this.step({ kind: 'joined', stamp: membership.stamp, answer })
    this.step({ kind: 'synced', stamp: membership.stamp, errorCode: 0, partitions: at })
    this.step({ kind: 'leaders', leaders: at.map((each) => ({ ...each, nodeId: 1, leaderEpoch: 0, topicId })) })
    const starts = at.map((each) => ({
      ...each,
      position: startAt(position),
      committed: startAt(position),
      leaderEpoch: -1,
      ...noMarks,
      cutFrom: null,
    }))
    this.step({ kind: 'positioned', stamp: membership.stamp, starts })
    return this
  }

  /** Answers the fetch in flight with a chunk for one partition. */
  deliver(chunk: Chunk<TestRecord> | null, partition = 0, endOffset = 1_000): void {
    const order = this.fetches.at(-1)
    if (order === undefined) throw new RangeError('no fetch was sent')
    const at = { topic: 'orders', partition }
    const target = order.targets.get(partitionName(at))
    if (target === undefined) throw new RangeError(`partition ${partition} was not asked for`)
    const part = { at, target, errorCode: 0, endOffset, chunk, divergesAt: null, corruption: null }
    this.step({ kind: 'fetched', nodeId: order.nodeId, stamp: order.stamp, sessionId: 7, partitions: [part] })
  }

  /** Answers the last commit; `errorCode` 0 acknowledges it. */
  answerCommit(errorCode = 0): void {
    const commit = this.commits.at(-1)
    if (commit === undefined) throw new RangeError('no commit was sent')
    const results = commit.offsets.map((each) => ({ ...each, errorCode }))
    this.step({ kind: 'committed', stamp: commit.stamp, identity: commit.identity, results })
  }

  /** What the last commit said for a partition. */
  lastCommitted(partition = 0): number | undefined {
    return this.commits.at(-1)?.offsets.find((each) => each.partition === partition)?.offset
  }
}
