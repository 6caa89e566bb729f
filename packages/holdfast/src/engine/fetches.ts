/** Decides which node is asked for which partitions, and what its answers mean (R28). One request per node is in flight; a
 *  partition that is paused, moving or out of room is left out; every error leads to a fresh look at the metadata and a
 *  wait with jitter, none is final. */
import { kafkaErrorName, kafkaErrors } from '../model/kafka-errors.ts'
import type { NextOffset } from '../model/next-offset.ts'
import type { FetchSettings } from '../model/settings.ts'
import type { TopicPartition } from '../model/topic-partition.ts'
import { exponentialDelayMs } from './backoff.ts'
import type { MemberEffects } from './effects.ts'
import { FetchSession, type FetchTarget } from './fetch-session.ts'
import type { Chunk, PartitionFlow } from './partition-flow.ts'

/** What one answer says of one partition, with the target that it answers. */
export type FetchedPartition<R> = {
  readonly at: TopicPartition
  readonly target: FetchTarget
  readonly errorCode: number
  /** How far a reader may read at this moment; −1 when the broker did not say. */
  readonly endOffset: number
  /** Null when nothing came. */
  readonly chunk: Chunk<R> | null
  /** The log was cut below what we read: where it goes on. */
  readonly divergesAt: NextOffset | null
  /** What is wrong with the bytes, if their checksum failed. */
  readonly corruption: string | null
}

/** Records that wait for their time may hold this much of the room: they would keep everything else from being read. */
const windowShareMax = 0.25
/** R22: what one partition of a delay topic may hold. */
const windowBytesMax = 4 * 1_048_576
const retryDelay = { firstMs: 100, maxMs: 5_000 }

export class Fetches<R> {
  readonly #settings: FetchSettings
  readonly #random: () => number
  readonly #sessions = new Map<number, FetchSession>()
  #hasChanged = false
  #turn = 0
  #nextWakeMs = Infinity

  constructor(settings: FetchSettings, random: () => number) {
    this.#settings = settings
    this.#random = random
  }

  /** Something may be fetchable that was not before. */
  changed(): void {
    this.#hasChanged = true
  }

  get nextWakeMs(): number {
    return this.#nextWakeMs
  }

