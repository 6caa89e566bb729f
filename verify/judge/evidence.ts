/** What the judge knows before it judges. Everything here comes from outside Holdfast: the CSV file, the attempt files that
 *  handlers write, the SQLite database, and what a foreign client read from Kafka.
 *
 *  All times are milliseconds of the machine's monotonic clock, which every process of one machine shares: a step of the
 *  wall clock in the middle of a run can then neither hide a violation nor invent one. Where a broker's own clock comes in
 *  (`…EpochMs`), only the difference of two of its readings is used. */

/** The unit of order that the run promised. */
export type Order = 'partition' | 'key' | 'none'

/** May the followers of a record pass it once it waits in a delay topic, or does its lane wait for it? */
export type WhileRetrying = 'overtake' | 'block'

/** A row of the CSV file that the run had to produce. */
export type SourceRow = {
  /** 1 for the first row. */
  readonly id: number
  readonly airport: string
  /** Whether its damage code is documented; the others do not satisfy the schema and have to die, nobody else. */
  readonly isDocumented: boolean
  readonly isDamaging: boolean
  readonly costDollars: number
}

/** A record as the foreign client read it from the topic. */
export type TopicRecord = {
  readonly partition: number
  readonly offset: number
  readonly key: string | null
  /** Byte for byte, one character each. */
  readonly value: string | null
  /** The record id in its value; null if the value holds none. */
  readonly id: number | null
}

/** A record in one of the group's own topics, with what its headers say. */
export type HandedOff = {
  readonly kind: 'delay' | 'dead'
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly key: string | null
  readonly value: string | null
  /** When the broker stored it, by the broker's clock. */
  readonly storedEpochMs: number
  /** Where it was read for the first time; null if its headers do not say so. */
  readonly source: {
    readonly topic: string
    readonly partition: number
    readonly offset: number
    readonly group: string
  } | null
  /** Attempts before it was written; null if its headers do not say so. */
  readonly attempts: number | null
  /** When its next attempt may start, by the broker's clock; null for a dead letter. */
  readonly dueEpochMs: number | null
  /** How long it has to wait from the moment when it was stored; null for a dead letter. */
  readonly delayMs: number | null
  readonly error: string
}

/** One line of an attempt file, with the record's place in the source topic, also after a delay topic. A filtered record has
 *  one line, with attempt 0. */
export type AttemptRow = {
  readonly time: number
  readonly process: number
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly key: string | null
  readonly attempt: number
  readonly outcome: 'started' | 'done' | 'failed' | 'filtered'
}

/** What the brokers said about the group: true at some moment between the two times. What was committed was asked first,
 *  so that a record whose hand-off a commit counts on is seen as stored in the same look. */
export type OffsetSample = {
  readonly askedMs: number
  readonly answeredMs: number
  /** Next offset by partition of the source topic; a partition without a commit is not in it. */
  readonly committed: Readonly<Record<string, number>>
  /** The same for delay topics, by `topic/partition`. */
  readonly ownCommitted: Readonly<Record<string, number>>
  /** Log end offset of delay and dead-letter topics, by `topic/partition`. */
  readonly ownEnds: Readonly<Record<string, number>>
}

export type AirportTotals = { readonly strikes: number; readonly damaging: number; readonly costDollars: number }

/** The content of the run's database. */
export type Totals = {
  /** Ids of the records whose effect is in the totals. */
  readonly appliedIds: ReadonlySet<number>
  readonly byAirport: ReadonlyMap<string, AirportTotals>
}

export type Evidence = {
  readonly topic: string
  readonly group: string
  readonly order: Order
  readonly retrying: WhileRetrying
  /** The least wait before the second attempt, the third and so on, if no topic is on the way; 0 for a random one. */
  readonly leastWaitsMs: readonly number[]
  readonly rows: readonly SourceRow[]
  readonly records: readonly TopicRecord[]
  /** Log end offset by partition, of every partition of the topic. */
  readonly endOffsets: ReadonlyMap<number, number>
  readonly attemptRows: readonly AttemptRow[]
  /** In the order in which they were taken; the last one was taken after the consumers had stopped. */
  readonly samples: readonly OffsetSample[]
  readonly totals: Totals
  /** Every record of the group's delay and dead-letter topics. */
  readonly handedOff: readonly HandedOff[]
}

/** A law that was broken, once, in a sentence that names the record. */
export type Violation = string

/** The name of a record within the source topic. */
export function addressOf({ partition, offset }: { readonly partition: number; readonly offset: number }): string {
  return `${partition}:${offset}`
}

/** The name of a partition of any topic. */
export function logOf({ topic, partition }: { readonly topic: string; readonly partition: number }): string {
  return `${topic}/${partition}`
}
