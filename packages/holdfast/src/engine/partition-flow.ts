/** Decides about one partition during one ownership of it: what is accepted, what may start, what may be committed, and
 *  whether it is read at all. It knows nothing of groups, permits or time limits; `MemberFlow` and `SubscriptionFlow` do.
 *
 *  Every ownership has an epoch and an object of its own. When it is over (`close`), answers that still carry it are
 *  recognised by `isOver` and change nothing (G5). */
import type { PauseReason } from '../model/pause-reason.ts'
import { noOutcomes, type Outcome, type OutcomeCounts } from '../model/outcome.ts'
import type { NextOffset } from '../model/next-offset.ts'
import type { SubscriptionSettings } from '../model/settings.ts'
import { type CommitMarks, marksOf } from './commit-marks.ts'
import { isTopicId } from './commit-metadata.ts'
import { Entry, type Holding } from './entry.ts'
import { HandOffs } from './hand-offs.ts'
import type { InheritedMarks } from './inherited-marks.ts'
import { type Lanes, lanesFor } from './lanes.ts'
import { Ledger } from './ledger.ts'
import type { SubscriptionFlow } from './subscription-flow.ts'

/** What one fetch answer brought for one partition: undecoded, handed out in slices, so that memory follows the bytes on
 *  the wire and decoding never holds up a heartbeat. */
export type Chunk<R> = Holding & {
  /** The position behind everything in it, markers and compacted ranges included. */
  readonly nextOffset: NextOffset
  /** Decodes at most `max` further records, in offset order. Throws when the bytes make no sense. */
  take(max: number): readonly R[]
}

/** How the engine reads the few things that it must know of a record. */
export type RecordView<R> = {
  offset(record: R): number
  hasKey(record: R): boolean
  keyHash(record: R): number
  /** Of a record in a delay topic: what was tried, and when it may be tried again. */
  handedOff(record: R): { readonly attempts: number; readonly dueMs: number }
}

const pauseBits = { user: 1, retry: 2, pressure: 4, batch: 8, circuit: 16 } as const satisfies Record<
  PauseReason,
  number
>
const pauseReasons = Object.keys(pauseBits) as readonly PauseReason[]

/** A partition leaves the fetch at this many held bytes and returns at half of it (R28). */
const heldBytesHighWater = 2 * 1_048_576
/** The window of a delay topic, in which records are put in order of their due time (R22). */
const windowRecordsMax = 1_000
/** Bounds of what may pile up above one stuck record, in offsets and in finished records (R8). */
const spanMax = 1_000_000
const finishedAboveMax = 100_000

export class PartitionFlow<R> {
  readonly topic: string
  readonly partition: number
  readonly epoch: number
  readonly subscription: SubscriptionFlow<R>
  readonly settings: SubscriptionSettings
  readonly ledger: Ledger<R>
  readonly counts: OutcomeCounts = noOutcomes()
  /** For a partition of a delay topic: how long its records wait; else null. */
  readonly delayMs: number | null
  /** Decoded records that may wait or run at once. */
  readonly bufferedRecordsMax: number
  /** Goes with every commit of this ownership, before the marks. */
  readonly startMark: string
  readonly handOffs: HandOffs<R> = new HandOffs()
  #inherited: InheritedMarks | null
  readonly #lanes: Lanes<R>
  readonly #view: RecordView<R>
  readonly #chunks: Chunk<R>[] = []
  /** One bit for each reason: they are looked at for every record. */
  #pauses = 0
  #withheld: Entry<R>[] = []

  isOver = false
  /** The next offset to ask the broker for: behind everything received, decoded or not. */
  fetchPosition: NextOffset
  /** What the last acknowledged commit says. */
  committed: NextOffset | null
  /** Counts what happened that a commit would tell; `markedChanges` of it are in the last acknowledged commit. */
  changes = 0
  markedChanges = 0
  /** How many finished records the last acknowledged commit tells of, below its offset or by its marks. */
  told = 0
  /** The failed attempts that the last acknowledged commit tells of, by offset. */
  markedFailures: ReadonlyMap<number, number> = new Map()
  /** Leader epoch of the last batch that was received; −1 before the first. */
  lastFetchedEpoch: number
  leader: { readonly nodeId: number; readonly leaderEpoch: number; readonly topicId: string } | null = null
  /** The last stable offset when reading committed, else the high watermark; −1 before the first fetch answer. */
  endOffset = -1
  /** No fetch before this time: the last one failed. */
  fetchNotBeforeMs = 0
  fetchFailures = 0
  /** Why the last fetch of this partition brought nothing, if it failed. */
  fetchProblem: string | null = null
  /** The broker is being asked where to continue; nothing is fetched meanwhile. */
  isRelocating = false
  /** Why what was received cannot be decoded, if it cannot: somebody has to look at it. */
  unreadable: string | null = null
  heldBytes = 0
  /** Of a delay topic: how much may be held of it. */
  windowBytesMax: number = Infinity
  running = 0
  parked = 0
  /** Records of a delay topic that are not due. */
  waiting = 0
  zombies = 0
  blocked = 0
  /** During a drain for a stop, entries up to here go on, so that no finished record is left above an unfinished one. */
  #finishUpTo: number | null = null
  #highestStarted = -1

