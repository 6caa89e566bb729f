/** What a law is, and the few questions that several laws ask of a trace. A law looks at what happened from outside: handler
 *  calls, the broker's logs and commits, the life of the machines. Never at the engine's own state. */

import {
  addressOf,
  type At,
  type Fate,
  isFiltered,
  placeNameOf,
  type Terms,
  topicName,
  type TraceEvent,
} from './trace.ts'

export type Law = {
  readonly name: string
  /** The rule of the semantics, or the promise, that it watches. */
  readonly rule: string
  /** One sentence for each way in which the history broke it. */
  broken(events: readonly TraceEvent[], terms: Terms, records: Records): string[]
}

export type Began = Extract<TraceEvent, { kind: 'began' }>
/** How the sentence about a begin that should not have been starts. */
export function named({ machine, attempt, atMs, ...at }: Began): string {
  return `at ${atMs} ms ${machine} began attempt ${attempt} of ${addressOf(at)}`
}

export type Stored = Extract<TraceEvent, { kind: 'stored' }>

/** One record in one place. */
export type Entry = {
  /** Where it was first. */
  readonly source: string
  readonly lane: string
  /** Attempts that were made before it came here. */
  readonly attempts: number
  readonly fate: Fate
  readonly isFiltered: boolean
}

/** The attempt from which on the handler of a record says that nothing can help; Infinity if it never does. */
export function hopelessFrom(entry: Entry | undefined): number {
  const [kind, from] = (entry?.fate ?? 'fine').split(' ')
  return kind === 'hopeless' ? Number(from) : Infinity
}

/** Every record of a history in each of its places, by address: in the source and as copies in topics of ours. */
export class Records {
  readonly entries: ReadonlyMap<string, Entry>

  constructor(events: readonly TraceEvent[], { order, filtersEvery }: Terms) {
    const entries = new Map<string, Entry>()
    for (const event of events) {
      if (event.kind !== 'appended' && event.kind !== 'stored') continue
      const address = addressOf(event)
      const { key } = event
      // A record without a key is a lane of its own, and each place has lanes of its own.
      const isAlone = order === 'none' || (order === 'key' && key === null)
      const place = placeNameOf(event)
      const lane = isAlone ? address : order === 'key' ? `${place} ${key}` : place
      if (event.kind === 'appended') {
        const isLeftOut = isFiltered(event.offset, filtersEvery)
        entries.set(address, { source: address, lane, attempts: 0, fate: event.fate, isFiltered: isLeftOut })
      } else {
        const source = addressOf(event.source)
        const origin = entries.get(source)
        const fate = origin?.fate ?? 'fine'
        entries.set(address, { source, lane, attempts: event.attempts, fate, isFiltered: origin?.isFiltered ?? false })
      }
    }
    this.entries = entries
  }

  laneOf(at: At): string {
    const address = addressOf(at)
    return this.entries.get(address)?.lane ?? address
  }

  sourceOf(at: At): string {
    const address = addressOf(at)
    return this.entries.get(address)?.source ?? address
  }
}

/** How far every record has come by a moment: done or filtered, dead, or stored elsewhere after so many attempts. */
export class Progress {
  readonly #records: Records
  readonly #final = new Set<string>()
  readonly #stored = new Map<string, number>()

  constructor(records: Records) {
    this.#records = records
  }

  follow(event: TraceEvent): void {
    if (event.kind === 'filtered') this.#final.add(addressOf(event))
    if (event.kind === 'ended' && event.result === 'done') this.#final.add(this.#records.sourceOf(event))
    if (event.kind !== 'stored') return
    const source = addressOf(event.source)
    if (event.end === 'deadLettered') this.#final.add(source)
    this.#stored.set(source, Math.max(this.#stored.get(source) ?? -1, event.attempts))
  }

  /** Of a record: nothing is left to do anywhere. */
  isFinal(source: string): boolean {
    return this.#final.has(source)
  }

  /** Of a record in one place: nothing is left to do there, because it ended or a copy that is further on exists. */
  isFinished(address: string): boolean {
    const entry = this.#records.entries.get(address)
    if (entry === undefined) return true
    return this.#final.has(entry.source) || (this.#stored.get(entry.source) ?? -1) > entry.attempts
  }
}

/** Runs whose results come too late to count (R14 (2)): they were on when their partition left their machine, or when another
 *  machine began to work on it. */
export function runsThatOutlived(events: readonly TraceEvent[]): Set<number> {
  const running = new Map<number, Began>()
  const outlived = new Set<number>()
  for (const event of events) {
    if (event.kind === 'ended') running.delete(event.run)
    if (event.kind === 'left' || event.kind === 'began') {
      const isElsewhere = event.kind === 'began'
      for (const run of running.values()) {
        if (run.topic !== event.topic || run.partition !== event.partition) continue
        if ((run.machine === event.machine) !== isElsewhere) outlived.add(run.run)
      }
    }
    if (event.kind === 'began') running.set(event.run, event)
  }
  return outlived
}

/** What the last commits say, by partition. */
export type Committed = ReadonlyMap<string, Extract<TraceEvent, { kind: 'committed' }>>

/** What each machine knew to be committed when it last asked, event by event. */
export class Knowledge {
  readonly #committed = new Map<string, Extract<TraceEvent, { kind: 'committed' }>>()
  readonly #known = new Map<string, Committed>()

  follow(event: TraceEvent): void {
    if (event.kind === 'committed') this.#committed.set(placeNameOf(event), event)
    if (event.kind === 'asked') this.#known.set(event.machine, new Map(this.#committed))
  }

  of({ machine, ...at }: { readonly machine: string } & At): Extract<TraceEvent, { kind: 'committed' }> | undefined {
    return this.#known.get(machine)?.get(placeNameOf(at))
  }
}

export function isSource({ topic }: { readonly topic: string }): boolean {
  return topic === topicName
}

/** A place of a map of maps, made when it is first asked for. */
export function placeOf<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key)
  if (known !== undefined) return known
  const made = make()
  map.set(key, made)
  return made
}
