/** Decides which records are too old or too many. As in Kafka whole segments go, from the oldest on: by time as soon as the
 *  newest record in them is too old, by size as soon as the log without them still has `retention.bytes`. */

import type { LogSettings } from './log-settings.ts'
import type { StoredBatch } from './stored-batch.ts'

type Segment = { readonly number: number; endOffset: number; sizeBytes: number; newestMs: number }

/** Where the log starts after what must go has gone; undefined if nothing must. */
export function retainedFrom(
  batches: readonly StoredBatch[],
  settings: LogSettings,
  nowMs: number,
): number | undefined {
  if (!settings.isDeleted) return undefined
  const segments = segmentsOf(batches)
  return segments.slice(0, countToDelete(segments, settings, nowMs)).at(-1)?.endOffset
}

function segmentsOf(batches: readonly StoredBatch[]): Segment[] {
  const segments: Segment[] = []
  for (const { header, bytes, lastOffset, segment: number, storedAtMs } of batches) {
    let segment = segments.at(-1)
    if (segment?.number !== number) {
      segment = { number, endOffset: 0, sizeBytes: 0, newestMs: -Infinity }
      segments.push(segment)
    }
    segment.endOffset = lastOffset + 1
    segment.sizeBytes += bytes.length
    // Records that tell no time are as old as their batch is here.
    const timestampMs = header.maxTimestampMs < 0 ? storedAtMs : header.maxTimestampMs
    segment.newestMs = Math.max(segment.newestMs, timestampMs)
  }
  return segments
}

function countToDelete(segments: readonly Segment[], settings: LogSettings, nowMs: number): number {
  const { retentionBytes, retentionMs } = settings
  let count = 0
  let spareBytes = segments.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) - retentionBytes
  for (const { sizeBytes } of retentionBytes < 0 ? [] : segments) {
    if (spareBytes < sizeBytes) break
    spareBytes -= sizeBytes
    count++
  }
  for (const { newestMs } of retentionMs < 0 ? [] : segments.slice(count)) {
    if (nowMs - newestMs <= retentionMs) break
    count++
  }
  return count
}
