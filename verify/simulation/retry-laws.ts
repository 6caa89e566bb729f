/** Laws of retries: when an attempt may start, how attempts are counted over all the places that a record comes to, and who
 *  becomes a dead letter. */

import { hopelessFrom, Knowledge, type Law, named, type Stored } from './law.ts'
import { addressOf, addressStartOf, type At, placeNameOf, type TraceEvent } from './trace.ts'

/** Times in headers are whole milliseconds. */
const roundingMs = 1

const attemptNotBeforeItsTime: Law = {
  name: 'attempt-not-before-its-time',
  rule: 'G3, R19, R22: no attempt before the time that the failure before it announced, whoever makes it and wherever',
  broken: (events, _terms, records) => {
    /** By machine, place and attempt: nothing but that machine's own clock is between them. */
    const own = new Map<string, number>()
    /** By record and attempt: the earliest of all machines that said so. */
    const any = new Map<string, number>()
    const copies = new Map<string, Stored>()
    const broken: string[] = []
    let isCalendarSound = true
    const started = new Set<string>()
    /** They began with a wrong calendar, and cannot know it before something of theirs is stored (R22). */
    const misled = new Set<string>()
    for (const event of events) {
      if (event.kind === 'started') started.add(event.machine)
      if (event.kind === 'calendarJumped') {
        isCalendarSound = false
        if (!started.has(event.machine)) misled.add(event.machine)
      }
      if (event.kind === 'stored') copies.set(addressOf(event), event)
      // What it reads again of its own later is told by a calendar, which may have been set.
      if (event.kind === 'left' && !isCalendarSound) {
        const place = `${event.machine} ${addressStartOf(event)}`
        for (const name of own.keys()) if (name.startsWith(place)) own.delete(name)
      }
      if (event.kind === 'retryAnnounced') {
        const dueMs = event.dueMs ?? event.atMs
        const record = `${records.sourceOf(event)} ${event.attempt + 1}`
        own.set(`${event.machine} ${addressOf(event)} ${event.attempt + 1}`, dueMs)
        any.set(record, Math.min(any.get(record) ?? Infinity, dueMs))
      }
      if (event.kind !== 'began') continue
      const isFirst = event.attempt === 1
      const ownMs = own.get(`${event.machine} ${addressOf(event)} ${event.attempt}`)
      const anyMs = any.get(`${addressOf(event.source)} ${event.attempt}`)
      if (!isFirst && anyMs === undefined) broken.push(`${named(event)} without a failure before it`)
      // A commit tells the time of a calendar; who reads it has another one.
      const toldMs = isFirst || !isCalendarSound ? 0 : (anyMs ?? 0)
      const copy = copies.get(addressOf(event))
      const ripeMs = misled.has(event.machine) ? 0 : (copy?.ripeMs ?? 0)
      const theirsMs = Math.max(toldMs, ripeMs, isCalendarSound ? (copy?.dueMs ?? 0) : 0)
      const dueMs = Math.max(isFirst ? 0 : (ownMs ?? 0), theirsMs - roundingMs)
      if (event.atMs < dueMs) broken.push(`${named(event)}, which was due at ${dueMs} ms`)
    }
    return broken
  },
}

/** How often a record came to another ownership. What was on its way to the dead letters then is tried once more. */
class Hands {
  readonly #last = new Map<string, string>()
  readonly #changes = new Map<string, number>()
  readonly #ownerships = new Map<string, number>()

  follow(event: TraceEvent): void {
    if (event.kind === 'left') {
      const place = `${event.machine} ${placeNameOf(event)}`
      this.#ownerships.set(place, (this.#ownerships.get(place) ?? 0) + 1)
    }
    if (event.kind !== 'began') return
    const source = addressOf(event.source)
    const place = `${event.machine} ${placeNameOf(event)}`
    const ownership = `${place} ${this.#ownerships.get(place) ?? 0}`
    const last = this.#last.get(source)
    this.#last.set(source, ownership)
    if (last !== undefined && last !== ownership) this.#changes.set(source, this.changes(event.source) + 1)
  }

  changes(source: At): number {
    return this.#changes.get(addressOf(source)) ?? 0
  }
}

