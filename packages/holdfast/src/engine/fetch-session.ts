/** Decides what a fetch to one node says (R28): the broker remembers the partitions of a session, so each request names
 *  only those that changed. One request is in flight per node. Any failure forgets the session: the next request is full. */
import { partitionName, type TopicPartition } from '../model/topic-partition.ts'
import type { NextOffset } from '../model/next-offset.ts'

export type FetchTarget = TopicPartition & {
  /** Of the topic as it was known then: a topic that was made anew has the same name and another id. */
  readonly topicId: string
  readonly epoch: number
  readonly fetchOffset: NextOffset
  readonly leaderEpoch: number
}

/** One fetch to send. `targets` are all partitions that an answer may speak of; `named` those that travel. */
export type FetchOrder = {
  readonly nodeId: number
  readonly stamp: number
  readonly sessionId: number
  readonly sessionEpoch: number
  readonly targets: ReadonlyMap<string, FetchTarget>
  readonly named: readonly FetchTarget[]
  readonly forgotten: readonly FetchTarget[]
  readonly maxWaitMs: number
  readonly bytesMax: number
}

/** A session epoch above this starts again at 1, as the protocol wants it. */
const sessionEpochMax = 2 ** 31 - 1

export class FetchSession {
  readonly nodeId: number
  #sessionId = 0
  #sessionEpoch = 0
  #known: ReadonlyMap<string, FetchTarget> = new Map()
  #stamp = 0

  isInFlight = false
  /** Bytes that the request in flight may bring. */
  reservedBytes = 0
  failures = 0
  /** Grows with every request: who was asked longest ago is asked first when room is short. */
  turn = 0
  /** No request before this time: the last one failed. */
  notBeforeMs = 0

  constructor(nodeId: number) {
    this.nodeId = nodeId
  }

  /** Makes the next request and remembers what the broker will know after it. */
  next(targets: readonly FetchTarget[], maxWaitMs: number, bytesMax: number): FetchOrder {
    const now = new Map(targets.map((target) => [partitionName(target), target]))
    const isFull = this.#sessionId === 0
    const named = isFull ? targets : targets.filter((target) => !isSame(this.#known.get(partitionName(target)), target))
    const isGone = (known: FetchTarget): boolean => now.get(partitionName(known))?.topicId !== known.topicId
    const forgotten = isFull ? [] : [...this.#known.values()].filter(isGone)
    this.#known = now
    this.isInFlight = true
    this.reservedBytes = bytesMax
    this.#stamp += 1
    return {
      nodeId: this.nodeId,
      stamp: this.#stamp,
      sessionId: this.#sessionId,
      sessionEpoch: this.#sessionEpoch,
      targets: now,
      named,
      forgotten,
      maxWaitMs,
      bytesMax,
    }
  }

  /** False when the answer belongs to a request that was given up. */
  isCurrent(stamp: number): boolean {
    return this.isInFlight && stamp === this.#stamp
  }

  /** The request was answered without an error of the session. A broker that keeps no session answers with id 0. */
  answered(sessionId: number): void {
    this.isInFlight = false
    this.reservedBytes = 0
    this.failures = 0
    this.#sessionId = sessionId
    this.#sessionEpoch = sessionId === 0 || this.#sessionEpoch === sessionEpochMax ? 0 : this.#sessionEpoch + 1
    if (sessionId !== 0 && this.#sessionEpoch === 0) this.#sessionEpoch = 1
  }

  /** The request failed: nobody knows what the broker remembers. */
  forget(): void {
    this.isInFlight = false
    this.reservedBytes = 0
    this.#sessionId = 0
    this.#sessionEpoch = 0
    this.#known = new Map()
  }
}

function isSame(known: FetchTarget | undefined, target: FetchTarget): boolean {
  return (
    known?.fetchOffset === target.fetchOffset &&
    known.leaderEpoch === target.leaderEpoch &&
    known.topicId === target.topicId
  )
}
