/** The log of one partition: batches in offset order, the watermarks, leader epochs, producers and transactions.
 *
 *  It decides what may be appended and what may be read. It knows nothing of leaders, sessions or waiting: whoever waits
 *  for data registers a listener. There is one replica, so the high watermark is always the log end. */

import { errorCode, Refusal } from '../protocol/error-code.ts'
import { batchOf, type CheckedBatch, checkBatch, LogRefusal } from './batch-rules.ts'
import { compacted } from './compaction.ts'
import type { LogSettings } from './log-settings.ts'
import { ProducerStates } from './producer-state.ts'
import {
  type BatchHeader,
  controlRecord,
  encodeBatch,
  readBatchHeader,
  recordsOf,
  stampBatch,
  stampTime,
  withCodec,
} from './record-batch.ts'
import type { StoredRecord } from './records.ts'
import { retainedFrom } from './retention.ts'
import { type SegmentCut, SegmentCutter } from './segments.ts'
import { type StoredBatch, withRecords } from './stored-batch.ts'

export type Appended = { readonly baseOffset: number; readonly logAppendTimeMs: number; readonly isDuplicate: boolean }

/** The end of a producer's transaction, as its coordinator has it written. */
export type Marker = {
  readonly outcome: 'commit' | 'abort'
  readonly producerId: number
  /** Under KIP-890 already the next one, so that what comes late under the old one is fenced. */
  readonly producerEpoch: number
  readonly coordinatorEpoch: number
}

export type AbortedTransaction = {
  readonly producerId: number
  readonly firstOffset: number
  readonly lastOffset: number
}

export type FoundTime = { readonly offset: number; readonly timestampMs: number }

export type ReadLimits = {
  readonly bytesMax: number
  /** Give the first batch whole even if it is larger than `bytesMax`, so that a reader always gets on. */
  readonly atLeastOneBatch: boolean
  /** Nothing at or after this offset. */
  readonly before: number
}

export class PartitionLog {
  #batches: StoredBatch[] = []
  #startOffset = 0
  #endOffset = 0
  #sizeBytes = 0
  readonly #producers = new ProducerStates()
  readonly #epochs: { readonly epoch: number; readonly startOffset: number }[] = [{ epoch: 0, startOffset: 0 }]
  readonly #openTransactions = new Map<number, number>()
  readonly #aborted: AbortedTransaction[] = []
  readonly #segments = new SegmentCutter()
  readonly #listeners = new Set<() => void>()

  get startOffset(): number {
    return this.#startOffset
  }

  get endOffset(): number {
    return this.#endOffset
  }

  get sizeBytes(): number {
    return this.#sizeBytes
  }

