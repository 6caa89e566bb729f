/** The laws of a commit, checked on samples of what the coordinator holds: it never passes a record that was not finished
 *  by then, it never goes back, and after a clean stop it stands at the end. */
import { type Evidence, type OffsetSample, type TopicRecord, type Violation } from './evidence.ts'
import { type History } from './history.ts'
import { addressOf } from './evidence.ts'

/** A committed offset that somebody saw, with the latest moment at which it can have been committed. */
type SeenCommit = { readonly partition: number; readonly committed: number; readonly answeredMs: number }

/** Each commit counts once, however many samples saw it. */
export function commitsPastUnfinished(
  evidence: Pick<Evidence, 'records' | 'endOffsets' | 'samples'>,
  history: History,
): Violation[] {
  const progress = new Map([...evidence.endOffsets.keys()].map((partition) => [partition, progressOf(partition)]))
  return seenCommits(evidence.samples).flatMap(({ partition, committed, answeredMs }) => {
    const end = evidence.endOffsets.get(partition) ?? 0
    if (committed > end) return [`partition ${partition} was committed at ${committed}, its end is ${end}`]
    const unfinished = progress.get(partition)?.firstUnfinished(committed, answeredMs)
    if (unfinished === undefined) return []
    return [`partition ${partition} was committed at ${committed} while offset ${unfinished} was not finished`]
  })

  function progressOf(partition: number): Progress {
    return new Progress(
      evidence.records.filter((record) => record.partition === partition),
      history,
    )
  }
}

export function commitsBackwards(samples: readonly OffsetSample[]): Violation[] {
  const highest = new Map<string, number>()
  return samples.flatMap(({ committed }) =>
    Object.entries(committed).flatMap(([partition, offset]) => {
      const before = highest.get(partition) ?? 0
      highest.set(partition, Math.max(before, offset))
      return offset < before ? [`partition ${partition} was committed at ${offset} after ${before}`] : []
    }),
  )
}

/** Records that the last sample does not cover: they would be handled again after a start. */
export function uncommittedRecords({ records, samples }: Pick<Evidence, 'records' | 'samples'>): number {
  const committed = samples.at(-1)?.committed ?? {}
  return records.filter(({ partition, offset }) => offset >= (committed[partition] ?? 0)).length
}

/** Answers "was everything below this offset finished by then?" in one look instead of one per record and sample. */
class Progress {
  readonly #offsets: readonly number[]
  readonly #finishedMs: readonly number[]
  /** At index i: when the last of the first i + 1 records was finished. */
  readonly #allFinishedMs: readonly number[]

  constructor(records: readonly TopicRecord[], history: History) {
    const ascending = records.toSorted((a, b) => a.offset - b.offset)
    this.#offsets = ascending.map(({ offset }) => offset)
    this.#finishedMs = ascending.map((record) => history.finishedMs.get(addressOf(record)) ?? Infinity)
    let latestMs = -Infinity
    this.#allFinishedMs = this.#finishedMs.map((ms) => (latestMs = Math.max(latestMs, ms)))
  }

  /** The lowest offset below `committed` that was not finished at `byMs`. */
  firstUnfinished(committed: number, byMs: number): number | undefined {
    const below = this.#offsets.findIndex((offset) => offset >= committed)
    const last = (below === -1 ? this.#offsets.length : below) - 1
    if (last < 0 || (this.#allFinishedMs[last] ?? Infinity) <= byMs) return undefined
    return this.#offsets[this.#finishedMs.findIndex((ms) => ms > byMs)]
  }
}

/** The first sighting of each committed offset is the strictest one: it leaves the least time to finish. */
function seenCommits(samples: readonly OffsetSample[]): SeenCommit[] {
  const seen = new Map<string, SeenCommit>()
  for (const { committed: offsets, answeredMs } of samples) {
    for (const [partition, committed] of Object.entries(offsets)) {
      const name = `${partition} ${committed}`
      if (!seen.has(name)) seen.set(name, { partition: Number(partition), committed, answeredMs })
    }
  }
  return [...seen.values()]
}
