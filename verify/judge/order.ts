/** The order law (R14): attempts of a lane never overlap in one process, and an attempt starts only when every lower offset
 *  of its lane is finished or left the lane. Because what is finished stays finished, first completions are then in order
 *  too.
 *
 *  A record leaves its lane when it is handed off. Under `overtake` it goes on in a lane of its delay topic, where nothing
 *  is promised but that attempts do not overlap; under `block` no record may go there. */
import { addressOf, type Evidence, logOf, type Order, type TopicRecord, type Violation } from './evidence.ts'
import { type HandOffs, hopBefore } from './hand-offs.ts'
import { failures, type History, nameOf } from './history.ts'

/** A lane while its history is replayed. */
type Lane = {
  /** Ascending. */
  readonly offsets: number[]
  /** Index of the lowest offset that is neither finished nor gone. */
  lowest: number
}

export function orderViolations(
  { order, retrying, records }: Pick<Evidence, 'order' | 'retrying' | 'records'>,
  history: History,
  handOffs: HandOffs,
): Violation[] {
  const lanes = lanesOf(order, records)
  const running = new Map<string, number>()
  const finished = new Set<string>()
  const departures = departuresOf(history, handOffs)
  const violations = retrying === 'overtake' ? [] : strayed(handOffs)
  for (const row of history.rows) {
    for (; (departures[0]?.leftMs ?? Infinity) <= row.time; departures.shift()) finish(departures[0]?.address ?? '')
    const address = addressOf(row)
    // The verdict reports rows of records that are not in the topic; they have no lane.
    const lane = lanes.byAddress.get(address)
    if (lane === undefined) continue
    const hop = hopBefore(handOffs.byAddress.get(address), row.attempt)
    const seat = `${row.process} ${hop === undefined ? '' : logOf(hop)} ${lanes.names.get(address)}`
    const beside = running.get(seat) ?? 0
    if (row.outcome === 'started') {
      const lowest = lane.offsets[lane.lowest] ?? Infinity
      const name = nameOf(address, row.attempt)
      if (beside > 0) violations.push(`${name} started while another attempt of its lane was running`)
      else if (lowest < row.offset) violations.push(`${name} started before offset ${lowest} of its lane was finished`)
      running.set(seat, beside + 1)
      continue
    }
    if (row.outcome !== 'filtered') running.set(seat, beside - 1)
    if (row.outcome !== 'failed') finish(address)
  }
  return violations

  function finish(address: string): void {
    finished.add(address)
    const lane = lanes.byAddress.get(address)
    const partition = address.split(':')[0]
    for (; lane !== undefined; lane.lowest += 1) {
      const offset = lane.offsets[lane.lowest]
      if (offset === undefined || !finished.has(`${partition}:${offset}`)) return
    }
  }
}

/** When each record left its lane, in order of time: not before it had failed, and not before it was seen to be absent from
 *  the topic that it went to. It may have been later, so nobody is accused wrongly. */
function departuresOf(
  history: History,
  { byAddress }: HandOffs,
): { readonly address: string; readonly leftMs: number }[] {
  const failedMs = failures(history)
  return [...byAddress]
    .flatMap(([address, [first]]) => {
      if (first === undefined) return []
      return [{ address, leftMs: Math.max(first.absentMs, failedMs.get(nameOf(address, first.attempts)) ?? -Infinity) }]
    })
    .toSorted((a, b) => a.leftMs - b.leftMs)
}

function strayed({ all }: HandOffs): Violation[] {
  return all
    .filter(({ kind }) => kind === 'delay')
    .map(({ address, topic }) => `${address} went to ${topic} although its lane had to wait for it`)
}

type Lanes = { readonly byAddress: ReadonlyMap<string, Lane>; readonly names: ReadonlyMap<string, string> }

/** The lane of each record. A record without a key is a lane of its own, as every record is without order. */
function lanesOf(order: Order, records: readonly TopicRecord[]): Lanes {
  const byName = new Map<string, Lane>()
  const byAddress = new Map<string, Lane>()
  const names = new Map<string, string>()
  for (const record of records.toSorted((a, b) => a.offset - b.offset)) {
    const name = laneName(order, record)
    const lane = byName.get(name) ?? { offsets: [], lowest: 0 }
    byName.set(name, lane)
    lane.offsets.push(record.offset)
    byAddress.set(addressOf(record), lane)
    names.set(addressOf(record), name)
  }
  return { byAddress, names }
}

function laneName(order: Order, record: TopicRecord): string {
  if (order === 'partition') return `partition ${record.partition}`
  if (order === 'none' || record.key === null) return `record ${addressOf(record)}`
  return `key ${record.partition} ${record.key}`
}