  constructor(given: {
    topic: string
    partition: number
    epoch: number
    subscription: SubscriptionFlow<R>
    view: RecordView<R>
    position: NextOffset
    committed: NextOffset | null
    leaderEpoch: number
    startMark: string
    inherited: InheritedMarks | null
    leftovers: readonly Entry<R>[]
  }) {
    this.topic = given.topic
    this.partition = given.partition
    this.epoch = given.epoch
    this.subscription = given.subscription
    this.settings = given.subscription.settings
    this.delayMs = given.subscription.topics.get(given.topic) ?? null
    this.bufferedRecordsMax = this.delayMs === null ? this.settings.bufferedRecordsMax : windowRecordsMax
    this.#view = given.view
    this.ledger = new Ledger(given.position)
    this.fetchPosition = given.position
    this.committed = given.committed
    this.startMark = given.startMark
    this.#inherited = given.inherited
    this.markedFailures = given.inherited?.failures() ?? new Map()
    this.lastFetchedEpoch = given.leaderEpoch
    this.#lanes = lanesFor(this.settings.order)
    for (const leftover of given.leftovers) {
      // Who waited behind it in an ownership that is over waits no more.
      leftover.behind = null
      this.#lanes.hold(leftover)
    }
  }

  /** Keeps a chunk that continues exactly where the last one ended. */
  receive(chunk: Chunk<R>): void {
    this.#chunks.push(chunk)
    this.fetchPosition = chunk.nextOffset
    this.lastFetchedEpoch = chunk.leaderEpoch
    this.heldBytes += chunk.bytes
  }

  /** Turns received bytes into entries while there is room; `startable` gets those with nothing ahead in their lane. Bytes
   *  that cannot be decoded make the partition unreadable: it keeps what it has and takes nothing further. */
  refill(nowMs: number, startable: (entry: Entry<R>) => void): void {
    let chunk = this.#chunks[0]
    while (chunk !== undefined && this.unreadable === null) {
      const room = this.bufferedRecordsMax - this.ledger.size
      if (room <= 0 || this.#isAtBound) return
      const records = this.#take(chunk, room)
      for (const record of records) this.#accept(record, chunk, nowMs, startable)
      if (this.unreadable !== null) return
      // Only an empty slice says that nothing is left: a short one may end before bytes that make no sense.
      if (records.length > 0) continue
      chunk.isTaken = true
      this.ledger.skipTo(chunk.nextOffset)
      this.#chunks.shift()
      if (chunk.unfinished === 0) this.heldBytes -= chunk.bytes
      chunk = this.#chunks[0]
    }
  }

  #take(chunk: Chunk<R>, room: number): readonly R[] {
    try {
      return chunk.take(room)
    } catch (error) {
      this.unreadable = error instanceof Error ? error.message : String(error)
      return []
    }
  }

  #accept(record: R, chunk: Chunk<R>, nowMs: number, startable: (entry: Entry<R>) => void): void {
    const offset = this.#view.offset(record)
    if (offset < this.ledger.position) {
      this.counts.stale += 1
      return
    }
    if (this.#isInheritedAsFinished(offset)) {
      this.counts.alreadyDone += 1
      this.ledger.pass(offset)
      return
    }
    const hasLane = this.settings.order === 'key' && this.#view.hasKey(record)
    const laneId = hasLane ? this.#view.keyHash(record) : 0
    const entry = new Entry(record, offset, laneId, hasLane, this.ledger.accepted, chunk, this)
    entry.sinceMs = Math.floor(nowMs)
    entry.turn = this.subscription.turns.take()
    chunk.unfinished += 1
    this.ledger.add(entry)
    if (this.delayMs !== null) this.#wait(entry)
    const before = this.#inherited?.failedBefore(offset)
    if (before !== undefined) {
      entry.attempt = before.attempts
      entry.dueMs = Math.max(entry.dueMs, Math.ceil(before.dueMs))
    }
    // What waits in a delay topic has no lane yet: lanes there go by due time, not by offset.
    if (entry.state === 'waiting' || this.#lanes.add(entry)) startable(entry)
  }

