/** Laws of offsets: what is committed is finished, stays committed, and is never handled again. */

import { addressOf, type Law, placeOf, runsThatOutlived } from './law.ts'
import { type TraceEvent } from './trace.ts'

/** Offsets of one partition that are not finished, lowest first. */
class Unfinished {
  readonly #offsets: number[] = []
  readonly #finished = new Set<number>()
  #lowest = 0

  append(offset: number): void {
    this.#offsets.push(offset)
  }

  finish(offset: number): void {
    this.#finished.add(offset)
    while (this.#finished.has(this.#offsets[this.#lowest] as number)) this.#lowest += 1
  }

  get lowest(): number {
    return this.#offsets[this.#lowest] ?? Infinity
  }

  get all(): number[] {
    return this.#offsets.filter((offset) => !this.#finished.has(offset))
  }
}

/** Feeds a partition's records and ends to `Unfinished`; tells whether the event was one of them. */
function follow(partitions: Map<number, Unfinished>, event: TraceEvent): void {
  if (event.kind === 'appended') placeOf(partitions, event.partition, () => new Unfinished()).append(event.offset)
  const isFinish = event.kind === 'filtered' || (event.kind === 'ended' && event.result === 'done')
  if (isFinish) partitions.get(event.partition)?.finish(event.offset)
}

const nothingLost: Law = {
  name: 'nothing-lost',
  rule: 'G1: every record is handled, or still uncommitted',
  broken: (events) => {
    if (!events.some(({ kind }) => kind === 'drained') || events.some(({ kind }) => kind === 'stuck')) return []
    const partitions = new Map<number, Unfinished>()
    for (const event of events) follow(partitions, event)
    return [...partitions].flatMap(([partition, { all }]) =>
      all.map((offset) => `${partition}/${offset} was never done, and yet everything is committed`),
    )
  },
}

const commitNeverPassesUnfinished: Law = {
  name: 'commit-never-passes-unfinished',
  rule: 'G1, R8, I1',
  broken: (events) => {
    const partitions = new Map<number, Unfinished>()
    const broken: string[] = []
    for (const event of events) {
      follow(partitions, event)
      if (event.kind !== 'committed') continue
      const lowest = partitions.get(event.partition)?.lowest ?? Infinity
      if (event.offset > lowest) {
        broken.push(
          `at ${event.atMs} ms ${addressOf(event)} was committed while ${event.partition}/${lowest} was not done`,
        )
      }
    }
    return broken
  },
}

const commitNeverGoesBack: Law = {
  name: 'commit-never-goes-back',
  rule: 'R8, I2: never lower than the last committed',
  broken: (events) => {
    const highest = new Map<number, number>()
    const broken: string[] = []
    for (const event of events) {
      if (event.kind !== 'committed') continue
      const before = highest.get(event.partition) ?? 0
      if (event.offset < before) broken.push(`at ${event.atMs} ms ${addressOf(event)} was committed after ${before}`)
      highest.set(event.partition, Math.max(before, event.offset))
    }
    return broken
  },
}

const committedIsNeverRepeated: Law = {
  name: 'committed-is-never-repeated',
  rule: 'G6, R11: what was committed when a process began is not handled by it',
  broken: (events) => {
    const committed = new Map<number, number>()
    const atSwitchOn = new Map<string, Map<number, number>>()
    const broken: string[] = []
    for (const event of events) {
      if (event.kind === 'committed') committed.set(event.partition, event.offset)
      if (event.kind === 'switchedOn') atSwitchOn.set(event.machine, new Map(committed))
      if (event.kind !== 'began') continue
      const line = atSwitchOn.get(event.machine)?.get(event.partition) ?? 0
      if (event.offset < line)
        broken.push(`${event.machine} handled ${addressOf(event)}, but ${line} was committed before`)
    }
    return broken
  },
}

const cleanStopRepeatsNothing: Law = {
  name: 'clean-stop-repeats-nothing',
  rule: 'G6: what a process finished before its clean stop is not handled again',
  broken: (events) => {
    const finishedBy = new Map<string, Set<string>>()
    const outlived = runsThatOutlived(events)
    const stopping = new Set<string>()
    const settled = new Map<string, string>()
    const broken: string[] = []
    for (const event of events) {
      const isDone = event.kind === 'ended' && event.result === 'done' && !outlived.has(event.run)
      if (event.kind === 'filtered' || isDone) {
        placeOf(finishedBy, event.machine, () => new Set<string>()).add(addressOf(event))
      }
      if (event.kind === 'stopping') stopping.add(event.machine)
      if (event.kind === 'left' && !stopping.has(event.machine)) forget(finishedBy.get(event.machine), event.partition)
      if (event.kind === 'stopped' && event.clean) {
        for (const address of finishedBy.get(event.machine) ?? []) settled.set(address, event.machine)
      }
      if (event.kind !== 'began') continue
      const by = settled.get(addressOf(event))
      if (by !== undefined)
        broken.push(`${event.machine} handled ${addressOf(event)} again after ${by} had stopped cleanly`)
    }
    return broken
  },
}

/** A partition that left took what was finished and not committed with it, as a crash does. */
function forget(finished: Set<string> | undefined, partition: number): void {
  for (const address of finished ?? []) if (address.startsWith(`${partition}/`)) finished?.delete(address)
}

export const commitLaws: readonly Law[] = [
  nothingLost,
  commitNeverPassesUnfinished,
  commitNeverGoesBack,
  committedIsNeverRepeated,
  cleanStopRepeatsNothing,
]