  /** First offset of the oldest open transaction, or the end; records that were deleted hold nothing back. */
  get lastStableOffset(): number {
    return Math.max(this.#startOffset, Math.min(this.#endOffset, ...this.#openTransactions.values()))
  }

  /** Whether the producer has written records here that no marker has ended yet. */
  hasOpenTransaction(producerId: number): boolean {
    return this.#openTransactions.has(producerId)
  }

  /** The newest epoch under which the producer wrote here, or was ended by its coordinator; undefined if it never was. */
  producerEpoch(producerId: number): number | undefined {
    return this.#producers.epochOf(producerId)
  }

  /** Remembers that a transactional batch is on its way while its coordinator is asked about it. Until a batch of the
   *  producer is stored, none with a higher sequence may overtake it. */
  announce(batch: BatchHeader): void {
    this.#producers.announce(batch)
  }

  /** Calls back at every change of what can be read. Returns how to stop that. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** For changes outside the log that a waiting reader must hear of, such as a new leader. */
  notify(): void {
    for (const listener of [...this.#listeners]) listener()
  }

  /** Appends the one batch of a produce request. Throws a `Refusal` for everything that Kafka refuses. */
  append(records: Buffer | null, settings: LogSettings, leaderEpoch: number, nowMs: number): Appended {
    const batch = batchOf(records)
    const checked = checkBatch(batch, settings, nowMs)
    const { header } = checked
    const duplicate = this.#producers.check(header, settings.transactionsStartAtZero === true)
    if (duplicate !== undefined) {
      return { baseOffset: duplicate.baseOffset, logAppendTimeMs: duplicate.maxTimestampMs, isDuplicate: true }
    }
    if (!header.isTransactional && this.#openTransactions.has(header.producerId)) {
      throw new LogRefusal(
        errorCode.invalidTxnState,
        `producer ${header.producerId} has an open transaction here and sent a batch outside of it`,
      )
    }
    const baseOffset = this.#store(storable(batch, checked, settings, nowMs), leaderEpoch, { settings, nowMs })
    this.notify()
    return { baseOffset, logAppendTimeMs: settings.usesAppendTime ? nowMs : -1, isDuplicate: false }
  }

  /** Appends records past all rules: for tests, and for what the broker writes itself. */
  appendTrusted(batch: Buffer, leaderEpoch: number, cut?: SegmentCut): number {
    const baseOffset = this.#store(Buffer.from(batch), leaderEpoch, cut)
    this.notify()
    return baseOffset
  }

  /** `cut` says where a new segment begins; without it the batch goes to the newest one. */
  #store(bytes: Buffer, leaderEpoch: number, cut?: SegmentCut): number {
    const baseOffset = this.#endOffset
    stampBatch(bytes, baseOffset, leaderEpoch)
    const header = readBatchHeader(bytes) as BatchHeader
    const lastOffset = baseOffset + header.lastOffsetDelta
    const segment = this.#segments.take(header, cut)
    const storedAtMs = cut?.nowMs ?? header.maxTimestampMs
    this.#batches.push({ bytes, header, lastOffset, segment, storedAtMs })
    this.#endOffset = lastOffset + 1
    this.#sizeBytes += bytes.length
    this.#producers.remember(header, baseOffset)
    // Without a producer id there is nobody who could ever end the transaction; Kafka stores the batch and forgets it.
    const opens = header.isTransactional && !header.isControl && header.producerId >= 0
    if (opens && !this.#openTransactions.has(header.producerId)) {
      this.#openTransactions.set(header.producerId, baseOffset)
    }
    return baseOffset
  }

  /** Ends the transaction of a producer with a control batch; without records before it, it is just a gap to readers. */
  appendMarker(marker: Marker, leaderEpoch: number, nowMs: number): number {
    const { outcome, producerId, producerEpoch, coordinatorEpoch } = marker
    const options = { producerId, producerEpoch, isTransactional: true, isControl: true, nowMs }
    const baseOffset = this.#store(encodeBatch([controlRecord(outcome, coordinatorEpoch)], options), leaderEpoch)
    const firstOffset = this.#openTransactions.get(producerId)
    this.#openTransactions.delete(producerId)
    if (outcome === 'abort' && firstOffset !== undefined) {
      this.#aborted.push({ producerId, firstOffset, lastOffset: baseOffset })
    }
    this.notify()
    return baseOffset
  }

  /** Bytes from the batch that holds `offset` on, to the end of its segment. The last batch may be cut off; both as in
   *  Kafka. */
  read(offset: number, limits: ReadLimits): Buffer[] {
    const pieces: Buffer[] = []
    let left = limits.bytesMax
    const from = this.#indexOf(offset)
    const segment = this.#batches[from]?.segment
    for (let index = from; index < this.#batches.length; index++) {
      const batch = this.#batches[index] as StoredBatch
      if (batch.header.baseOffset >= limits.before || batch.segment !== segment) break
      const isFirst = pieces.length === 0
      if (batch.bytes.length <= left || (isFirst && limits.atLeastOneBatch)) {
        pieces.push(batch.bytes)
        left -= batch.bytes.length
        continue
      }
      if (!isFirst && left > 0) pieces.push(batch.bytes.subarray(0, left))
      break
    }
    return pieces
  }

  /** Index of the first batch whose last offset is at or after `offset`. */
  #indexOf(offset: number): number {
    let low = 0
    let high = this.#batches.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#batches[middle] as StoredBatch).lastOffset < offset) low = middle + 1
      else high = middle
    }
    return low
  }

  abortedBetween(from: number, before: number): readonly AbortedTransaction[] {
    return this.#aborted
      .filter((transaction) => transaction.lastOffset >= from && transaction.firstOffset < before)
      .toSorted((left, right) => left.firstOffset - right.firstOffset)
  }

  /** A leader starts its epoch at the log end, whether or not it ever appends. */
  startEpoch(epoch: number): void {
    this.#epochs.push({ epoch, startOffset: this.#endOffset })
  }

