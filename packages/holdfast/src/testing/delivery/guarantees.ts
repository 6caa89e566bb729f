/** What must be true of every run, whatever the handlers do: Holdfast's own promises, judged from outside by handler
 *  calls, the broker's logs and its commits, never by what the engine believes. One sentence for each way in which
 *  a run broke them. */

import type { Order } from '../../model/settings.ts'
import { addressOf, type At, type DeliveryEvent, type Place, placeName } from './log.ts'

/** A topic that a group reads. */
export type Reading = {
  readonly group: string
  readonly topic: string
  readonly order: Order
  readonly attemptTimeoutMs: number
  readonly abortGraceMs: number
  /** Records wait there for their next attempt: due times go before offsets. */
  readonly isDelayTopic: boolean
  /** Where its records go when nothing helps. */
  readonly deadLetters: string | null
}

export type DeliveryHistory = {
  readonly events: readonly DeliveryEvent[]
  readonly readings: readonly Reading[]
}

export type GuaranteeName =
  | 'everything ends'
  | 'at least once'
  | 'no dead letters'
  | 'order'
  | 'no early retry'
  | 'contiguous commits'
  | 'bounded duplicates'

export type Guarantee = {
  readonly name: GuaranteeName
  readonly broken: (history: DeliveryHistory) => string[]
}

type Began = Extract<DeliveryEvent, { kind: 'began' }>

/** What a group reads in one place. */
type Line = { readonly group: string } & Place

function lineName({ group, ...place }: Line): string {
  return `${group} ${placeName(place)}`
}

