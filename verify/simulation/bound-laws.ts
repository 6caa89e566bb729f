/** Laws of bounds: how much is open at once, and how often brokers are asked. */

import { isSource, type Law, placeOf } from './law.ts'
import { addressOf, type Partition, placeNameOf, type TraceEvent } from './trace.ts'

type OpenState = 'running' | 'parked' | 'leaving'

/** Open records of each machine and partition: begun there, and not over. */
class Open {
  readonly #places = new Map<string, Map<string, OpenState>>()

  follow(event: TraceEvent): void {
    if (event.kind === 'left') this.#places.delete(`${event.machine} ${placeNameOf(event)}`)
    if (event.kind === 'began') this.of(event).set(addressOf(event), 'running')
    if (event.kind === 'retryAnnounced' && this.of(event).has(addressOf(event))) {
      this.of(event).set(addressOf(event), event.dueMs === null ? 'leaving' : 'parked')
    }
    const isDone = event.kind === 'ended' && event.result === 'done'
    if (isDone || event.kind === 'filtered' || event.kind === 'handedOff') this.of(event).delete(addressOf(event))
  }

  of(event: { readonly machine: string } & Partition): Map<string, OpenState> {
    return placeOf(this.#places, `${event.machine} ${placeNameOf(event)}`, () => new Map())
  }
}

const buffersAreBounded: Law = {
  name: 'buffers-are-bounded',
  rule: 'I10, R28: of one partition no more records are open than may be buffered, running ones included',
  broken: (events, { bufferedRecords }) => {
    const open = new Open()
    const broken: string[] = []
    for (const event of events) {
      open.follow(event)
      if (event.kind !== 'began' || !isSource(event)) continue
      const { size } = open.of(event)
      if (size > bufferedRecords) {
        broken.push(`at ${event.atMs} ms ${event.machine} began ${addressOf(event)} as number ${size} of its partition`)
      }
    }
    return broken
  },
}

const parkingIsBounded: Law = {
  name: 'parking-is-bounded',
  rule: 'R15, R19: where nothing can overflow no more records wait in place than may, but for those that were running',
  broken: (events, { parkedRecords, concurrency }) => {
    const open = new Open()
    const broken: string[] = []
    for (const event of events) {
      open.follow(event)
      if (event.kind !== 'retryAnnounced' || event.dueMs === null || !isSource(event)) continue
      const parked = [...open.of(event).values()].filter((state) => state === 'parked').length
      if (parked > parkedRecords + concurrency) {
        broken.push(`at ${event.atMs} ms ${event.machine} parked ${addressOf(event)} as number ${parked}`)
      }
    }
    return broken
  },
}

/** A few for starts and hand-backs, and what a backoff from 100 ms up leaves: far from what a loop without one makes. */
const commitsPerSecondMax = 20

const commitsArePaced: Law = {
  name: 'commits-are-paced',
  rule: 'R9: commits that fail are made ever more rarely, never in a hot loop',
  broken: (events) => {
    const recent = new Map<string, number[]>()
    const broken: string[] = []
    for (const event of events) {
      if (event.kind !== 'commitAsked') continue
      const times = placeOf(recent, event.machine, () => [])
      times.push(event.atMs)
      while ((times[0] ?? event.atMs) < event.atMs - 1_000) times.shift()
      if (times.length > commitsPerSecondMax) {
        broken.push(`at ${event.atMs} ms ${event.machine} asked for commit ${times.length} within a second`)
      }
    }
    return broken
  },
}

export const boundLaws: readonly Law[] = [buffersAreBounded, parkingIsBounded, commitsArePaced]
