/** What a law is, and the few questions that several laws ask of a trace. A law looks at what happened from outside: handler
 *  calls, the broker's log and commits, the life of the machines. Never at the engine's own state. */

import { type Order } from '../../packages/holdfast/src/model/settings.ts'
import { type At, type Terms, type TraceEvent } from './trace.ts'

/** The name of the lane of every record, by address. */
export type Lanes = ReadonlyMap<string, string>

export type Law = {
  readonly name: string
  /** The rule of the semantics, or the promise, that it watches. */
  readonly rule: string
  /** One sentence for each way in which the history broke it. */
  broken(events: readonly TraceEvent[], terms: Terms, lanes: Lanes): string[]
}

export function addressOf({ partition, offset }: At): string {
  return `${partition}/${offset}`
}

/** A record without a key is a lane of its own. */
export function lanesOf(events: readonly TraceEvent[], order: Order): Lanes {
  const lanes = new Map<string, string>()
  for (const event of events) {
    if (event.kind !== 'appended') continue
    const { partition, key } = event
    const isAlone = order === 'none' || (order === 'key' && key === null)
    const lane = isAlone ? addressOf(event) : order === 'key' ? `${partition} ${key}` : `${partition}`
    lanes.set(addressOf(event), lane)
  }
  return lanes
}

export type Began = Extract<TraceEvent, { kind: 'began' }>

/** Runs that were on when their partition left and ended later: their results come too late to
 *  count (R14 (2)). */
export function runsThatOutlived(events: readonly TraceEvent[]): Set<number> {
  const running = new Map<number, Began>()
  const outlived = new Set<number>()
  for (const event of events) {
    if (event.kind === 'began') running.set(event.run, event)
    if (event.kind === 'ended') running.delete(event.run)
    if (event.kind !== 'left') continue
    for (const { run, machine, partition } of running.values()) {
      if (machine === event.machine && partition === event.partition) outlived.add(run)
    }
  }
  return outlived
}

/** A place of a map of maps, made when it is first asked for. */
export function placeOf<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key)
  if (known !== undefined) return known
  const made = make()
  map.set(key, made)
  return made
}
