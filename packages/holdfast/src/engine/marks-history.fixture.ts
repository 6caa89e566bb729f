/** For tests: a log with gaps, a broker that keeps what was committed, and members that read the log one after the other:
 *  after a crash in a new process, after a loss or a rebalance in the same one. The laws of R11, R14, R17 and R19 are checked
 *  after every act, against plain sets. */
import { expect } from 'vitest'
import type { Order } from '../model/settings.ts'
import { kafkaErrors } from '../model/kafka-errors.ts'
import type { Clock } from '../runtime/clock.ts'
import { commitText, readCommitText } from '../runtime/commit-text.ts'
import type { Entry } from './entry.ts'
import type { InheritedMarks } from './inherited-marks.ts'
import type { TestRecord } from './member-rig.fixture.ts'
import { deadLetters, orders0, RetryRig } from './retry-rig.fixture.ts'
import { subscriptionStatus } from './status.ts'

export type HistoryAct = { readonly kind: string; readonly pick: number }

/** What the group's coordinator has for the partition. */
type Stored = {
  readonly offset: number
  readonly text: string
  /** When the failed records are due, in world time. */
  readonly dues: ReadonlyMap<number, number>
}

const epochOfWorldMs = 1_893_456_000_000
const logEnd = 60

/** Two of nine offsets hold none: a marker, or what compaction took. */
function isRecord(offset: number): boolean {
  return offset % 9 < 7
}

const records = Array.from({ length: logEnd }, (_, offset) => offset).filter(isRecord)

export class MarksHistory {
  #rig: RetryRig
  readonly #order: Order
  /** World time when the clock of this process showed 0. */
  #bootMs = 0
  #generation = 0
  #stored: Stored = { offset: 0, text: '', dues: new Map() }
  /** What the stored commit says is finished; a record of it must never be handled again (R11). */
  #marked = new Set<number>()
  /** Records whose outcome counted, whoever gave it to them. */
  readonly #done = new Set<number>()
  #accounted = 0
  #finishedHere = new Set<number>()
  #inherited: InheritedMarks | null = null
  /** By commit, what would be stored. */
  #texts: Stored[] = []
  readonly #started = new Set<Entry<TestRecord>>()

  constructor(order: Order) {
    this.#order = order
    this.#rig = this.#boot()
    this.#own()
  }

