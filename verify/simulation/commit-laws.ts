/** Laws of offsets: what is committed is finished, stays committed, and is never handled again. */

import { type Entry, Knowledge, type Law, placeOf, Progress, type Records, runsThatOutlived } from './law.ts'
import { Forgotten } from './standing.ts'
import { addressOf, addressStartOf, placeNameOf, type TraceEvent } from './trace.ts'

const nothingLost: Law = {
  name: 'nothing-lost',
  rule: 'G1: every record is done, filtered or a dead letter in the end, or still uncommitted',
  broken: (events, _terms, records) => {
    if (!events.some(({ kind }) => kind === 'drained') || events.some(({ kind }) => kind === 'stuck')) return []
    const progress = new Progress(records)
    for (const event of events) progress.follow(event)
    return events.flatMap((event) =>
      event.kind === 'appended' && !progress.isFinal(addressOf(event))
        ? [`${addressOf(event)} was never done, and yet everything is committed`]
        : [],
    )
  },
}

/** The offsets of one partition, and the lowest of them that is not finished. */
class Line {
  readonly #addresses: { readonly offset: number; readonly address: string }[] = []
  #lowest = 0

  add(offset: number, address: string): void {
    this.#addresses.push({ offset, address })
  }

  lowest(progress: Progress): number {
    let next = this.#addresses[this.#lowest]
    while (next !== undefined && progress.isFinished(next.address)) next = this.#addresses[++this.#lowest]
    return next?.offset ?? Infinity
  }
}

const commitNeverPassesUnfinished: Law = {
  name: 'commit-never-passes-unfinished',
  rule: 'G1, R8, R20, I1: what is committed is done, filtered, or stored in another topic at that moment',
  broken: (events, _terms, records) => {
    const progress = new Progress(records)
    const lines = new Map<string, Line>()
    const broken: string[] = []
    for (const event of events) {
      progress.follow(event)
      if (event.kind === 'appended' || event.kind === 'stored') {
        placeOf(lines, placeNameOf(event), () => new Line()).add(event.offset, addressOf(event))
      }
      if (event.kind !== 'committed') continue
      const lowest = lines.get(placeNameOf(event))?.lowest(progress) ?? Infinity
      if (event.offset > lowest) {
        const open = addressOf({ ...event, offset: lowest })
        broken.push(`at ${event.atMs} ms ${addressOf(event)} was committed while ${open} was not done`)
      }
    }
    return broken
  },
}

/** How many attempts of a record failed, those of earlier owners included. One that was told to end because its partition or
 *  its app goes did not fail. */
class Failures {
  readonly #runs = new Map<string, number>()
  readonly #cutShort = new Set<number>()
  readonly #failed = new Map<string, number>()

  follow(event: TraceEvent): void {
    if (event.kind === 'aborted' && event.isCutShort === true) this.#cutShort.add(event.run)
    if (event.kind !== 'began' && event.kind !== 'retryAnnounced') return
    const address = addressOf(event)
    const attempt = `${event.machine} ${address} ${event.attempt}`
    if (event.kind === 'began') this.#runs.set(attempt, event.run)
    else if (!this.#cutShort.has(this.#runs.get(attempt) ?? -1)) {
      this.#failed.set(address, Math.max(this.of(address), event.attempt))
    }
  }

  of(address: string): number {
    return this.#failed.get(address) ?? 0
  }
}

const marksClaimOnlyFinished: Law = {
  name: 'marks-claim-only-finished',
  rule: 'R4, R10, R11: a commit marks nothing that is not finished, and no attempt that did not fail by itself',
  broken: (events, _terms, records) => {
    const progress = new Progress(records)
    const failures = new Failures()
    const broken: string[] = []
    for (const event of events) {
      progress.follow(event)
      failures.follow(event)
      if (event.kind !== 'committed') continue
      for (const offset of event.finished) {
        const address = addressOf({ ...event, offset })
        if (!progress.isFinished(address)) broken.push(`at ${event.atMs} ms ${address} was marked, but was not done`)
      }
      for (const { offset, attempts } of event.failed) {
        const address = addressOf({ ...event, offset })
        const entry = records.entries.get(address)
        const made = mayFailUnseen(entry) ? Infinity : Math.max(failures.of(address), entry?.attempts ?? 0)
        if (attempts > made)
          broken.push(`at ${event.atMs} ms ${address} was marked after ${attempts} failed attempts of ${made}`)
      }
    }
    return broken
  },
}

/** No handler sees a value that cannot be decoded. */
function mayFailUnseen(entry: Entry | undefined): boolean {
  return entry?.fate === 'undecodable'
}

const commitNeverGoesBack: Law = {
  name: 'commit-never-goes-back',
  rule: 'R8, I2: never lower than the last committed',
  broken: (events) => {
    const highest = new Map<string, number>()
    const broken: string[] = []
    for (const event of events) {
      if (event.kind !== 'committed') continue
      const place = placeNameOf(event)
      const before = highest.get(place) ?? 0
      if (event.offset < before) broken.push(`at ${event.atMs} ms ${addressOf(event)} was committed after ${before}`)
      highest.set(place, Math.max(before, event.offset))
    }
    return broken
  },
}

