/** Where records went that their partition was done with: which hand-offs each one has, and between which looks each was
 *  stored. Draws no conclusions, except about hand-offs that cannot be what they say. */
import { addressOf, type Evidence, type HandedOff, logOf, type OffsetSample, type Violation } from './evidence.ts'

/** A hand-off whose headers say where the record came from. */
export type HandOff = HandedOff & {
  readonly address: string
  /** Attempts before it. */
  readonly attempts: number
  /** It was not stored yet at this moment; −Infinity if nobody looked before. */
  readonly absentMs: number
  /** It was stored by this moment; Infinity if nobody looked afterwards. */
  readonly storedMs: number
}

export type HandOffs = {
  readonly all: readonly HandOff[]
  /** By address, in the order of their attempts. */
  readonly byAddress: ReadonlyMap<string, readonly HandOff[]>
  readonly contradictions: readonly Violation[]
}

export function readHandOffs({ topic, group, records, handedOff, samples }: Evidence): HandOffs {
  const sources = new Map(records.map((record) => [addressOf(record), record]))
  const contradictions: Violation[] = []
  const all: HandOff[] = []
  for (const record of handedOff) {
    const { source, attempts } = record
    const name = `${record.topic}/${record.partition}@${record.offset}`
    if (source === null || attempts === null) {
      contradictions.push(`${name} does not say where it comes from and how often it was attempted`)
      continue
    }
    const address = addressOf(source)
    const original = sources.get(address)
    if (source.topic !== topic || source.group !== group || original === undefined) {
      contradictions.push(`${name} says that it comes from ${source.topic} at ${address}, of group ${source.group}`)
      continue
    }
    if (original.key !== record.key || original.value !== record.value) {
      contradictions.push(`${name} has another key or value than ${address}, where it comes from`)
    }
    all.push({ ...record, address, attempts, ...seen(record, samples) })
  }
  all.sort((a, b) => a.attempts - b.attempts || a.storedEpochMs - b.storedEpochMs)
  return { all, byAddress: Map.groupBy(all, ({ address }) => address), contradictions }
}

/** The looks between which a record appeared. Ends are asked for last in a look, so one that does not show the record yet
 *  proves its absence at the moment when that look began. */
function seen(record: HandedOff, samples: readonly OffsetSample[]): Pick<HandOff, 'absentMs' | 'storedMs'> {
  const log = logOf(record)
  const first = samples.findIndex(({ ownEnds }) => (ownEnds[log] ?? 0) > record.offset)
  const before = first === -1 ? samples.at(-1) : samples[first - 1]
  return { absentMs: before?.askedMs ?? -Infinity, storedMs: samples[first]?.answeredMs ?? Infinity }
}

/** The hand-off after which an attempt was made: the latest one to a delay topic with fewer attempts. */
export function hopBefore(handOffs: readonly HandOff[] | undefined, attempt: number): HandOff | undefined {
  return handOffs?.findLast(({ kind, attempts }) => kind === 'delay' && attempts < attempt)
}