  /** What earlier owners said is forgotten behind the last record of which they said anything. */
  #isInheritedAsFinished(offset: number): boolean {
    if (this.#inherited === null) return false
    if (offset <= this.#inherited.highest) return this.#inherited.isFinished(offset)
    this.#inherited = null
    return false
  }

  #wait(entry: Entry<R>): void {
    const { attempts, dueMs } = this.#view.handedOff(entry.record)
    entry.attempt = attempts
    entry.attemptsTold = attempts
    entry.dueMs = Math.ceil(dueMs)
    entry.state = 'waiting'
    this.waiting += 1
  }

  /** A waiting record is due: puts it into its lane. True when nothing of the lane is ahead of it. */
  becomeDue(entry: Entry<R>): boolean {
    entry.state = 'queued'
    // In a delay topic records take turns by due time.
    entry.turn = this.subscription.turns.take()
    this.waiting -= 1
    return this.#lanes.add(entry)
  }

  /** Gives the entry its outcome and returns the one of its lane that may start now. */
  finish(entry: Entry<R>, outcome: Outcome): Entry<R> | null {
    entry.state = 'finished'
    this.ledger.finish(entry)
    this.changes += 1
    this.counts[outcome] += 1
    this.#release(entry.holding)
    return this.#lanes.finish(entry)
  }

  /** Frees the lane that an attempt of an earlier ownership held; returns the entry that may start now. */
  releaseLeftover(leftover: Entry<R>): Entry<R> | null {
    return this.#lanes.finish(leftover)
  }