/** A record as one group sees it. */
function recordName(group: string, at: At): string {
  return `${group} ${addressOf(at)}`
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(3)} s`
}

function attemptName({ machine, attempt, atMs, ...at }: Began): string {
  return `at ${seconds(atMs)} ${machine} began attempt ${attempt} of ${addressOf(at)}`
}

/** Where each record is, how often it was tried before it came there, and how far it has come. */
class Progress {
  /** By record of a group: its source, and the attempts before. */
  readonly #entries = new Map<string, { readonly source: string; readonly attempts: number }>()
  readonly #final = new Set<string>()
  readonly #copied = new Map<string, number>()
  readonly #readers = new Map<string, readonly Reading[]>()

  constructor(readings: readonly Reading[]) {
    for (const reading of readings) {
      this.#readers.set(reading.topic, [...(this.#readers.get(reading.topic) ?? []), reading])
    }
  }

  follow(event: DeliveryEvent): void {
    if (event.kind === 'ended' && event.result !== 'failed') this.#final.add(this.#sourceOf(event))
    if (event.kind !== 'appended') return
    const { copy } = event
    for (const { group, isDelayTopic } of this.#readers.get(event.topic) ?? []) {
      const name = recordName(group, event)
      if (!isDelayTopic) this.#entries.set(name, { source: name, attempts: 0 })
      else if (copy?.group === group) {
        this.#entries.set(name, { source: recordName(group, copy.source), attempts: copy.attempts })
      }
    }
    if (copy === null) return
    const source = recordName(copy.group, copy.source)
    if (copy.dueMs === null) this.#final.add(source)
    this.#copied.set(source, Math.max(this.#copied.get(source) ?? -1, copy.attempts))
  }

  #sourceOf(event: { readonly group: string } & At): string {
    const name = recordName(event.group, event)
    return this.#entries.get(name)?.source ?? name
  }

  /** Nothing is left to do anywhere. */
  isFinal(group: string, at: At): boolean {
    return this.#final.has(recordName(group, at))
  }

  /** Nothing is left to do there: the record ended, or a copy of it that is further on is stored elsewhere. */
  isFinished(name: string): boolean {
    const entry = this.#entries.get(name)
    if (entry === undefined) return true
    return this.#final.has(entry.source) || (this.#copied.get(entry.source) ?? -1) > entry.attempts
  }
}

const everythingEnds: Guarantee = {
  name: 'everything ends',
  broken: ({ events }) =>
    events.flatMap((event) =>
      event.kind === 'stuck' ? [event.reason] : event.kind === 'failed' ? [`${event.machine}: ${event.reason}`] : [],
    ),
}

const atLeastOnce: Guarantee = {
  name: 'at least once',
  broken: ({ events, readings }) => {
    if (!events.some(({ kind }) => kind === 'drained')) return []
    const progress = new Progress(readings)
    for (const event of events) progress.follow(event)
    const sources = readings.filter(({ isDelayTopic }) => !isDelayTopic)
    return events.flatMap((event) => {
      if (event.kind !== 'appended') return []
      const losers = sources.filter(({ topic, group }) => topic === event.topic && !progress.isFinal(group, event))
      return losers.map(
        ({ group }) => `${addressOf(event)} was never done by ${group}, and yet everything is committed`,
      )
    })
  },
}

/** Left out where dead letters are part of the plan. */
export const noDeadLetters: Guarantee = {
  name: 'no dead letters',
  broken: ({ events }) =>
    events.flatMap((event) =>
      event.kind === 'appended' && event.copy !== null && event.copy.dueMs === null
        ? [
            `${addressOf(event.copy.source)} died after ${event.copy.attempts} attempts, the last one left alone: ` +
              (event.copy.reason ?? 'nobody knows why'),
          ]
        : [],
    ),
}

/** What one machine does with one line, from when it gets it until the partition leaves. */
class Ownership {
  /** Runs that have not ended, by lane. */
  readonly running = new Map<string, Began[]>()
  /** Begun and not done, by lane. */
  readonly open = new Map<string, Set<number>>()
  readonly done = new Set<number>()
}

type Step = { readonly event: Began; readonly lane: string; readonly ownership: Ownership; readonly reading: Reading }

/** How late the toolkit may notice that a time is up. */
const toleranceMs = 100

/** R16: whoever resolves between the abort and the end of the grace has failed all the same, and a zombie has not. */
function countsAsDone(ageMs: number, { attemptTimeoutMs, abortGraceMs }: Reading): boolean {
  return ageMs < attemptTimeoutMs || ageMs > attemptTimeoutMs + abortGraceMs + toleranceMs
}

/** Replays every ownership, and asks at each begin what is wrong with it. */
function replay({ events, readings }: DeliveryHistory, ask: (step: Step) => string[]): string[] {
  const byTopic = new Map(readings.map((reading) => [`${reading.group} ${reading.topic}`, reading]))
  const keys = new Map<string, string | null>()
  const ownerships = new Map<string, Ownership>()
  const broken: string[] = []
  const follow = (event: Extract<DeliveryEvent, { kind: 'began' | 'ended' }>, name: string): void => {
    const reading = byTopic.get(`${event.group} ${event.topic}`)
    if (reading === undefined) return
    const ownership = placeOf(ownerships, name, () => new Ownership())
    const lane = laneOf(event, reading, keys.get(addressOf(event)) ?? null)
    const running = placeOf(ownership.running, lane, () => [])
    const open = placeOf(ownership.open, lane, () => new Set<number>())
    if (event.kind === 'began') {
      broken.push(...ask({ event, lane, ownership, reading }))
      running.push(event)
      open.add(event.offset)
      return
    }
    const index = running.findIndex(({ run }) => run === event.run)
    // Not there: it began before the partition left, and counts for nothing now.
    if (index < 0) return
    const [run] = running.splice(index, 1)
    if (event.result === 'failed' || run === undefined) return
    open.delete(event.offset)
    if (countsAsDone(event.atMs - run.atMs, reading)) ownership.done.add(event.offset)
  }
  for (const event of events) {
    if (event.kind === 'appended') {
      keys.set(addressOf(event), event.key)
      // Stored elsewhere, a record keeps nobody waiting, whoever wrote it.
      const { copy } = event
      if (copy === null) continue
      for (const [name, { open }] of ownerships) {
        if (!name.endsWith(` ${lineName({ group: copy.group, ...copy.source })}`)) continue
        for (const offsets of open.values()) offsets.delete(copy.source.offset)
      }
      continue
    }
    if (event.kind !== 'left' && event.kind !== 'handedOff' && event.kind !== 'began' && event.kind !== 'ended')
      continue
    const name = `${event.machine} ${lineName(event)}`
    if (event.kind === 'left') ownerships.delete(name)
    else if (event.kind === 'handedOff') placeOf(ownerships, name, () => new Ownership()).done.add(event.offset)
    else follow(event, name)
  }
  return broken
}

/** R13. A record without a key is a lane of its own. */
function laneOf(at: At, { order }: Reading, key: string | null): string {
  if (order === 'partition') return placeName(at)
  return order === 'key' && key !== null ? `${placeName(at)} ${key}` : addressOf(at)
}

/** A place of a map, made when it is first asked for. */
function placeOf<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key)
  if (known !== undefined) return known
  const made = make()
  map.set(key, made)
  return made
}

const order: Guarantee = {
  name: 'order',
  broken: (history) =>
    replay(history, ({ event, lane, ownership, reading }) => {
      const [other] = ownership.running.get(lane) ?? []
      const overlaps = other === undefined ? [] : [`${attemptName(event)} while ${addressOf(other)} was running`]
      if (reading.isDelayTopic) return overlaps
      const below = [...(ownership.open.get(lane) ?? [])].find((offset) => offset < event.offset)
      const overtakes = below === undefined ? [] : [`${attemptName(event)} before ${below} of its lane was done`]
      return [...overlaps, ...overtakes]
    }),
}

/** Times in headers are whole milliseconds. */
const roundingMs = 1

const noEarlyRetry: Guarantee = {
  name: 'no early retry',
  broken: ({ events }) => {
    /** By machine, record and attempt: when it may begin. */
    const announced = new Map<string, number>()
    const copies = new Map<string, number>()
    const broken: string[] = []
    for (const event of events) {
      if (event.kind === 'appended' && event.copy !== null && event.copy.dueMs !== null) {
        copies.set(addressOf(event), event.copy.dueMs)
      }
      if (event.kind === 'retryAnnounced' && event.dueMs !== null) {
        announced.set(`${event.machine} ${recordName(event.group, event)} ${event.attempt + 1}`, event.dueMs)
      }
      if (event.kind !== 'began' || event.attempt === 1) continue
      const own = announced.get(`${event.machine} ${recordName(event.group, event)} ${event.attempt}`) ?? 0
      const dueMs = Math.max(own, (copies.get(addressOf(event)) ?? 0) - roundingMs)
      if (event.atMs < dueMs) broken.push(`${attemptName(event)}, which was due at ${seconds(dueMs)}`)
    }
    return broken
  },
}

const contiguousCommits: Guarantee = {
  name: 'contiguous commits',
  broken: ({ events, readings }) => {
    const progress = new Progress(readings)
    const lines = new Map<string, At[]>()
    const broken: string[] = []
    for (const event of events) {
      progress.follow(event)
      if (event.kind === 'appended') placeOf(lines, placeName(event), () => []).push(event)
      if (event.kind !== 'committed') continue
      const open = lines
        .get(placeName(event))
        ?.find((at) => at.offset < event.offset && !progress.isFinished(recordName(event.group, at)))
      if (open === undefined) continue
      broken.push(`at ${seconds(event.atMs)} ${addressOf(event)} was committed while ${addressOf(open)} was not done`)
    }
    return broken
  },
}

/** G6: every repetition has a reason, so there are at most as many as were open or uncommitted when a machine
 *  crashed or a partition moved. */
const boundedDuplicates: Guarantee = {
  name: 'bounded duplicates',
  broken: (history) => [...repeatedByItsOwner(history), ...repeatedAfterCommit(history)],
}

function repeatedByItsOwner(history: DeliveryHistory): string[] {
  return replay(history, ({ event, ownership }) =>
    ownership.done.has(event.offset)
      ? [`${attemptName(event)}, which it had done, and the partition had not left`]
      : [],
  )
}

function repeatedAfterCommit({ events }: DeliveryHistory): string[] {
  const committed = new Map<string, number>()
  /** By member: what was committed when it last asked. */
  const known = new Map<string, ReadonlyMap<string, number>>()
  const broken: string[] = []
  for (const event of events) {
    if (event.kind === 'committed') committed.set(lineName(event), event.offset)
    if (event.kind === 'asked') known.set(`${event.machine} ${event.group}`, new Map(committed))
    if (event.kind !== 'began') continue
    const line = known.get(`${event.machine} ${event.group}`)?.get(lineName(event)) ?? 0
    if (event.offset < line) broken.push(`${attemptName(event)}, although ${line} was committed before`)
  }
  return broken
}

/** In the order in which they are worth being told. */
export const guarantees: readonly Guarantee[] = [
  contiguousCommits,
  order,
  noEarlyRetry,
  boundedDuplicates,
  atLeastOnce,
  everythingEnds,
]
