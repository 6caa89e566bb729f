/** Turns what a commit tells into the text that Kafka keeps with the offset, and back. The engine counts time from some start
 *  of its own; the text outlives this process, so due times in it are those of the calendar.
 *
 *      [hf0:<generation>] [hf1…]      the start mark, then the marks, each left out when there is nothing to say */
import { decodeCommitMetadata, encodeCommitMetadata } from '../engine/commit-metadata.ts'
import type { CommitMarks } from '../engine/commit-marks.ts'
import { type FailedBefore, InheritedMarks } from '../engine/inherited-marks.ts'
import type { Clock } from './clock.ts'

const separator = ' '
const startPrefix = 'hf0:'

/** The generation in which the group first saw a partition: it goes with every commit of the ownership that began it. */
export function startMark(generation: number): string {
  return `${startPrefix}${generation}`
}

export function hasStartMark(metadata: string | null, generation: number): boolean {
  return metadata !== null && metadata.split(separator, 1)[0] === startMark(generation)
}

export function commitText(offset: number, marks: CommitMarks, clock: Clock): string {
  const { topicId, leaderEpoch, unfinished, highestFinished } = marks
  // The monotonic clock first: whatever comes between the two looks makes due times later, never earlier.
  const monotonicMs = clock.monotonicMs()
  const epochFromMonotonicMs = clock.epochMs() - monotonicMs
  const parked = marks.failed.map((each) => ({
    offset: each.offset,
    attempt: each.attempts,
    dueAtMs: Math.max(0, Math.ceil(each.dueMs + epochFromMonotonicMs)),
  }))
  const start = marks.startMark === '' ? '' : marks.startMark + separator
  if (start.length > marks.lengthMax) return ''
  const text = encodeCommitMetadata(
    {
      topicId,
      committedOffset: offset,
      leaderEpoch,
      unfinished,
      highestFinished,
      parked,
      writtenAtMs: clock.epochMs(),
    },
    { lengthMax: marks.lengthMax - start.length },
  )
  return text === '' ? marks.startMark : start + text
}

/** Marks that were written for one topic, offset and epoch; whether they still hold, only the broker can say. */
export type WrittenMarks = {
  readonly topicId: string
  readonly committedOffset: number
  readonly leaderEpoch: number
  /** The highest offset that something is said about. */
  readonly highest: number
  readonly inherited: InheritedMarks
}

/** Null when the text says nothing; a sentence when what it says cannot be read. */
export function readCommitText(metadata: string | null, clock: Clock): WrittenMarks | string | null {
  const text = metadata?.startsWith(startPrefix) === true ? metadata.slice(metadata.indexOf(separator) + 1) : metadata
  if (text === null || text.startsWith(startPrefix)) return null
  const decoded = decodeCommitMetadata(text)
  if (!decoded.ok) return decoded.reason === 'damaged' ? 'its text is damaged' : null
  const { topicId, committedOffset, leaderEpoch, finished, parked } = decoded
  // The calendar first, for the same reason.
  const epochMs = clock.epochMs()
  const nowMs = clock.monotonicMs()
  const failed = new Map<number, FailedBefore>()
  for (const { offset, attempt: attempts, dueAtMs, waitMs } of parked) {
    // It was written before it is read: whatever the calendars say, no more than the wait of that time is left. And 0 would
    // mean that it never had to wait.
    const leftMs = Math.min(dueAtMs - epochMs, waitMs)
    failed.set(offset, { attempts, dueMs: Math.max(1, nowMs + leftMs) })
  }
  const inherited = new InheritedMarks(finished, failed, leaderEpoch)
  if (contradictsItself(inherited, failed, committedOffset)) return 'its text contradicts itself'
  return { topicId, committedOffset, leaderEpoch, highest: inherited.highest, inherited }
}

/** The text may have been written by anybody who may commit for the group. */
function contradictsItself(
  { finished }: InheritedMarks,
  failed: ReadonlyMap<number, FailedBefore>,
  committedOffset: number,
): boolean {
  for (const offset of failed.keys()) if (finished.has(offset)) return true
  let open = 0
  let from = committedOffset
  for (const { start, end } of finished.ranges()) {
    open += start - from
    from = end
  }
  return open > openRecordsMax
}

/** More than a member of ours ever leaves open above its line: it holds at most 100,000 records of a partition. */
const openRecordsMax = 200_000
