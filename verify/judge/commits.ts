/** The laws of a commit, checked on samples of what the coordinator holds: it never passes a record that was neither
 *  finished nor stored further on by then, it never goes back, and after a clean stop it stands at the end. They hold for
 *  the source topic and for each delay topic alike. */
import { addressOf, type Evidence, logOf, type OffsetSample, type Violation } from './evidence.ts'
import { type HandOff, type HandOffs } from './hand-offs.ts'
import { type History } from './history.ts'

/** One partition of one topic, with its records in order. */
type Log = {
  readonly name: string
  readonly end: number
  readonly records: readonly { readonly offset: number; readonly finishedMs: number }[]
  committed(sample: OffsetSample): number | undefined
}

type Grounds = Pick<Evidence, 'records' | 'endOffsets' | 'samples'>

/** Each commit counts once, however many samples saw it. */
export function commitsPastUnfinished(evidence: Grounds, history: History, handOffs: HandOffs): Violation[] {
  return logsOf(evidence, history, handOffs).flatMap((log) => {
    const progress = new Progress(log)
    return sightings(log, evidence.samples).flatMap(({ committed, answeredMs }) => {
      if (committed > log.end) return [`${log.name} was committed at ${committed}, its end is ${log.end}`]
      const unfinished = progress.firstUnfinished(committed, answeredMs)
      if (unfinished === undefined) return []
      return [`${log.name} was committed at ${committed} while offset ${unfinished} was not finished`]
    })
  })
}

export function commitsBackwards(evidence: Grounds, history: History, handOffs: HandOffs): Violation[] {
  return logsOf(evidence, history, handOffs).flatMap((log) => {
    let highest = 0
    return evidence.samples.flatMap((sample) => {
      const committed = log.committed(sample) ?? highest
      const before = highest
      highest = Math.max(highest, committed)
      return committed < before ? [`${log.name} was committed at ${committed} after ${before}`] : []
    })
  })
}

/** Records that the last sample does not cover: they would be handled again after a start. */
export function uncommittedRecords(evidence: Grounds, history: History, handOffs: HandOffs): number {
  const last = evidence.samples.at(-1)
  return logsOf(evidence, history, handOffs).reduce((sum, log) => {
    const committed = (last && log.committed(last)) ?? 0
    return sum + log.records.filter(({ offset }) => offset >= committed).length
  }, 0)
}

function logsOf({ records, endOffsets, samples }: Grounds, history: History, handOffs: HandOffs): Log[] {
  const sources = Map.groupBy(records, ({ partition }) => partition)
  const delays = Map.groupBy(
    handOffs.all.filter(({ kind }) => kind === 'delay'),
    logOf,
  )
  const done = (address: string): number => history.finishedMs.get(address) ?? Infinity
  return [
    ...[...endOffsets].map(([partition, end]): Log => {
      return {
        name: `partition ${partition}`,
        end,
        records: ascending(sources.get(partition) ?? []).map((record) => {
          const address = addressOf(record)
          return { offset: record.offset, finishedMs: Math.min(done(address), storedFrom(handOffs, address, 0)) }
        }),
        committed: (sample) => sample.committed[partition],
      }
    }),
    ...[...delays].map(([name, handed]): Log => {
      return {
        name,
        end: samples.at(-1)?.ownEnds[name] ?? 0,
        records: ascending(handed).map(({ offset, address, attempts }: HandOff) => {
          return { offset, finishedMs: Math.min(done(address), storedFrom(handOffs, address, attempts)) }
        }),
        committed: (sample) => sample.ownCommitted[name],
      }
    }),
  ]
}

/** When the record was known to be stored in a topic that it came to after that many attempts. */
function storedFrom({ byAddress }: HandOffs, address: string, attempts: number): number {
  const further = (byAddress.get(address) ?? []).filter((one) => one.attempts > attempts)
  return Math.min(Infinity, ...further.map(({ storedMs }) => storedMs))
}

function ascending<R extends { readonly offset: number }>(records: readonly R[]): R[] {
  return records.toSorted((a, b) => a.offset - b.offset)
}

/** Answers "was everything below this offset finished by then?" in one look instead of one per record and sample. */
class Progress {
  readonly #records: Log['records']
  /** At index i: when the last of the first i + 1 records was finished. */
  readonly #allFinishedMs: readonly number[]

  constructor({ records }: Log) {
    this.#records = records
    let latestMs = -Infinity
    this.#allFinishedMs = records.map(({ finishedMs }) => (latestMs = Math.max(latestMs, finishedMs)))
  }

  /** The lowest offset below `committed` that was not finished at `byMs`. */
  firstUnfinished(committed: number, byMs: number): number | undefined {
    const below = this.#records.findIndex(({ offset }) => offset >= committed)
    const last = (below === -1 ? this.#records.length : below) - 1
    if (last < 0 || (this.#allFinishedMs[last] ?? Infinity) <= byMs) return undefined
    return this.#records.find(({ finishedMs }) => finishedMs > byMs)?.offset
  }
}

type Sighting = { readonly committed: number; readonly answeredMs: number }

/** The first sighting of each committed offset is the strictest one: it leaves the least time to finish. */
function sightings(log: Log, samples: readonly OffsetSample[]): Sighting[] {
  const seen = new Map<number, Sighting>()
  for (const sample of samples) {
    const committed = log.committed(sample)
    if (committed !== undefined && !seen.has(committed))
      seen.set(committed, { committed, answeredMs: sample.answeredMs })
  }
  return [...seen.values()]
}