  #release(holding: Holding): void {
    holding.unfinished -= 1
    if (holding.unfinished === 0 && holding.isTaken) this.heldBytes -= holding.bytes
  }

  /** Whether a first or further attempt of this entry may start now, as far as the partition is concerned. */
  mayStart(entry: Entry<R>): boolean {
    // While nothing can be written elsewhere, whatever starts may fail and then has nowhere to go either.
    if (this.isOver || this.blocked > 0 || this.isLeavingStuck || this.isPausedFor('user')) return false
    if (entry.attempt === 0 && this.isParkingStuck) return false
    return this.#finishUpTo === null || entry.offset <= this.#finishUpTo
  }

  /** Keeps an entry whose turn came while the partition stands still. */
  withhold(entry: Entry<R>): void {
    this.#withheld.push(entry)
  }

  get isParkingFull(): boolean {
    return this.parked >= this.settings.parkedRecordsMax
  }

  /** Parking is full, and there is no delay topic that could take what overflows (R15, R19). */
  get isParkingStuck(): boolean {
    return this.isParkingFull && this.settings.delayTopics.length === 0
  }

  /** Whether retries ask for a pause of the intake: parking is stuck, a record is out of attempts, or records that leave
   *  cannot be written. */
  get needsRetryPause(): boolean {
    return this.blocked > 0 || this.isParkingStuck || this.isLeavingStuck
  }

  /** Records that leave cannot be written. */
  get isLeavingStuck(): boolean {
    return this.handOffs.failing > 0
  }

  /** Hands back those kept entries that may start now, although others may not. */
  takeStartable(): readonly Entry<R>[] {
    if (this.#withheld.length === 0) return this.#withheld
    const withheld = this.takeWithheld()
    const startable: Entry<R>[] = []
    for (const entry of withheld) (this.mayStart(entry) ? startable : this.#withheld).push(entry)
    return startable
  }

  /** Hands the kept entries back after the partition moved again. */
  takeWithheld(): readonly Entry<R>[] {
    const withheld = this.#withheld
    this.#withheld = []
    return withheld
  }

  noteStarted(entry: Entry<R>): void {
    if (entry.offset > this.#highestStarted) this.#highestStarted = entry.offset
  }

  /** `revoke`: nothing further starts. `stop`: only what lies below a record that already started, so that a clean stop
   *  leaves nothing finished above the line and a restart repeats nothing. */
  quieten(why: 'revoke' | 'stop'): void {
    this.#finishUpTo = why === 'stop' ? this.#highestStarted : -1
  }

  /** Whether a quietened partition has nothing under way any more. Nobody waits for what is parked or waits: commits tell
   *  the next owner how often it failed and when it is due (R19). */
  get isDrained(): boolean {
    return this.running === 0 && this.handOffs.inFlight === 0
  }

  pause(reason: PauseReason): boolean {
    if (this.isPausedFor(reason)) return false
    this.#pauses |= pauseBits[reason]
    return true
  }

  resume(reason: PauseReason): boolean {
    if (!this.isPausedFor(reason)) return false
    this.#pauses &= ~pauseBits[reason]
    return true
  }

  isPausedFor(reason: PauseReason): boolean {
    return (this.#pauses & pauseBits[reason]) !== 0
  }

  get pauses(): readonly PauseReason[] {
    return pauseReasons.filter((reason) => this.isPausedFor(reason))
  }

  /** Whether nothing keeps records from coming or going, and nothing asks to: the end of an attempt then changes nothing. */
  get isAtEase(): boolean {
    return this.#pauses === 0 && this.#withheld.length === 0 && !this.needsRetryPause && !this.#isPressing
  }

  /** The reason why this partition's bounds ask for a pause or no longer do; null when nothing changes. */
  pressure(): 'begins' | 'ends' | null {
    if (!this.isPausedFor('pressure')) return this.#isPressing ? 'begins' : null
    return this.heldBytes <= this.#heldBytesMax / 2 && !this.#isAtBound ? 'ends' : null
  }

  get #isPressing(): boolean {
    return this.heldBytes >= this.#heldBytesMax || this.#isAtBound
  }

  get #heldBytesMax(): number {
    return this.delayMs === null ? heldBytesHighWater : this.windowBytesMax
  }

  get #isAtBound(): boolean {
    return this.ledger.span >= spanMax || this.ledger.finishedAbove >= finishedAboveMax
  }

  /** Whether the next fetch may ask for this partition. */
  get isFetchable(): boolean {
    if (this.isOver || this.isRelocating || this.leader === null) return false
    return this.#finishUpTo === null && this.#pauses === 0
  }

  get isQuiet(): boolean {
    return this.#finishUpTo !== null
  }

  /** Leader epoch to commit with: that of the record at the line, which is never lower than that of the one below it. */
  get committableEpoch(): number {
    if (this.ledger.oldest !== null) return this.ledger.oldest.holding.leaderEpoch
    // The line may lie above what was fetched: where earlier owners had come.
    return Math.max(this.lastFetchedEpoch, this.#inherited?.leaderEpoch ?? -1)
  }

  /** Where the group may resume without losing a record, over what earlier owners finished. Never decreases. */
  committable(): NextOffset {
    const line = this.ledger.committable()
    if (this.#inherited === null || this.ledger.size > 0) return line
    return this.#inherited.skipFinished(line)
  }

  /** What a commit tells about the records above the line. */
  marks(lengthMax: number): CommitMarks {
    return marksOf(this, this.#inherited, lengthMax)
  }

  /** A commit would tell something that the last acknowledged one does not. */
  get isDirty(): boolean {
    return this.committed === null || this.changes !== this.markedChanges || this.committable() > this.committed
  }

  /** Finished records that no acknowledged commit tells of: the next owner handles them again. */
  get untold(): number {
    const { finished, finishedAbove } = this.ledger
    return this.#hasMarks ? finished - this.told : Math.max(finished - this.told, finishedAbove)
  }

  /** Whoever reads marks must know for which topic and which state of its log they were made. */
  get #hasMarks(): boolean {
    return isTopicId(this.leader?.topicId ?? '') && this.lastFetchedEpoch >= 0
  }

  /** Failed attempts that nobody will remember when this ownership ends now (R19). */
  get forgottenAttempts(): number {
    let forgotten = 0
    for (let entry = this.ledger.oldest; entry !== null; entry = entry.newer) {
      const told = this.#hasMarks ? (this.markedFailures.get(entry.offset) ?? 0) : 0
      if (entry.failures > Math.max(told, entry.attemptsTold)) forgotten += 1
    }
    return forgotten
  }

  /** Continues behind a range that the broker no longer has; what was received before it is still handled. */
  skipFetchTo(position: NextOffset): void {
    const nothing: Chunk<R> = {
      bytes: 0,
      leaderEpoch: this.lastFetchedEpoch,
      unfinished: 0,
      isTaken: false,
      nextOffset: position,
      take: () => [],
    }
    this.receive(nothing)
  }

  /** Ends this ownership. What was queued or parked is handed back; returns the attempts that are still running, whose
   *  lanes the next ownership in this process must hold. */
  close(): readonly Entry<R>[] {
    this.isOver = true
    const stillRunning: Entry<R>[] = []
    for (let entry = this.ledger.oldest; entry !== null;) {
      const next: Entry<R> | null = entry.newer
      entry.behind = null
      entry.older = null
      entry.newer = null
      this.counts.abandoned += 1
      if (entry.state === 'running') stillRunning.push(entry)
      else entry.state = 'finished'
      entry = next
    }
    this.#chunks.length = 0
    this.#withheld = []
    this.heldBytes = 0
    return stillRunning
  }
}
