/** Laws of what machines ask of brokers: how long they wait for an answer, how often they ask, and when they have to be quiet. */

import { type Law, named, placeOf } from './law.ts'
import { addressOf, placeNameOf } from './trace.ts'

/** R31, the test profile: a session and a rebalance of 6 s. */
const joinTimeoutMs = 6_000 + 5_000
const heartbeatTimeoutMs = 6_000 / 3
const fetchTimeoutMsMax = 500 + 5_000
const otherTimeoutMsMax = 5_000

const requestsHaveDeadlines: Law = {
  name: 'requests-have-deadlines',
  rule: 'R31: joins wait for a rebalance and 5 s, heartbeats for a third of the session, fetches for their longest wait and 5 s',
  broken: (events) =>
    events.flatMap((event) => {
      if (event.kind !== 'sent') return []
      const { api, timeoutMs } = event
      const isJoin = api === 'JoinGroup' || api === 'SyncGroup'
      const exactMs = isJoin ? joinTimeoutMs : api === 'Heartbeat' ? heartbeatTimeoutMs : null
      const maxMs = api === 'Fetch' ? fetchTimeoutMsMax : otherTimeoutMsMax
      const isRight = exactMs === null ? timeoutMs > 0 && timeoutMs <= maxMs : timeoutMs === exactMs
      return isRight ? [] : [`at ${event.atMs} ms ${event.machine} gave ${api} ${timeoutMs} ms`]
    }),
}

const oneCommitAtATime: Law = {
  name: 'one-commit-at-a-time',
  rule: 'R9: no commit for a partition goes out before the one before it was answered, unless another generation began',
  broken: (events) => {
    /** By machine, generation and partition. */
    const open = new Map<string, number>()
    const names = new Map<number, string[]>()
    const broken: string[] = []
    for (const event of events) {
      if (event.kind === 'heard' && event.api === 'OffsetCommit') {
        for (const name of names.get(event.call) ?? []) if (open.get(name) === event.call) open.delete(name)
        names.delete(event.call)
      }
      if (event.kind !== 'sent' || event.api !== 'OffsetCommit') continue
      const mine = event.partitions.map((each) => `${event.memberId} ${event.generation} ${placeNameOf(each)}`)
      names.set(event.call, mine)
      for (const name of mine) {
        if (open.has(name)) broken.push(`at ${event.atMs} ms ${event.machine} sent two commits at once (${name})`)
        open.set(name, event.call)
      }
    }
    return broken
  },
}

const startsAreCommittedFirst: Law = {
  name: 'starts-are-committed-first',
  rule: 'R12: where a group begins with a partition is committed before anything of it runs',
  broken: (events) => {
    const committed = new Set<string>()
    const broken: string[] = []
    for (const event of events) {
      if (event.kind === 'committed') committed.add(placeNameOf(event))
      if (event.kind !== 'began' || committed.has(placeNameOf(event))) continue
      broken.push(`${named(event)}, and nothing was ever committed there`)
    }
    return broken
  },
}

const stoppedIsSilent: Law = {
  name: 'stopped-is-silent',
  rule: 'R32, I11, I17: whoever has stopped asks nothing, tells nothing and runs nothing any more',
  broken: (events) => {
    const stopped = new Set<string>()
    const broken: string[] = []
    for (const event of events) {
      if (event.kind === 'stopped') stopped.add(event.machine)
      if (event.kind !== 'sent' && event.kind !== 'began') continue
      if (!stopped.has(event.machine)) continue
      broken.push(
        `at ${event.atMs} ms ${event.machine} had stopped, and ${event.kind === 'sent' ? event.api : 'a run'} began`,
      )
    }
    return broken
  },
}

/** A backoff of 100 ms leaves ten a second; some look-ups go out for each partition at once. */
const failuresPerSecondMax = 40
const partitionedApis: ReadonlySet<string> = new Set(['ListOffsets', 'OffsetForLeaderEpoch', 'Fetch', 'Produce'])

const failuresArePaced: Law = {
  name: 'failures-are-paced',
  rule: 'R9, R20, R28: what fails is asked again after a pause, never in a hot loop',
  broken: (events) => {
    const recent = new Map<string, number[]>()
    const broken: string[] = []
    for (const event of events) {
      if (event.kind !== 'heard' || event.answer === 0 || partitionedApis.has(event.api)) continue
      const times = placeOf(recent, `${event.machine} ${event.api}`, () => [])
      times.push(event.atMs)
      while ((times[0] ?? event.atMs) < event.atMs - 1_000) times.shift()
      if (times.length > failuresPerSecondMax) {
        broken.push(`at ${event.atMs} ms ${event.api} of ${event.machine} failed for time ${times.length} in a second`)
      }
    }
    return broken
  },
}

const oneCopyForEachFailure: Law = {
  name: 'one-copy-for-each-failure',
  rule: 'R30: a copy is stored once for each failure that it follows, unless nobody could know whether it was',
  broken: (events, _terms, records) => {
    const failures = new Map<string, number>()
    const copies = new Map<string, number>()
    /** Whoever asks for another producer id does not know what became of what it sent under the one before. */
    const identities = new Map<string, number>()
    const broken: string[] = []
    let ambiguous = 0
    for (const event of events) {
      if (event.kind === 'sent' && event.api === 'InitProducerId') {
        const count = (identities.get(event.machine) ?? 0) + 1
        identities.set(event.machine, count)
        if (count > 1) ambiguous += 1
      }
      if (event.kind === 'retryAnnounced') {
        const failure = `${records.sourceOf(event)} ${event.attempt}`
        failures.set(failure, (failures.get(failure) ?? 0) + 1)
      }
      if (event.kind !== 'stored') continue
      const failure = `${addressOf(event.source)} ${event.attempts}`
      const count = (copies.get(failure) ?? 0) + 1
      copies.set(failure, count)
      if (ambiguous > 0 || count <= (failures.get(failure) ?? 0)) continue
      broken.push(
        `at ${event.atMs} ms attempt ${event.attempts} of ${addressOf(event.source)} was stored for time ${count}`,
      )
    }
    return broken
  },
}

export const requestLaws: readonly Law[] = [
  requestsHaveDeadlines,
  oneCommitAtATime,
  startsAreCommittedFirst,
  stoppedIsSilent,
  failuresArePaced,
  oneCopyForEachFailure,
]
