/** ListOffsets: 1–10. The end, the beginning, or the first record at or after a time.
 *
 *  * 2: isolation level · 4: leader epochs are fenced · 6: flexible · 7: −3, the record with the largest timestamp
 *  * 8: −4, the local log start (here the log start) · 9: −5, the last tiered offset (there is none) */

import { type Handler } from '../core/broker-state.ts'
import { type Partition } from '../core/cluster.ts'
import { errorCode } from '../protocol/error-code.ts'

const latest = -1
const earliest = -2
const newestTimestamp = -3
const earliestLocal = -4
const latestTiered = -5
const readCommitted = 1

type Found = { readonly offset: number; readonly timestamp: number; readonly leaderEpoch: number }
const nothing: Found = { offset: -1, timestamp: -1, leaderEpoch: -1 }

export const listOffsets: Handler<'ListOffsets'> = (request, { broker, nodeId, version }) => ({
  throttleTimeMs: 0,
  topics: request.topics.map(({ name, partitions }) => ({
    name,
    partitions: partitions.map(({ partitionIndex, currentLeaderEpoch, timestamp }) => {
      const partition = broker.cluster.partition(name, partitionIndex)
      const problem =
        partition === undefined
          ? errorCode.unknownTopicOrPartition
          : broker.cluster.leadershipProblem(partition, nodeId, currentLeaderEpoch)
      if (partition === undefined || problem !== errorCode.none) {
        return { partitionIndex, errorCode: problem, ...nothing }
      }
      if (!isServedTimestamp(timestamp, version)) {
        return { partitionIndex, errorCode: errorCode.unsupportedVersion, ...nothing }
      }
      return {
        partitionIndex,
        errorCode: errorCode.none,
        ...find(partition, timestamp, request.isolationLevel === readCommitted),
      }
    }),
  })),
})

function isServedTimestamp(timestamp: number, version: number): boolean {
  if (timestamp === newestTimestamp) return version >= 7
  if (timestamp === earliestLocal) return version >= 8
  if (timestamp === latestTiered) return version >= 9
  return timestamp >= earliest
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
      return nothing
    default: {
      const found = timestamp === newestTimestamp ? log.newestTimestamp() : log.findTimestamp(timestamp, before)
      if (found === undefined) return nothing
      return { offset: found.offset, timestamp: found.timestampMs, leaderEpoch: log.epochAt(found.offset) }
    }
  }
}
