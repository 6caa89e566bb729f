/** ListOffsets: 1–11. The end, the beginning, or the first record at or after a time.
 *
 *  * 2: isolation level · 4: leader epochs are fenced · 6: flexible · 7: −3, the record with the largest timestamp
 *  * 8: −4, the local log start (here the log start) · 9: −5, the last tiered offset (there is none)
 *  * 10: how long to wait for tiered storage (not at all) · 11: −6, the first offset that is not tiered yet (there is none) */

import type { Handler, HandlerContext } from '../core/broker-state.ts'
import type { Partition } from '../core/cluster.ts'
import type { RequestOf, ResponseOf } from '../protocol/apis.ts'
import { errorCode } from '../protocol/error-code.ts'

const latest = -1
const earliest = -2
const newestTimestamp = -3
const earliestLocal = -4
const latestTiered = -5
const earliestPendingUpload = -6
/** Since which version what is no time may be asked for. */
const askedSince: ReadonlyMap<number, number> = new Map([
  [latest, 1],
  [earliest, 1],
  [newestTimestamp, 7],
  [earliestLocal, 8],
  [latestTiered, 9],
  [earliestPendingUpload, 11],
])
const readUncommitted = 0
const readCommitted = 1

type Request = RequestOf<'ListOffsets'>
type Asked = Request['topics'][number]['partitions'][number]
type Answer = ResponseOf<'ListOffsets'>['topics'][number]['partitions'][number]
type Found = { readonly offset: number; readonly timestamp: number; readonly leaderEpoch: number }
const nothing: Found = { offset: -1, timestamp: -1, leaderEpoch: -1 }

export const listOffsets: Handler<'ListOffsets'> = (request, context) => ({
  throttleTimeMs: 0,
  topics: request.topics.map(({ name, partitions }) => {
    const indexes = partitions.map(({ partitionIndex }) => partitionIndex)
    return {
      name,
      partitions: partitions
        .filter(({ partitionIndex }, at) => indexes.indexOf(partitionIndex) === at)
        .map((asked) => {
          const isNamedTwice = indexes.lastIndexOf(asked.partitionIndex) !== indexes.indexOf(asked.partitionIndex)
          return isNamedTwice ? failed(asked, errorCode.invalidRequest) : answerFor(name, asked, request, context)
        }),
    }
  }),
})

function answerFor(topic: string, asked: Asked, { isolationLevel }: Request, context: HandlerContext): Answer {
  const { cluster } = context.broker
  const { partitionIndex, currentLeaderEpoch, timestamp } = asked
  // Kafka has no code for an isolation level that does not exist.
  if (isolationLevel !== readUncommitted && isolationLevel !== readCommitted) {
    return failed(asked, errorCode.unknownServerError)
  }
  const since = timestamp >= 0 ? 1 : askedSince.get(timestamp)
  if (since === undefined || context.version < since) return failed(asked, errorCode.unsupportedVersion)
  const partition = cluster.partition(topic, partitionIndex)
  if (partition === undefined) return failed(asked, errorCode.unknownTopicOrPartition)
  const problem = cluster.leadershipProblem(partition, context.nodeId, currentLeaderEpoch)
  if (problem !== errorCode.none) return failed(asked, problem)
  return { partitionIndex, errorCode: errorCode.none, ...find(partition, timestamp, isolationLevel === readCommitted) }
}

function failed({ partitionIndex }: Asked, code: number): Answer {
  return { partitionIndex, errorCode: code, ...nothing }
}

function find({ log, leaderEpoch }: Partition, timestamp: number, isCommittedOnly: boolean): Found {
  const before = isCommittedOnly ? log.lastStableOffset : log.endOffset
  switch (timestamp) {
    case latest:
      return { offset: before, timestamp: -1, leaderEpoch }
    case earliest:
    case earliestLocal:
      return { offset: log.startOffset, timestamp: -1, leaderEpoch: log.epochAt(log.startOffset) }
    case latestTiered:
    case earliestPendingUpload:
      return nothing
    default: {
      const found = timestamp === newestTimestamp ? log.newestTimestamp() : log.findTimestamp(timestamp, before)
      if (found === undefined) return nothing
      return { offset: found.offset, timestamp: found.timestampMs, leaderEpoch: log.epochAt(found.offset) }
    }
  }
}