  /** Sends every fetch that may be sent. */
  fetchWhatMay(partitions: ReadonlyMap<string, PartitionFlow<R>>, nowMs: number, effects: MemberEffects<R>): void {
    if (!this.#hasChanged && nowMs < this.#nextWakeMs) return
    this.#hasChanged = false
    this.#nextWakeMs = Infinity
    const byNode = this.#targetsByNode(partitions, nowMs)
    const shareBytes = Math.ceil(this.#settings.heldBytesMax / byNode.size)
    const rows = [...byNode].map(([nodeId, row]) => ({ ...row, session: this.#sessionWith(nodeId) }))
    for (const { targets, isPressed, session } of rows.sort((one, other) => one.session.turn - other.session.turn)) {
      if (session.isInFlight || targets.length === 0) continue
      if (nowMs < session.notBeforeMs) {
        this.#wakeAt(session.notBeforeMs)
        continue
      }
      const bytesMax = Math.min(this.#settings.requestBytesMax, shareBytes, this.#roomFor(partitions))
      if (bytesMax <= 0) {
        // Room comes back with any record that ends, so every step looks again.
        this.#hasChanged = true
        continue
      }
      const maxWaitMs = isPressed ? this.#settings.pressedWaitMs : this.#settings.maxWaitMs
      session.turn = ++this.#turn
      effects.fetch(session.next(targets, maxWaitMs, bytesMax))
    }
  }

  #targetsByNode(
    partitions: ReadonlyMap<string, PartitionFlow<R>>,
    nowMs: number,
  ): Map<number, { targets: FetchTarget[]; isPressed: boolean }> {
    const byNode = new Map<number, { targets: FetchTarget[]; isPressed: boolean }>()
    const areWindowsFull = this.#shareWindows(partitions)
    for (const flow of partitions.values()) {
      if (flow.leader === null) continue
      if (flow.delayMs !== null && areWindowsFull) {
        // Room comes back with any record that ends, so every step looks again.
        this.#hasChanged = true
        continue
      }
      const { nodeId, leaderEpoch, topicId } = flow.leader
      const row = byNode.get(nodeId) ?? { targets: [], isPressed: false }
      byNode.set(nodeId, row)
      if (!flow.isFetchable) {
        row.isPressed ||= flow.isPausedFor('pressure')
        continue
      }
      if (nowMs < flow.fetchNotBeforeMs) {
        this.#wakeAt(flow.fetchNotBeforeMs)
        continue
      }
      const { topic, partition, epoch, fetchPosition } = flow
      row.targets.push({ topic, topicId, partition, epoch, fetchOffset: fetchPosition, leaderEpoch })
    }
    return byNode
  }

  /** Every delay partition gets the same share, so that long delays do not keep short ones from being read; whether all of
   *  them together hold so much that nothing more of them may be read. */
  #shareWindows(partitions: ReadonlyMap<string, PartitionFlow<R>>): boolean {
    const windows = [...partitions.values()].filter((flow) => flow.delayMs !== null)
    const roomBytes = this.#settings.heldBytesMax * windowShareMax
    let heldBytes = 0
    for (const flow of windows) {
      flow.windowBytesMax = Math.min(windowBytesMax, roomBytes / windows.length)
      heldBytes += flow.heldBytes
    }
    // One answer may bring more than a share.
    return heldBytes >= 2 * roomBytes
  }

  #roomFor(partitions: ReadonlyMap<string, PartitionFlow<R>>): number {
    let takenBytes = 0
    for (const flow of partitions.values()) takenBytes += flow.heldBytes
    for (const session of this.#sessions.values()) takenBytes += session.reservedBytes
    return this.#settings.heldBytesMax - takenBytes
  }

  #wakeAt(timeMs: number): void {
    this.#nextWakeMs = Math.min(this.#nextWakeMs, timeMs)
  }

  #sessionWith(nodeId: number): FetchSession {
    let session = this.#sessions.get(nodeId)
    if (session === undefined) {
      session = new FetchSession(nodeId)
      this.#sessions.set(nodeId, session)
    }
    return session
  }

  /** False for the answer to a request that was given up. */
  answered(event: { readonly nodeId: number; readonly stamp: number; readonly sessionId: number }): boolean {
    const session = this.#sessions.get(event.nodeId)
    if (session?.isCurrent(event.stamp) !== true) return false
    session.answered(event.sessionId)
    this.#hasChanged = true
    return true
  }

  failed(
    event: { nodeId: number; stamp: number; reason: string; isSessionLost: boolean },
    group: string,
    nowMs: number,
    effects: MemberEffects<R>,
  ): void {
    const session = this.#sessions.get(event.nodeId)
    if (session?.isCurrent(event.stamp) !== true) return
    session.forget()
    session.failures += 1
    this.#hasChanged = true
    // A broker forgets sessions to make room for others; that alone is no reason to wait.
    if (event.isSessionLost && session.failures === 1) return
    const retryInMs = exponentialDelayMs(retryDelay, session.failures, this.#random)
    session.notBeforeMs = nowMs + retryInMs
    effects.emit('fetch.failed', { group, node: String(event.nodeId), reason: event.reason, retryInMs })
    effects.refreshMetadata(event.reason)
  }

  /** Takes in what came for one partition; the caller has checked that it is still asked for. */
  received(
    flow: PartitionFlow<R>,
    part: FetchedPartition<R>,
    group: string,
    nowMs: number,
    effects: MemberEffects<R>,
  ): void {
    if (part.errorCode === kafkaErrors.OFFSET_OUT_OF_RANGE || part.divergesAt !== null) {
      this.#relocate(flow, false, effects)
      return
    }
    if (part.errorCode !== 0 || part.corruption !== null) {
      flow.fetchFailures += 1
      const retryInMs = exponentialDelayMs(retryDelay, flow.fetchFailures, this.#random)
      flow.fetchNotBeforeMs = nowMs + retryInMs
      const reason = part.corruption ?? `${kafkaErrorName(part.errorCode)} for ${flow.topic}/${flow.partition}`
      flow.fetchProblem = reason
      if (part.corruption !== null) {
        effects.emit('fetch.corrupt', { group, at: part.at, offset: flow.fetchPosition, reason })
      }
      effects.emit('fetch.failed', { group, node: String(flow.leader?.nodeId ?? -1), reason, retryInMs })
      effects.refreshMetadata(reason)
      return
    }
    flow.fetchFailures = 0
    flow.fetchProblem = null
    if (part.endOffset >= 0) flow.endOffset = part.endOffset
    if (part.chunk !== null) flow.receive(part.chunk)
  }

  #relocate(flow: PartitionFlow<R>, isOtherTopic: boolean, effects: MemberEffects<R>): void {
    if (flow.isRelocating) return
    flow.isRelocating = true
    const { topic, partition, epoch, fetchPosition, lastFetchedEpoch } = flow
    effects.relocate({ at: { topic, partition }, epoch, position: fetchPosition, lastFetchedEpoch, isOtherTopic })
  }

  /** Another leader, or the same one in a new epoch: before going on, it is asked whether it has what we read. A topic
   *  that was deleted and made again has the name of the old one and none of its records. */
  ledBy(
    flow: PartitionFlow<R>,
    leader: { readonly nodeId: number; readonly leaderEpoch: number; readonly topicId: string } | null,
    effects: MemberEffects<R>,
  ): void {
    const before = flow.leader
    if (leader === null) return
    const { nodeId, leaderEpoch, topicId } = leader
    flow.leader = { nodeId, leaderEpoch, topicId }
    flow.fetchNotBeforeMs = 0
    if (before === null) return
    const isOtherTopic = before.topicId !== topicId
    const mayBeCut = before.leaderEpoch < leaderEpoch && flow.lastFetchedEpoch >= 0
    if (isOtherTopic || mayBeCut) this.#relocate(flow, isOtherTopic, effects)
  }

  /** A new membership begins: answers to requests of the old one are dropped. */
  reset(): void {
    for (const session of this.#sessions.values()) session.forget()
    this.#hasChanged = true
    this.#nextWakeMs = Infinity
  }
}
