/** Laws of how soon a commit tells what happened and how often one is asked for (R9), and that what ended before a partition
 *  was handed over in good order is handled by nobody again (G6). They judge histories, or the parts of them, in which
 *  nothing goes wrong: elsewhere a commit may fail. */

import { type Law, placeOf, runsThatOutlived } from './law.ts'
import { addressOf, type At, type Partition, placeNameOf, type TraceEvent } from './trace.ts'

/** A commit every second, and what the slowest network of a history needs for it and for finding the coordinator. */
const tellWithinMs = 2_500
/** A cooperative member works on while the group waits for one that crashed, and may not commit meanwhile. */
const rebalanceMs = 8_000

/** Something that the next commit must tell of a record: that it is finished, or how many attempts failed. */
type News = {
  readonly machine: string
  readonly atMs: number
  readonly at: At
  readonly attempts: number | 'finished'
  /** It was told, or is nobody's to tell any more. */
  isOver: boolean
}

/** What happened on the partitions of every machine and was told by no commit yet. */
class Untold {
  readonly #places = new Map<string, Map<string, News>>()
  /** In the order in which it happened. */
  readonly #line: News[] = []
  #next = 0

  follow(event: TraceEvent, outlived: ReadonlySet<number>): void {
    const isDone = event.kind === 'ended' && event.result === 'done' && !outlived.has(event.run)
    if (isDone || event.kind === 'filtered' || event.kind === 'handedOff') {
      this.#add(event.machine, event.atMs, event, 'finished')
    }
    if (event.kind === 'began') this.#forget(event.machine, event)
    if (event.kind === 'retryAnnounced') {
      // Of one that leaves, or whose attempt does not count, there is nothing to tell yet.
      if (event.dueMs === null) this.#forget(event.machine, event)
      else this.#add(event.machine, event.atMs, event, event.attempt)
    }
    if (event.kind === 'left') this.#left(event.machine, event)
    if (event.kind === 'crashed' || event.kind === 'stopping') this.#left(event.machine)
    if (event.kind === 'committed') this.#told(event)
  }

  #add(machine: string, atMs: number, { topic, partition, offset }: At, attempts: News['attempts']): void {
    const news = { machine, atMs, at: { topic, partition, offset }, attempts, isOver: false }
    this.#forget(machine, news.at)
    placeOf(this.#places, placeNameOf(news.at), () => new Map()).set(`${machine} ${addressOf(news.at)}`, news)
    this.#line.push(news)
  }

  #forget(machine: string, at: At): void {
    const news = this.#places.get(placeNameOf(at))?.get(`${machine} ${addressOf(at)}`)
    if (news !== undefined) news.isOver = true
  }

  /** The machine has the partition no longer; undefined for all of its partitions. */
  #left(machine: string, at?: Partition): void {
    for (const [place, each] of this.#places) {
      if (at !== undefined && placeNameOf(at) !== place) continue
      for (const news of each.values()) if (news.machine === machine) news.isOver = true
    }
  }

  #told(commit: Extract<TraceEvent, { kind: 'committed' }>): void {
    const finished = new Set(commit.finished)
    const failed = new Map(commit.failed.map(({ offset, attempts }) => [offset, attempts]))
    const place = this.#places.get(placeNameOf(commit)) ?? new Map<string, News>()
    for (const [name, { at, attempts, isOver }] of place) {
      const isTold = attempts === 'finished' ? finished.has(at.offset) : (failed.get(at.offset) ?? 0) >= attempts
      if (!isOver && !isTold && at.offset >= commit.offset) continue
      const news = place.get(name)
      if (news !== undefined) news.isOver = true
      place.delete(name)
    }
  }

  /** What should have been told by now; each once. */
  overdue(nowMs: number, withinMs: number): News[] {
    const overdue: News[] = []
    for (let news = this.#line[this.#next]; news !== undefined; news = this.#line[++this.#next]) {
      if (news.atMs + withinMs >= nowMs) break
      if (!news.isOver) overdue.push(news)
    }
    return overdue
  }
}

const commitsAreTimely: Law = {
  name: 'commits-are-timely',
  rule: 'R8, R9, R19: without faults a commit tells within its interval what ended, and which attempts failed',
  broken: (events, { isCalm, protocol }) => {
    if (!isCalm) return []
    const withinMs = tellWithinMs + (protocol === 'cooperative' ? rebalanceMs : 0)
    const outlived = runsThatOutlived(events)
    const untold = new Untold()
    const broken: string[] = []
    for (const event of events) {
      for (const { machine, at, atMs, attempts } of untold.overdue(event.atMs, withinMs)) {
        const what = attempts === 'finished' ? 'was finished' : `had failed ${attempts} times`
        broken.push(`no commit told by ${event.atMs} ms that ${addressOf(at)} ${what} on ${machine} at ${atMs} ms`)
      }
      untold.follow(event, outlived)
    }
    return broken
  },
}