const markedIsNeverRepeated: Law = {
  name: 'marked-is-never-repeated',
  rule: 'G6, R11: what a commit marked, below its offset or in its map, is handled by nobody who asked after it',
  broken: (events) => {
    const knowledge = new Knowledge()
    const broken: string[] = []
    for (const event of events) {
      knowledge.follow(event)
      if (event.kind !== 'began' && event.kind !== 'filtered') continue
      const known = knowledge.of(event)
      if (known === undefined) continue
      const isMarked = event.offset < known.offset || known.finished.includes(event.offset)
      if (isMarked) {
        const how = event.offset < known.offset ? `${known.offset} was committed` : 'it was marked as finished'
        broken.push(`at ${event.atMs} ms ${event.machine} handled ${addressOf(event)}, but ${how} before`)
      }
    }
    return broken
  },
}

/** What a machine says or shows to be over at a place, and how many attempts it counted there. */
class Books {
  readonly finished = new Set<string>()
  readonly attempts = new Map<string, number>()

  /** A partition that left took what was finished and not committed with it, as a crash does. */
  forget(prefix: string): void {
    for (const address of this.finished) if (address.startsWith(prefix)) this.finished.delete(address)
    for (const address of this.attempts.keys()) if (address.startsWith(prefix)) this.attempts.delete(address)
  }
}

/** A commit keeps the attempts of so many records of a partition. */
const markedFailuresMax = 64

const cleanStopRepeatsNothing: Law = {
  name: 'clean-stop-repeats-nothing',
  rule: 'G6, R19: after a clean stop nothing that was finished is handled again, and attempts are counted on',
  broken: (events, _terms, records) => {
    const books = new Map<string, Books>()
    const outlived = runsThatOutlived(events)
    const stopping = new Set<string>()
    const settled = new Map<string, string>()
    const counted = new Map<string, number>()
    const forgotten = new Forgotten()
    const broken: string[] = []
    for (const event of events) {
      forgotten.follow(event)
      note(event, books, outlived)
      if (event.kind === 'stopping') stopping.add(event.machine)
      if (event.kind === 'left' && !stopping.has(event.machine)) {
        books.get(event.machine)?.forget(addressStartOf(event))
      }
      if (event.kind === 'stopped' && event.clean) {
        const { finished, attempts } = placeOf(books, event.machine, () => new Books())
        for (const address of finished) settled.set(address, event.machine)
        if (attempts.size > markedFailuresMax) continue
        for (const [address, count] of attempts) counted.set(address, count)
      }
      // Whom the group forgot may not have heard that another one took over and has stopped.
      const knows = event.kind === 'began' && !forgotten.has(event.machine)
      if (knows) broken.push(...againstBooks(event, settled, counted, records))
    }
    return broken
  },
}

function note(event: TraceEvent, books: Map<string, Books>, outlived: ReadonlySet<number>): void {
  if (!('machine' in event)) return
  const of = placeOf(books, event.machine, () => new Books())
  const isDone = event.kind === 'ended' && event.result === 'done' && !outlived.has(event.run)
  if (event.kind === 'filtered' || event.kind === 'handedOff' || isDone) {
    of.finished.add(addressOf(event))
    of.attempts.delete(addressOf(event))
  }
  if (event.kind !== 'retryAnnounced') return
  // Whoever resolves after the abort of his signal has failed all the same (R16).
  of.finished.delete(addressOf(event))
  // What has no further wait to come is on its way to the dead letters, or begins anew.
  if (event.dueMs === null) of.attempts.delete(addressOf(event))
  else of.attempts.set(addressOf(event), event.attempt)
}

function againstBooks(
  event: Extract<TraceEvent, { kind: 'began' }>,
  settled: ReadonlyMap<string, string>,
  counted: Map<string, number>,
  records: Records,
): string[] {
  const address = addressOf(event)
  const by = settled.get(address)
  const attempts = counted.get(address) ?? 0
  counted.delete(address)
  const where = records.sourceOf(event) === address ? address : `${address}, which is ${records.sourceOf(event)},`
  return [
    ...(by === undefined
      ? []
      : [`at ${event.atMs} ms ${event.machine} handled ${where} again after ${by} had stopped cleanly`]),
    ...(event.attempt > attempts
      ? []
      : [
          `at ${event.atMs} ms ${event.machine} began attempt ${event.attempt} of ${where}, ${attempts} had failed before a clean stop`,
        ]),
  ]
}

export const commitLaws: readonly Law[] = [
  nothingLost,
  commitNeverPassesUnfinished,
  marksClaimOnlyFinished,
  commitNeverGoesBack,
  markedIsNeverRepeated,
  cleanStopRepeatsNothing,
]