  /** Where the newest epoch not above `epoch` ends; undefined if `epoch` is newer than the log. */
  endOfEpoch(epoch: number): { readonly epoch: number; readonly endOffset: number } | undefined {
    if (epoch < 0) return undefined
    if (this.#epochs.at(-1)?.epoch === epoch) return { epoch, endOffset: this.#endOffset }
    const next = this.#epochs.find((entry) => entry.epoch > epoch)
    if (next === undefined) return undefined
    const floor = this.#epochs.findLast((entry) => entry.epoch <= epoch)
    return { epoch: floor?.epoch ?? epoch, endOffset: next.startOffset }
  }

  epochAt(offset: number): number {
    return this.#epochs.findLast((entry) => entry.startOffset <= offset)?.epoch ?? -1
  }

  /** First record at or after a time. In a batch that cannot be opened the answer is its first offset: a client skips what
   *  is older. */
  findTimestamp(timestampMs: number, before: number): FoundTime | undefined {
    return this.#find(timestampMs, { from: this.#startOffset, before })
  }

  /** The record with the largest timestamp, also one below the log start whose batch is still there: what Kafka answers to
   *  −3. */
  newestTimestamp(): FoundTime | undefined {
    let newestMs = -Infinity
    for (const { header } of this.#batches) if (!header.isControl) newestMs = Math.max(newestMs, header.maxTimestampMs)
    return this.#find(newestMs, { from: 0, before: this.#endOffset })
  }

  #find(timestampMs: number, within: { readonly from: number; readonly before: number }): FoundTime | undefined {
    for (const { bytes, header } of this.#batches) {
      if (header.baseOffset >= within.before) return undefined
      if (header.isControl || header.maxTimestampMs < timestampMs) continue
      const records = recordsOf(bytes, header)
      if (records === undefined) return { offset: header.baseOffset, timestampMs: header.maxTimestampMs }
      const found = records.find((record) => record.timestampMs >= timestampMs && record.offset >= within.from)
      if (found !== undefined) return { offset: found.offset, timestampMs: found.timestampMs }
    }
    return undefined
  }

  /** Moves the log start up, as DeleteRecords and retention do; whole batches below it go. */
  deleteBefore(offset: number): void {
    this.#startOffset = Math.max(this.#startOffset, Math.min(offset, this.#endOffset))
    this.#replace(this.#batches.filter((batch) => batch.lastOffset >= this.#startOffset))
  }

  /** Deletes what is too old or too much. Whether anything was. */
  applyRetention(settings: LogSettings, nowMs: number): boolean {
    const from = retainedFrom(this.#batches, settings, nowMs)
    if (from === undefined || from <= this.#startOffset) return false
    this.deleteBefore(from)
    if (this.#batches.length === 0) this.#segments.end()
    return true
  }

  /** Leaves the newest record of each key below the last stable offset. Returns where batches begin that cannot be opened. */
  compact(settings: LogSettings, nowMs: number): readonly number[] {
    const { batches, unopened } = compacted(this.#batches, {
      nowMs,
      deleteRetentionMs: settings.deleteRetentionMs,
      lagMsMin: settings.compactionLagMsMin,
      before: this.lastStableOffset,
      isAborted: ({ header }) =>
        header.isTransactional &&
        this.#aborted.some(
          ({ producerId, firstOffset, lastOffset }) =>
            producerId === header.producerId && firstOffset <= header.baseOffset && header.baseOffset <= lastOffset,
        ),
      isLastOfProducer: ({ header }) => this.#producers.isLast(header),
    })
    this.#replace([...batches])
    return unopened
  }

  /** Takes single records out and keeps every other offset, as compaction does. */
  compactAway(offsets: ReadonlySet<number>): void {
    this.#replace(
      this.#batches.flatMap((batch) => {
        const records = batch.header.isControl ? undefined : recordsOf(batch.bytes, batch.header)
        if (records === undefined || !records.some((record) => offsets.has(record.offset))) return [batch]
        const kept = records.filter((record) => !offsets.has(record.offset))
        return kept.length === 0 ? [] : [withRecords(batch, kept)]
      }),
    )
  }

  #replace(batches: StoredBatch[]): void {
    this.#batches = batches
    this.#sizeBytes = batches.reduce((sum, batch) => sum + batch.bytes.length, 0)
    this.notify()
  }

  /** How many records are in the log, compressed or not; control batches hold none. */
  get recordCount(): number {
    return this.#batches.reduce((sum, { header }) => sum + (header.isControl ? 0 : header.recordCount), 0)
  }

  /** What a test wants to see: the records, control batches left out. */
  records(): StoredRecord[] {
    return this.#batches
      .filter((batch) => !batch.header.isControl)
      .flatMap(({ bytes, header }) => recordsOf(bytes, header) ?? [])
      .filter((record) => record.offset >= this.#startOffset)
  }
}

/** The bytes to keep: a copy, because the caller may send the same ones again and the broker is about to write into them. */
function storable(batch: Buffer, checked: CheckedBatch, settings: LogSettings, nowMs: number): Buffer {
  const { codecNumber = checked.header.codecNumber, messageBytesMax, usesAppendTime } = settings
  const isKept = codecNumber === checked.header.codecNumber
  const bytes = isKept ? Buffer.from(batch) : withCodec(batch, checked.opened, codecNumber)
  if (bytes.length > messageBytesMax) {
    throw new Refusal(
      errorCode.messageTooLarge,
      `under the codec of the topic the batch has ${bytes.length} bytes, the topic takes ${messageBytesMax}`,
    )
  }
  stampTime(bytes, {
    isAppendTime: usesAppendTime,
    maxTimestampMs: usesAppendTime ? nowMs : checked.maxTimestampMs,
  })
  return bytes
}