/** The shortest time between two commits of the rhythm, and a little less: its times are fractions. */
const intervalMs = 999
/** So many completions are a reason of their own (R9). */
const completionsMax = 1_000
/** What the faults of a history may still cause: a request that is never answered, and the longest backoff. */
const aftermathMs = 20_000
/** How long around a hand-over commits of other reasons are made. */
const handOverMs = 3_000

const commitsKeepTheirRhythm: Law = {
  name: 'commits-keep-their-rhythm',
  rule: 'R9: in good weather one commit each interval, or after many completions; more only where partitions come or go',
  broken: (events, { isCalm }) => {
    const healedMs = isCalm ? -Infinity : (events.find(({ kind }) => kind === 'healed')?.atMs ?? Infinity) + aftermathMs
    const asked = new Map<string, { readonly atMs: number; readonly completions: number }[]>()
    const moves = new Map<string, number[]>()
    const completions = new Map<string, number>()
    for (const event of events) {
      if (event.kind === 'ended' || event.kind === 'filtered') {
        completions.set(event.machine, (completions.get(event.machine) ?? 0) + 1)
      }
      const isMove = event.kind === 'asked' || event.kind === 'left' || event.kind === 'assigned'
      if (isMove || event.kind === 'stopping') placeOf(moves, event.machine, () => []).push(event.atMs)
      if (event.kind !== 'sent' || event.api !== 'OffsetCommit') continue
      const count = completions.get(event.machine) ?? 0
      placeOf(asked, event.machine, () => []).push({ atMs: event.atMs, completions: count })
    }
    const broken: string[] = []
    for (const [machine, commits] of asked) {
      const moved = moves.get(machine) ?? []
      for (const [index, { atMs, completions: count }] of commits.entries()) {
        const before = commits[index - 1]
        if (before === undefined || before.atMs < healedMs || atMs - before.atMs >= intervalMs) continue
        const isHandOver = moved.some((each) => each >= before.atMs - handOverMs && each <= atMs + handOverMs)
        if (isHandOver || count - before.completions >= completionsMax) continue
        broken.push(`${machine} asked for commits at ${before.atMs} ms and at ${atMs} ms`)
      }
    }
    return broken
  },
}

const handOverRepeatsNothing: Law = {
  name: 'hand-over-repeats-nothing',
  rule: 'G6, R4, R32: without faults nothing that ended before its partition was given back is handled again, unless by a stop that says so',
  broken: (events, { isCalm }) => {
    if (!isCalm) return []
    const outlived = runsThatOutlived(events)
    const aborted = new Set(events.flatMap((event) => (event.kind === 'aborted' ? [event.run] : [])))
    const finished = new Map<string, Set<string>>()
    const settled = new Set<string>()
    // How a stop may end so is for `calm-stop-is-clean` to judge.
    const unclean = new Set(
      events.flatMap((event) => (event.kind === 'stopped' && !event.clean ? [event.machine] : [])),
    )
    const stopping = new Set<string>()
    const broken: string[] = []
    for (const event of events) {
      if (event.kind === 'stopping' && unclean.has(event.machine)) stopping.add(event.machine)
      if (event.kind === 'crashed') {
        for (const place of finished.keys()) if (place.startsWith(`${event.machine} `)) finished.delete(place)
      }
      if (event.kind === 'began' && settled.has(addressOf(event))) {
        broken.push(`at ${event.atMs} ms ${event.machine} handled ${addressOf(event)} again after a hand-over`)
      }
      if (!('machine' in event) || !('partition' in event)) continue
      const here = placeOf(finished, `${event.machine} ${placeNameOf(event)}`, () => new Set())
      // What ends after its abort may end too late for the last commit.
      const isDone =
        event.kind === 'ended' && event.result === 'done' && !aborted.has(event.run) && !outlived.has(event.run)
      if (isDone || event.kind === 'filtered' || event.kind === 'handedOff') here.add(addressOf(event))
      if (event.kind === 'retryAnnounced') here.delete(addressOf(event))
      if (event.kind !== 'left') continue
      if (event.isRevoked === true && !stopping.has(event.machine)) for (const address of here) settled.add(address)
      here.clear()
    }
    return broken
  },
}

export const freshnessLaws: readonly Law[] = [commitsAreTimely, commitsKeepTheirRhythm, handOverRepeatsNothing]