const attemptsCountOn: Law = {
  name: 'attempts-count-on',
  rule: 'R18, R19: attempts of a record are counted over all places; only what no commit told is forgotten',
  broken: (events, { attemptsMax }, records) => {
    const failed = new Set<string>()
    const knowledge = new Knowledge()
    const hands = new Hands()
    const broken: string[] = []
    for (const event of events) {
      knowledge.follow(event)
      hands.follow(event)
      if (event.kind === 'retryAnnounced') failed.add(`${addressOf(event)} ${event.attempt}`)
      if (event.kind !== 'began') continue
      const address = addressOf(event)
      if (address !== addressOf(event.source) && records.sourceOf(event) !== addressOf(event.source)) {
        broken.push(`${named(event)} as ${addressOf(event.source)}, but its headers say ${records.sourceOf(event)}`)
      }
      const before = records.entries.get(address)?.attempts ?? 0
      const isNext = event.attempt === before + 1 || failed.has(`${address} ${event.attempt - 1}`)
      if (!isNext) broken.push(`${named(event)}, which nothing counts up to`)
      const marked = knowledge.of(event)?.failed.find(({ offset }) => offset === event.offset)?.attempts ?? 0
      if (event.attempt <= marked) broken.push(`${named(event)}, after ${marked} were committed`)
      const limit = Math.min(attemptsMax, hopelessFrom(records.entries.get(address)))
      if (event.attempt > limit + hands.changes(event.source)) broken.push(`${named(event)}, of ${limit}`)
    }
    return broken
  },
}

const deadLettersAreTheLost: Law = {
  name: 'dead-letters-are-the-lost',
  rule: 'R18, R20: dead letters are the records that failed for good, those and no others, with the attempts that they had',
  broken: (events, _terms, records) => {
    const dead = new Set<string>()
    const failed = new Set<string>()
    const broken: string[] = []
    for (const event of events) {
      if (event.kind === 'retryAnnounced') failed.add(`${records.sourceOf(event)} ${event.attempt}`)
      if (event.kind === 'began' && records.entries.get(addressOf(event))?.fate === 'undecodable') {
        broken.push(`${named(event)}, which cannot be decoded`)
      }
      if (event.kind !== 'stored') continue
      const source = addressOf(event.source)
      const entry = records.entries.get(source)
      if (!failed.has(`${source} ${event.attempts}`)) {
        broken.push(
          `at ${event.atMs} ms ${source} was stored as ${addressOf(event)} after ${event.attempts} attempts that it had not`,
        )
      }
      if (event.end !== 'deadLettered') continue
      dead.add(source)
      if (entry === undefined || entry.fate === 'fine' || entry.isFiltered) {
        broken.push(`at ${event.atMs} ms ${source} became a dead letter, and is ${entry?.fate ?? 'no record'}`)
      }
    }
    if (!events.some(({ kind }) => kind === 'drained') || events.some(({ kind }) => kind === 'stuck')) return broken
    for (const event of events) {
      if (event.kind !== 'appended' || event.fate === 'fine') continue
      const source = addressOf(event)
      if (records.entries.get(source)?.isFiltered !== true && !dead.has(source)) {
        broken.push(`${source} is ${event.fate} and no dead letter`)
      }
    }
    return broken
  },
}

const handedOffIsStored: Law = {
  name: 'handed-off-is-stored',
  rule: 'R20: a record counts as handed off only when a copy of it is stored',
  broken: (events, _terms, records) => {
    const stored = new Map<string, number>()
    const broken: string[] = []
    for (const event of events) {
      if (event.kind === 'stored') {
        const source = addressOf(event.source)
        stored.set(source, Math.max(stored.get(source) ?? 0, event.attempts))
      }
      if (event.kind !== 'handedOff') continue
      const before = records.entries.get(addressOf(event))?.attempts ?? 0
      if ((stored.get(records.sourceOf(event)) ?? 0) <= before) {
        broken.push(
          `at ${event.atMs} ms ${event.machine} called ${addressOf(event)} handed off, and no copy was stored`,
        )
      }
    }
    return broken
  },
}

const copiesAreWhole: Law = {
  name: 'copies-are-whole',
  rule: 'I9, R21: key, value, headers and time of a copy are those of its record',
  broken: (events) => {
    const originals = new Map<string, { readonly key: string | null; readonly body: string }>()
    const broken: string[] = []
    for (const event of events) {
      if (event.kind === 'appended') originals.set(addressOf(event), event)
      if (event.kind !== 'stored') continue
      const original = originals.get(addressOf(event.source))
      if (original === undefined) broken.push(`at ${event.atMs} ms ${addressOf(event)} is a copy of no record`)
      else if (original.key !== event.key || original.body !== event.body) {
        const [was, is] = [original, event].map(({ key, body }) => `${key} ${body}`)
        broken.push(`at ${event.atMs} ms ${addressOf(event)} is ${is}, and its record ${was}`)
      }
    }
    return broken
  },
}

export const retryLaws: readonly Law[] = [
  copiesAreWhole,
  attemptNotBeforeItsTime,
  attemptsCountOn,
  deadLettersAreTheLost,
  handedOffIsStored,
]
