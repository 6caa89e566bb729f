/** The order law (R14): attempts of a lane never overlap in one process, and an attempt starts only when every lower offset
 *  of its lane is finished. Because a record that is finished stays finished, first completions are then in order too. */
import { addressOf, type Order, type TopicRecord, type Violation } from './evidence.ts'
import { type History } from './history.ts'

/** A lane while its history is replayed. */
type Lane = {
  /** Ascending. */
  readonly offsets: number[]
  /** Index of the lowest offset that is not finished yet. */
  lowest: number
  /** Attempts that run now, by process. */
  readonly running: Map<number, number>
}

export function orderViolations(order: Order, records: readonly TopicRecord[], history: History): Violation[] {
  const lanes = lanesOf(order, records)
  const finished = new Set<string>()
  const violations: Violation[] = []
  for (const row of history.rows) {
    const lane = lanes.get(addressOf(row))
    // The verdict reports rows of records that are not in the topic; they have no lane.
    if (lane === undefined) continue
    const running = lane.running.get(row.process) ?? 0
    if (row.outcome === 'started') {
      const lowest = lane.offsets[lane.lowest] ?? Infinity
      const name = `attempt ${row.attempt} of ${addressOf(row)}`
      if (running > 0) violations.push(`${name} started while another attempt of its lane was running`)
      else if (lowest < row.offset) violations.push(`${name} started before offset ${lowest} of its lane was finished`)
      lane.running.set(row.process, running + 1)
      continue
    }
    if (row.outcome !== 'filtered') lane.running.set(row.process, running - 1)
    if (row.outcome !== 'failed') finish(lane, row, finished)
  }
  return violations
}

function finish(lane: Lane, at: { readonly partition: number; readonly offset: number }, finished: Set<string>): void {
  finished.add(addressOf(at))
  for (;;) {
    const offset = lane.offsets[lane.lowest]
    if (offset === undefined || !finished.has(addressOf({ partition: at.partition, offset }))) return
    lane.lowest += 1
  }
}

/** The lane of each record, by address. A record without a key is a lane of its own, as every record is without order. */
function lanesOf(order: Order, records: readonly TopicRecord[]): Map<string, Lane> {
  const byName = new Map<string, Lane>()
  const byAddress = new Map<string, Lane>()
  for (const record of records.toSorted((a, b) => a.offset - b.offset)) {
    const name = laneName(order, record)
    const lane = byName.get(name) ?? { offsets: [], lowest: 0, running: new Map<number, number>() }
    byName.set(name, lane)
    lane.offsets.push(record.offset)
    byAddress.set(addressOf(record), lane)
  }
  return byAddress
}

function laneName(order: Order, record: TopicRecord): string {
  if (order === 'partition') return `partition ${record.partition}`
  if (order === 'none' || record.key === null) return `record ${addressOf(record)}`
  return `key ${record.partition} ${record.key}`
}
