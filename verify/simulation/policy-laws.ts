/** Laws of the retry policy (R18, R22): that what follows a failed attempt is what the policy says, and not only what
 *  Holdfast itself announces: how long the next attempt is waited for, in which topic, and that nobody becomes a dead letter
 *  before every attempt was made. */

import { parseDuration } from '../../packages/holdfast/src/model/duration.ts'
import { type Entry, hopelessFrom, type Law, placeOf } from './law.ts'
import { addressOf, type At, type Terms, type TraceEvent } from './trace.ts'

type Announced = Extract<TraceEvent, { kind: 'retryAnnounced' }>

/** What may follow attempt `attempt`: a wait of so much, at least and at most; null when no further one may be made. */
type Wait = { readonly minMs: number; readonly maxMs: number } | null

function waitAfter(attempt: number, askedMs: number | null, entry: Entry | undefined, terms: Terms): Wait {
  const { inPlaceMs, delaysMs } = terms.retries
  const isHopeless = attempt >= hopelessFrom(entry) || entry?.fate === 'undecodable'
  if (attempt >= terms.attemptsMax || isHopeless) return null
  if (askedMs !== null) return { minMs: askedMs, maxMs: askedMs }
  const longestMs = inPlaceMs[attempt - 1]
  // Full jitter: any part of it.
  if (longestMs !== undefined) return { minMs: 0, maxMs: longestMs }
  const delayMs = delaysMs[attempt - 1 - inPlaceMs.length] ?? 0
  return { minMs: delayMs, maxMs: delayMs }
}

function attemptOf({ attempt, ...at }: At & { readonly attempt: number }): string {
  return `${addressOf(at)} attempt ${attempt}`
}

/** Follows what handlers asked for, by machine, place and attempt. */
class Asked {
  readonly #runs = new Map<number, number>()
  readonly #waits = new Map<string, number | null>()

  follow(event: TraceEvent): void {
    if (event.kind === 'began') this.#runs.set(event.run, event.attempt)
    if (event.kind !== 'ended') return
    const attempt = this.#runs.get(event.run) ?? 0
    this.#runs.delete(event.run)
    const asksMs = event.result === 'failed' ? (event.asksMs ?? null) : null
    if (asksMs === null && this.#waits.size === 0) return
    this.#waits.set(`${event.machine} ${attemptOf({ ...event, attempt })}`, asksMs)
  }

  of(event: Announced): number | null {
    return this.#waits.get(`${event.machine} ${attemptOf(event)}`) ?? null
  }
}

const waitsFollowThePolicy: Law = {
  name: 'waits-follow-the-policy',
  rule: 'R18: a failed attempt is followed by the wait that its handler asked for, or by the one that the policy has for it',
  broken: (events, terms, records) => {
    const asked = new Asked()
    const broken: string[] = []
    for (const event of events) {
      asked.follow(event)
      // Null: it was cut short and does not count, or it was the last one, which another law looks at.
      if (event.kind !== 'retryAnnounced' || event.dueMs === null) continue
      const entry = records.entries.get(addressOf(event))
      const wait = waitAfter(event.attempt, asked.of(event), entry, terms)
      const waitMs = Math.round(event.dueMs - event.atMs)
      if (wait !== null && waitMs >= wait.minMs && waitMs <= wait.maxMs) continue
      const expected = wait === null ? 'no further attempt' : `${wait.minMs} to ${wait.maxMs} ms`
      broken.push(`at ${event.atMs} ms ${attemptOf(event)} failed and ${waitMs} ms were to follow, not ${expected}`)
    }
    return broken
  },
}

const copiesWaitAsAnnounced: Law = {
  name: 'copies-wait-as-announced',
  rule: 'R22: a copy waits as long as was announced when its attempt failed, in the smallest topic that is long enough',
  broken: (events, terms, records) => {
    const announced = new Map<string, Set<number>>()
    const { delaysMs, bucketsMs } = terms.retries
    const topicsMs = [...delaysMs, ...bucketsMs].toSorted((one, other) => one - other)
    const broken: string[] = []
    for (const event of events) {
      if (event.kind === 'retryAnnounced' && event.dueMs !== null) {
        const waits = placeOf(announced, `${records.sourceOf(event)} ${event.attempt}`, () => new Set())
        waits.add(Math.round(event.dueMs - event.atMs))
      }
      if (event.kind !== 'stored' || event.end !== 'retried') continue
      const { delayMs } = event
      const name = `at ${event.atMs} ms ${addressOf(event.source)} was stored as ${addressOf(event)}`
      if (announced.get(`${addressOf(event.source)} ${event.attempts}`)?.has(delayMs) !== true) {
        broken.push(`${name} to wait ${delayMs} ms, which nobody announced`)
      }
      const topicMs = topicsMs.find((each) => each >= delayMs) ?? topicsMs.at(-1)
      if (delayOf(event.topic) !== topicMs)
        broken.push(`${name} to wait ${delayMs} ms, not in the topic of ${topicMs} ms`)
    }
    return broken
  },
}

/** Its name ends with how long its records wait. */
function delayOf(topic: string): number {
  return parseDuration(topic.slice(topic.lastIndexOf('.') + 1), topic)
}

const deadLettersHadTheirAttempts: Law = {
  name: 'dead-letters-had-their-attempts',
  rule: 'R18: nobody becomes a dead letter before every attempt was made, unless a handler said that nothing can help',
  broken: (events, { attemptsMax }, records) =>
    events.flatMap((event) => {
      if (event.kind !== 'stored') return []
      const entry = records.entries.get(addressOf(event.source))
      const last = entry?.fate === 'undecodable' ? 1 : Math.min(attemptsMax, hopelessFrom(entry))
      const isTooEarly = event.end === 'deadLettered' && event.attempts < last
      const isTooLate = event.end === 'retried' && event.attempts >= last
      if (!isTooEarly && !isTooLate) return []
      const what = isTooEarly ? 'a dead letter' : 'to be tried again'
      return [`at ${event.atMs} ms ${addressOf(event.source)} was stored as ${what} after ${event.attempts} of ${last}`]
    }),
}

const copiesKeepTheirPartition: Law = {
  name: 'copies-keep-their-partition',
  rule: 'R22, R25: a copy lies in the partition of its source, or in that modulo the partitions that there are',
  broken: (events) =>
    events.flatMap((event) => {
      if (event.kind !== 'stored' || event.partition === event.source.partition % event.partitions) return []
      return [`at ${event.atMs} ms ${addressOf(event.source)} was stored as ${addressOf(event)} of ${event.partitions}`]
    }),
}

export const policyLaws: readonly Law[] = [
  waitsFollowThePolicy,
  copiesWaitAsAnnounced,
  deadLettersHadTheirAttempts,
  copiesKeepTheirPartition,
]
