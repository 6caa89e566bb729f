/** Decides which partitions a Fetch request means: those it names, or those of its session with its changes applied.
 *
 *      sessionId  sessionEpoch
 *      any        0            open a session with what is named (a session named by id is closed)
 *      any        −1           no session; a session named by id is closed
 *      id         n            go on with the session: apply changes, read everything in it; close it if nothing is left */

import type { HandlerContext } from '../core/broker-state.ts'
import type { FetchSession, SessionPartition } from '../core/fetch-sessions.ts'
import type { RequestOf } from '../protocol/apis.ts'
import type { ErrorCode } from '../protocol/error-code.ts'

const openingEpoch = 0
const finalEpoch = -1

export type FetchScope = {
  readonly session: FetchSession | undefined
  readonly wanted: readonly SessionPartition[]
  /** Every partition is told, whether it changed or not. */
  readonly isFull: boolean
}

export function fetchScope(request: RequestOf<'Fetch'>, context: HandlerContext): FetchScope | ErrorCode {
  const sessions = context.broker.sessionsOf(context.nodeId)
  const { sessionId, sessionEpoch } = request
  const named = namedPartitions(request, context)
  const naming = { usesIds: usesIds(context) }
  if (sessionEpoch === openingEpoch || sessionEpoch === finalEpoch) {
    if (sessionId !== 0) sessions.close(sessionId)
    const session = sessionEpoch === openingEpoch ? sessions.open(named, naming) : undefined
    return { session, wanted: [...named.values()], isFull: true }
  }
  const session = sessions.resume(sessionId, sessionEpoch, naming)
  if (typeof session === 'number') return session
  for (const [key, partition] of named) {
    const known = session.partitions.get(key)
    if (known === undefined) session.partitions.set(key, partition)
    else update(known, partition)
  }
  for (const topic of request.forgottenTopics) {
    for (const partition of topic.partitions) session.partitions.delete(keyOf(topic, partition, context))
  }
  if (session.partitions.size === 0) {
    sessions.close(sessionId)
    return { session: undefined, wanted: [...named.values()], isFull: true }
  }
  return { session, wanted: [...session.partitions.values()], isFull: false }
}

function namedPartitions(request: RequestOf<'Fetch'>, context: HandlerContext): Map<string, SessionPartition> {
  const named = new Map<string, SessionPartition>()
  for (const topic of request.topics) {
    const name = usesIds(context) ? context.broker.cluster.topicById(topic.topicId)?.name : topic.topic
    for (const each of topic.partitions) {
      named.set(keyOf(topic, each.partition, context), {
        topic: name ?? '',
        topicId: topic.topicId,
        partition: each.partition,
        currentLeaderEpoch: each.currentLeaderEpoch,
        fetchOffset: each.fetchOffset,
        lastFetchedEpoch: each.lastFetchedEpoch,
        partitionMaxBytes: each.partitionMaxBytes,
        toldHighWatermark: -1,
        toldStartOffset: -1,
      })
    }
  }
  return named
}

function keyOf(topic: { topic: string; topicId: string }, partition: number, context: HandlerContext): string {
  return `${usesIds(context) ? topic.topicId : topic.topic} ${partition}`
}

/** From version 13 on topics are named by id. */
export function usesIds({ version }: HandlerContext): boolean {
  return version >= 13
}

function update(known: SessionPartition, change: SessionPartition): void {
  known.currentLeaderEpoch = change.currentLeaderEpoch
  known.fetchOffset = change.fetchOffset
  known.lastFetchedEpoch = change.lastFetchedEpoch
  known.partitionMaxBytes = change.partitionMaxBytes
}
