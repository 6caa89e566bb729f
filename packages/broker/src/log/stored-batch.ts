/** A batch in the log, and the same batch with records taken out of it. */

import { type BatchHeader, encodeBatch, readBatchHeader, stampBatch, stampTime } from './record-batch.ts'
import type { StoredRecord } from './records.ts'

export type StoredBatch = {
  readonly bytes: Buffer
  readonly header: BatchHeader
  readonly lastOffset: number
  /** Batches of one segment have the same number; a later one has a higher. */
  readonly segment: number
  readonly storedAtMs: number
}

/** Offsets, times and everything that names a producer stay, and so does the codec; a batch may be left without records. */
export function withRecords(
  batch: StoredBatch,
  kept: readonly StoredRecord[],
  deleteHorizonMs: number | undefined = batch.header.deleteHorizonMs,
): StoredBatch {
  const { header } = batch
  const bytes = encodeBatch(kept, {
    ...header,
    deleteHorizonMs,
    nowMs: header.baseTimestampMs,
    offsetDeltas: kept.map((record) => record.offset - header.baseOffset),
  })
  if (header.usesAppendTime) stampTime(bytes, { isAppendTime: true, maxTimestampMs: header.maxTimestampMs })
  stampBatch(bytes, header.baseOffset, header.leaderEpoch)
  return { ...batch, bytes, header: readBatchHeader(bytes) as BatchHeader }
}
