/** Decides what compaction leaves of a log: the newest record of each key, under its old offset.
 *
 *  As in Kafka's cleaner a tombstone, and a marker whose transaction has no records any more, stay for `delete.retention.ms`
 *  after the first compaction that met them: it writes that time into their batch, and a later one takes them away. Records
 *  of aborted transactions go at once. The last batch of a producer stays, if need be without records, because it tells
 *  which sequence comes next. */

import { recordsOf } from './record-batch.ts'
import type { StoredRecord } from './records.ts'
import { type StoredBatch, withRecords } from './stored-batch.ts'

export type CompactionTerms = {
  readonly nowMs: number
  readonly deleteRetentionMs: number
  /** `min.compaction.lag.ms`: the first batch that is younger, and all after it, stay as they are. */
  readonly lagMsMin: number
  /** The last stable offset: nothing at or after it is looked at. */
  readonly before: number
  isAborted(batch: StoredBatch): boolean
  isLastOfProducer(batch: StoredBatch): boolean
}

export type Compacted = {
  readonly batches: readonly StoredBatch[]
  /** Base offsets of batches that could not be opened and stay whole. */
  readonly unopened: readonly number[]
}

export function compacted(batches: readonly StoredBatch[], terms: CompactionTerms): Compacted {
  const end = batches.findIndex(
    ({ header, lastOffset }) => lastOffset >= terms.before || isTooYoung(header.maxTimestampMs, terms),
  )
  const cleanable = (end < 0 ? batches : batches.slice(0, end)).map((batch) => open(batch, terms))
  const newest = newestOffsets(cleanable)
  const unfinished = new Set<number>()
  const kept = cleanable.flatMap((opened) => {
    const { batch, records } = opened
    const { header } = batch
    if (header.isControl) return keptMarker(batch, !unfinished.delete(header.producerId), terms)
    if (header.isTransactional) unfinished.add(header.producerId)
    if (records === undefined) return [batch]
    return keptBatch(batch, records, (record) => isKept(record, batch, { newest, terms }), terms)
  })
  const unopened = cleanable.filter(({ batch, records }) => records === undefined && !batch.header.isControl)
  return {
    batches: [...kept, ...batches.slice(cleanable.length)],
    unopened: unopened.map(({ batch }) => batch.header.baseOffset),
  }
}

/** Without a lag also records of the future are old enough. */
function isTooYoung(timestampMs: number, { nowMs, lagMsMin }: CompactionTerms): boolean {
  return lagMsMin > 0 && timestampMs > nowMs - lagMsMin
}

type Opened = {
  readonly batch: StoredBatch
  /** Undefined for markers and for what cannot be opened; empty for what was aborted. */
  readonly records: readonly StoredRecord[] | undefined
}

function open(batch: StoredBatch, terms: CompactionTerms): Opened {
  if (batch.header.isControl) return { batch, records: undefined }
  return { batch, records: terms.isAborted(batch) ? [] : recordsOf(batch.bytes, batch.header) }
}

function newestOffsets(opened: readonly Opened[]): ReadonlyMap<string, number> {
  const newest = new Map<string, number>()
  for (const { records = [] } of opened) {
    for (const { key, offset } of records) if (key !== null) newest.set(key.toString('latin1'), offset)
  }
  return newest
}

type Judgement = { readonly newest: ReadonlyMap<string, number>; readonly terms: CompactionTerms }

function isKept({ key, value, offset }: StoredRecord, batch: StoredBatch, { newest, terms }: Judgement): boolean {
  if (key === null || newest.get(key.toString('latin1')) !== offset) return false
  return value !== null || !isPastHorizon(batch, terms)
}

function isPastHorizon({ header }: StoredBatch, { nowMs }: CompactionTerms): boolean {
  return header.deleteHorizonMs !== undefined && header.deleteHorizonMs <= nowMs
}

function keptBatch(
  batch: StoredBatch,
  records: readonly StoredRecord[],
  isKeptRecord: (record: StoredRecord) => boolean,
  terms: CompactionTerms,
): StoredBatch[] {
  const kept = records.filter(isKeptRecord)
  if (kept.length === 0 && !terms.isLastOfProducer(batch)) return []
  const needsHorizon = batch.header.deleteHorizonMs === undefined && kept.some(({ value }) => value === null)
  if (needsHorizon) return [withRecords(batch, kept, terms.nowMs + terms.deleteRetentionMs)]
  return kept.length === batch.header.recordCount ? [batch] : [withRecords(batch, kept)]
}

/** `isLonely` means that no batch of the transaction was there any more. */
function keptMarker(batch: StoredBatch, isLonely: boolean, terms: CompactionTerms): StoredBatch[] {
  if (!isLonely || terms.isLastOfProducer(batch)) return [batch]
  if (isPastHorizon(batch, terms)) return []
  if (batch.header.deleteHorizonMs !== undefined) return [batch]
  const records = recordsOf(batch.bytes, batch.header)
  return records === undefined ? [batch] : [withRecords(batch, records, terms.nowMs + terms.deleteRetentionMs)]
}