  #boot(): RetryRig {
    return new RetryRig({
      order: this.#order,
      concurrency: 4,
      bufferedRecordsMax: 12,
      inPlaceDelaysMs: [400, 3_000, 20_000],
      deadLetters,
    })
  }

  get #worldMs(): number {
    return this.#bootMs + this.#rig.nowMs
  }

  get #clock(): Clock {
    const rig = this.#rig
    const bootMs = this.#bootMs
    return {
      monotonicMs: () => rig.nowMs,
      epochMs: () => epochOfWorldMs + bootMs + rig.nowMs,
      setTimer: () => ({ cancel: () => {} }),
      random: () => 0.5,
    }
  }

  /** A new ownership begins with what is stored. */
  #own(): void {
    const { offset, text } = this.#stored
    const told = readCommitText(text, this.#clock)
    if (typeof told === 'string') throw new Error(told)
    this.#inherited = told?.inherited ?? null
    if (told !== null) expect(told.committedOffset).toBe(offset)
    this.#finishedHere = new Set()
    for (const { offset: failed, dueMs } of this.#inherited?.failedFrom(0) ?? []) {
      expect(this.#bootMs + dueMs).toBeGreaterThanOrEqual(this.#stored.dues.get(failed)! - 0.001)
    }
    this.#generation += 1
    this.#rig.own(
      [{ ...orders0, position: offset, ...(this.#inherited === null ? {} : { inherited: this.#inherited }) }],
      this.#generation,
    )
    this.#accounted = this.#rig.commits.length
    this.#texts = []
  }

  act({ kind, pick }: HistoryAct): void {
    const rig = this.#rig
    const running = [...rig.running.keys()]
    const offset = running[pick % Math.max(1, running.length)]
    const write = rig.writing[pick % Math.max(1, rig.writes.length)]
    if (kind === 'end' && offset !== undefined) this.#end(offset)
    if (kind === 'fail' && offset !== undefined) rig.end(offset, 'failed')
    if (kind === 'time') rig.advance(pick * 40)
    if (kind === 'deliver') this.#deliver(1 + (pick % 9))
    if (kind === 'stored' && write !== undefined) this.#storeElsewhere(write)
    if (kind === 'lostWrite' && write !== undefined) rig.failWrite(write)
    if (kind === 'commit') this.#answerCommit('acknowledged')
    if (kind === 'lostAnswer') this.#answerCommit('stored, but the answer is lost')
    if (kind === 'lostCommit') this.#answerCommit('lost')
    if (kind === 'crash') this.#crash(pick)
    if (kind === 'lose') this.#lose()
    if (kind === 'rebalance') this.#rebalance()
    this.#check()
  }

  #end(offset: number): void {
    const entry = this.#rig.running.get(offset)!
    const counts = !entry.owner.isOver && entry.phase !== 'aborting'
    this.#rig.end(offset)
    if (counts) this.#finish(offset)
  }

  #finish(offset: number): void {
    this.#done.add(offset)
    this.#finishedHere.add(offset)
  }

  #storeElsewhere(offset: number): void {
    const { entry } = this.#rig.writes.find((each) => each.entry.offset === offset)!
    const counts = !entry.owner.isOver
    this.#rig.stored(offset)
    if (counts) this.#finish(offset)
  }

  #deliver(length: number): void {
    const rig = this.#rig
    const flow = rig.flow.partitions.get('orders/0')
    const target = rig.fetches.at(-1)?.targets.get('orders/0')
    if (flow === undefined || target?.epoch !== flow.epoch || target.fetchOffset !== flow.fetchPosition) return
    const end = Math.min(logEnd, flow.fetchPosition + length)
    const offsets = Array.from({ length: end - flow.fetchPosition }, (_, at) => flow.fetchPosition + at).filter(
      isRecord,
    )
    rig.bring(
      orders0,
      offsets.map((offset) => ({ offset, key: offset % 4 })),
      end,
    )
  }

  #answerCommit(how: 'acknowledged' | 'stored, but the answer is lost' | 'lost'): void {
    const rig = this.#rig
    const commit = rig.commits.at(-1)
    const text = this.#texts.at(-1)
    if (commit === undefined || text === undefined || commit.stamp !== rig.flow.membership.stamp) return
    if (how !== 'lost') this.#store(text)
    this.#texts = []
    if (how === 'acknowledged') rig.answerCommit()
    else rig.step({ kind: 'commitFailed', stamp: commit.stamp, reason: how })
  }

  #store(stored: Stored): void {
    expect(stored.offset).toBeGreaterThanOrEqual(this.#stored.offset)
    this.#stored = stored
    const told = readCommitText(stored.text, this.#clock)
    const finished = told === null || typeof told === 'string' ? null : told.inherited.finished
    const marked = records.filter((offset) => offset < stored.offset || finished?.has(offset) === true)
    // What was told once stays told.
    expect([...this.#marked].filter((offset) => !marked.includes(offset))).toEqual([])
    this.#marked = new Set(marked)
  }

  /** The process dies; a commit on its way may have arrived. */
  #crash(pick: number): void {
    const inFlight = this.#texts.at(-1)
    if (pick % 2 === 0 && inFlight !== undefined) this.#store(inFlight)
    this.#bootMs = this.#worldMs + pick * 100 - 1_000
    this.#rig = this.#boot()
    this.#started.clear()
    this.#own()
  }

  #lose(): void {
    const { stamp } = this.#rig.flow.membership
    this.#rig.step({ kind: 'refused', stamp, errorCode: kafkaErrors.UNKNOWN_MEMBER_ID, what: 'test' })
    this.#own()
  }

  /** Everything under way ends in time, and the last commit is acknowledged. */
  #rebalance(): void {
    const rig = this.#rig
    rig.step({ kind: 'partitionsChanged', reason: 'test' })
    for (let round = 0; round < 50 && rig.flow.membership.phase === 'draining'; round++) {
      for (const offset of [...rig.running.keys()]) this.#end(offset)
      for (const offset of rig.writing) this.#storeElsewhere(offset)
      this.#noteCommits()
      if (this.#texts.length > 0) this.#answerCommit('acknowledged')
      rig.advance(100)
    }
    expect(rig.flow.membership.phase).toBe('joining')
    // A clean end leaves nothing for the next owner to repeat.
    expect([...this.#finishedHere].filter((offset) => !this.#marked.has(offset))).toEqual([])
    this.#own()
  }

  #check(): void {
    this.#noteCommits()
    this.#checkStarts()
    const flow = this.#rig.flow.partitions.get('orders/0')
    if (flow === undefined) return
    expect(flow.committable()).toBeGreaterThanOrEqual(this.#stored.offset)
    const line = flow.committable()
    expect(records.filter((offset) => offset < line && !this.#done.has(offset))).toEqual([])
    this.#checkSums(flow.ledger.size)
  }

  #noteCommits(): void {
    for (const { offsets } of this.#rig.commits.slice(this.#accounted)) {
      const { offset, marks } = offsets[0]!
      const text = commitText(offset, marks, this.#clock)
      this.#texts = [{ offset, text, dues: this.#checkMarks(offset, text) }]
    }
    this.#accounted = this.#rig.commits.length
  }

  /** A commit says exactly what this ownership knows. Returns when it says that the failed records are due. */
  #checkMarks(line: number, text: string): Map<number, number> {
    const told = readCommitText(text, this.#clock)
    const inherited = told === null || typeof told === 'string' ? null : told.inherited
    const failed = [...(inherited?.failedFrom(0) ?? [])]
    const known = this.#knownFailures()
    expect(failed.map(({ offset, attempts }) => [offset, attempts])).toEqual(
      known.map(({ offset, attempts }) => [offset, attempts]),
    )
    for (const [at, { dueMs }] of failed.entries()) {
      // Never early, and late by the tenth of a second to which it is rounded; what is overdue is due soon.
      const { nowMs } = this.#rig
      expect(dueMs).toBeGreaterThanOrEqual(Math.min(nowMs - 100, known[at]!.dueMs - 0.001))
      if (known[at]!.dueMs > nowMs) expect(dueMs).toBeGreaterThanOrEqual(known[at]!.dueMs - 0.001)
      expect(dueMs).toBeLessThan(Math.max(nowMs, known[at]!.dueMs) + 101)
    }
    const above = records.filter((offset) => offset >= line)
    expect(above.filter((offset) => inherited?.isFinished(offset) === true)).toEqual(
      above.filter((offset) => this.#finishedHere.has(offset) || this.#inherited?.isFinished(offset) === true),
    )
    return new Map(failed.map(({ offset, dueMs }) => [offset, this.#bootMs + dueMs]))
  }

  /** What was read has entries, and of what was not read only the marks tell. */
  #knownFailures(): { offset: number; attempts: number; dueMs: number }[] {
    const { ledger } = this.#rig.at(orders0)
    const known = []
    for (let entry = ledger.oldest; entry !== null; entry = entry.newer) {
      if (entry.failures > 0) known.push({ offset: entry.offset, attempts: entry.failures, dueMs: entry.dueMs })
    }
    return [...known, ...(this.#inherited?.failedFrom(ledger.position) ?? [])]
  }

  #checkStarts(): void {
    const laneOf = ({ offset }: { readonly offset: number }): number =>
      this.#order === 'partition' ? 0 : this.#order === 'key' ? offset % 4 : offset
    const running = [...this.#rig.running.values()]
    expect(new Set(running.map(laneOf)).size).toBe(running.length)
    for (const effect of this.#rig.take()) {
      if (effect.verb !== 'start') continue
      const [entry] = effect.given
      expect(this.#marked.has(entry.offset)).toBe(false)
      expect(entry.dueMs).toBeLessThanOrEqual(this.#rig.nowMs)
      if (this.#started.has(entry)) continue
      this.#started.add(entry)
      const owed = this.#inherited?.failedBefore(entry.offset)
      expect(entry.attempt).toBe(1 + (owed?.attempts ?? 0))
      expect(this.#rig.nowMs).toBeGreaterThanOrEqual(owed?.dueMs ?? 0)
    }
  }

  #checkSums(unfinished: number): void {
    const { accepted, ...outcomes } = subscriptionStatus(this.#rig.flow, 'orders', this.#rig.nowMs)!.counts
    expect(Object.values(outcomes).reduce((sum, count) => sum + count, 0) + unfinished).toBe(accepted)
  }

  /** With every handler and write succeeding from now on, the whole log gets done. */
  finishAll(): void {
    for (let round = 0; round < 300 && this.#stored.offset < logEnd; round++) {
      for (const kind of ['deliver', 'end', 'stored', 'commit']) this.act({ kind, pick: kind === 'deliver' ? 8 : 0 })
      if (round % 3 === 0) this.act({ kind: 'time', pick: 30 })
    }
    expect(this.#stored.offset).toBe(logEnd)
    expect(this.#done.size).toBe(records.length)
  }
}
