/** What the judge knows before it judges. Everything here comes from outside Holdfast: the CSV file, the attempt files that
 *  handlers write, the SQLite database, and what a foreign client read from Kafka.
 *
 *  All times are milliseconds of the machine's monotonic clock, which every process of one machine shares: a step of the
 *  wall clock in the middle of a run can then neither hide a violation nor invent one. */

/** The unit of order that the run promised. */
export type Order = 'partition' | 'key' | 'none'

/** A row of the CSV file that the run had to produce. */
export type SourceRow = {
  /** 1 for the first row. */
  readonly id: number
  readonly airport: string
  /** Whether its damage code is documented; the others are left out by the run's filter. */
  readonly isDocumented: boolean
  readonly isDamaging: boolean
  readonly costDollars: number
}

/** A record as the foreign client read it from the topic. */
export type TopicRecord = {
  readonly partition: number
  readonly offset: number
  readonly key: string | null
  /** The record id in its value; null if the value holds none. */
  readonly id: number | null
}

/** One line of an attempt file. A filtered record has one line, with attempt 0. */
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

/** What the coordinator said about the group: true at some moment between the two times. */
export type OffsetSample = {
  readonly askedMs: number
  readonly answeredMs: number
  /** Next offset by partition; a partition without a commit is not in it. */
  readonly committed: Readonly<Record<string, number>>
}

export type AirportTotals = { readonly strikes: number; readonly damaging: number; readonly costDollars: number }

/** The content of the run's database. */
export type Totals = {
  /** Ids of the records whose effect is in the totals. */
  readonly appliedIds: ReadonlySet<number>
  readonly byAirport: ReadonlyMap<string, AirportTotals>
}

export type Evidence = {
  readonly order: Order
  readonly rows: readonly SourceRow[]
  readonly records: readonly TopicRecord[]
  /** Log end offset by partition, of every partition of the topic. */
  readonly endOffsets: ReadonlyMap<number, number>
  readonly attemptRows: readonly AttemptRow[]
  /** In the order in which they were taken; the last one was taken after the consumer had stopped. */
  readonly samples: readonly OffsetSample[]
  readonly totals: Totals
  /** Records in the group's retry and dead-letter topics. */
  readonly handedOff: { readonly retried: number; readonly deadLettered: number }
}

/** A law that was broken, once, in a sentence that names the record. */
export type Violation = string

/** The name of a record within its topic. */
export function addressOf({ partition, offset }: { readonly partition: number; readonly offset: number }): string {
  return `${partition}:${offset}`
}
