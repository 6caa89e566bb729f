/** Collects what a commit tells about the records above the line (R10): which are finished, and which have failed attempts
 *  behind them. What of it fits into a text, `commit-metadata.ts` decides. */
import type { Entry } from './entry.ts'
import type { InheritedMarks } from './inherited-marks.ts'

/** A record that was tried and is not finished. */
export type FailedRecord = { readonly offset: number; readonly attempts: number; readonly dueMs: number }

export type CommitMarks = {
  /** The topic for which this holds; a topic of the same name that was made later has another id. */
  readonly topicId: string
  /** Of the last batch that was received: no marked record was written in a later one. */
  readonly leaderEpoch: number
  /** Goes before the marks. */
  readonly startMark: string
  readonly lengthMax: number
  /** Ascending, from the line at least up to the highest finished offset. */
  readonly unfinished: readonly number[]
  readonly highestFinished: number
  /** Ascending by offset. */
  readonly failed: readonly FailedRecord[]
}

/** A few dozen records wait in place at a time; more of them would take the room of the map (R10). */
const failedMax = 64

/** What it is collected from: a partition during one ownership. */
type MarkedPartition<R> = {
  readonly leader: { readonly topicId: string } | null
  readonly lastFetchedEpoch: number
  readonly startMark: string
  readonly ledger: { readonly oldest: Entry<R> | null; readonly position: number; readonly highestFinished: number }
  committable(): number
}

export function marksOf<R>(
  partition: MarkedPartition<R>,
  inherited: InheritedMarks | null,
  lengthMax: number,
): CommitMarks {
  const { ledger, startMark } = partition
  const line = partition.committable()
  const unfinished: number[] = []
  const failed: FailedRecord[] = []
  for (let entry = ledger.oldest; entry !== null; entry = entry.newer) {
    unfinished.push(entry.offset)
    // A blocked record begins anew: whoever restarts us has looked at it.
    if (entry.failures > entry.attemptsTold && entry.state !== 'blocked') {
      failed.push({ offset: entry.offset, attempts: entry.failures, dueMs: entry.dueMs })
    }
  }
  let { highestFinished } = ledger
  if (inherited !== null && inherited.highestFinished >= ledger.position) {
    highestFinished = inherited.highestFinished
    for (const offset of inherited.unfinishedFrom(Math.max(ledger.position, line))) unfinished.push(offset)
  }
  if (inherited !== null) failed.push(...inherited.failedFrom(ledger.position))
  const topicId = partition.leader?.topicId ?? ''
  const leaderEpoch = Math.max(partition.lastFetchedEpoch, inherited?.leaderEpoch ?? -1)
  return { topicId, leaderEpoch, startMark, lengthMax, unfinished, highestFinished, failed: failed.slice(0, failedMax) }
}
