/** Decides where a log is cut into segments. A segment is what retention takes away as a whole, what compaction leaves alone
 *  while it is the newest, and as far as one Fetch reads; so tests meet the same edges here as on Kafka's disks.
 *
 *  As in Kafka time counts by what records say: a segment ends when a batch is more than `segment.ms` newer than the first. */

import type { LogSettings } from './log-settings.ts'
import type { BatchHeader } from './record-batch.ts'

/** What decides where a segment ends: the settings of the topic, and the time. */
export type SegmentCut = { readonly settings: LogSettings; readonly nowMs: number }

export class SegmentCutter {
  #number = 0
  #sizeBytes = 0
  #firstTimestampMs = -1
  #openedAtMs = 0

  /** The number of the segment that a batch goes to. Without `cut` it is the newest. */
  take(header: BatchHeader, cut?: SegmentCut): number {
    if (cut !== undefined && this.#isOver(header, cut)) this.end()
    if (this.#sizeBytes === 0) {
      this.#firstTimestampMs = header.maxTimestampMs
      this.#openedAtMs = cut?.nowMs ?? 0
    }
    this.#sizeBytes += header.sizeBytes
    return this.#number
  }

  /** What comes next goes to a new segment. */
  end(): void {
    if (this.#sizeBytes === 0) return
    this.#number += 1
    this.#sizeBytes = 0
  }

  #isOver(header: BatchHeader, { settings, nowMs }: SegmentCut): boolean {
    if (this.#sizeBytes === 0) return false
    if (this.#sizeBytes + header.sizeBytes > settings.segmentBytes) return true
    const ageMs =
      this.#firstTimestampMs >= 0 ? header.maxTimestampMs - this.#firstTimestampMs : nowMs - this.#openedAtMs
    return ageMs > settings.segmentMs
  }
}
