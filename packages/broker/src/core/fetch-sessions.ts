/** Incremental fetch sessions of one node: which partitions a client reads, and what it was last told about them.
 *
 *  As in Kafka a session belongs to the node and not to a connection: a client may go on with it after a reconnect. */

import { errorCode, type ErrorCode } from '../protocol/error-code.ts'

/** `max.incremental.fetch.session.cache.slots` */
const sessionsMax = 1_000
const sessionEpochMax = 2 ** 31 - 1

export type SessionPartition = {
  /** Empty while nobody knows the topic with this id. */
  topic: string
  readonly topicId: string
  readonly partition: number
  currentLeaderEpoch: number
  fetchOffset: number
  lastFetchedEpoch: number
  partitionMaxBytes: number
  /** What the last answer said; a partition is told again only if it changed. */
  toldHighWatermark: number
  toldStartOffset: number
}

export type FetchSession = {
  readonly id: number
  /** The epoch that the next request must carry. */
  nextEpoch: number
  /** Whether topics are named by id. A session that was opened one way does not go on the other way. */
  readonly usesIds: boolean
  readonly partitions: Map<string, SessionPartition>
}

export class FetchSessions {
  readonly #sessions = new Map<number, FetchSession>()
  readonly #random: () => number

  constructor(random: () => number) {
    this.#random = random
  }

  /** Opens a session. The least recently used one goes if there is no room. */
  open(partitions: Map<string, SessionPartition>, naming: { readonly usesIds: boolean }): FetchSession {
    const oldest = this.#sessions.keys().next()
    if (this.#sessions.size >= sessionsMax && oldest.done !== true) this.#sessions.delete(oldest.value)
    let id = 0
    while (id === 0 || this.#sessions.has(id)) id = Math.floor(this.#random() * sessionEpochMax)
    const session: FetchSession = { id, nextEpoch: 1, usesIds: naming.usesIds, partitions }
    this.#sessions.set(id, session)
    return session
  }

  close(id: number): void {
    this.#sessions.delete(id)
  }

  /** The session that a request goes on with, its epoch moved on; or why not. */
  resume(id: number, epoch: number, naming: { readonly usesIds: boolean }): FetchSession | ErrorCode {
    const session = this.#sessions.get(id)
    if (session === undefined) return errorCode.fetchSessionIdNotFound
    if (session.nextEpoch !== epoch) return errorCode.invalidFetchSessionEpoch
    if (session.usesIds !== naming.usesIds) return errorCode.fetchSessionTopicIdError
    session.nextEpoch = epoch === sessionEpochMax ? 1 : epoch + 1
    this.#sessions.delete(id)
    this.#sessions.set(id, session)
    return session
  }
}
