/** DeleteRecords: 0–2. Moves the start of a log up; offset −1 means the high watermark. 2: flexible */

import { type Handler } from '../core/broker-state.ts'
import { errorCode } from '../protocol/error-code.ts'

const toHighWatermark = -1

export const deleteRecords: Handler<'DeleteRecords'> = (request, { broker, nodeId }) => ({
  throttleTimeMs: 0,
  topics: request.topics.map(({ name, partitions }) => ({
    name,
    partitions: partitions.map(({ partitionIndex, offset }) => {
      const partition = broker.cluster.partition(name, partitionIndex)
      const refused = (code: number): { partitionIndex: number; lowWatermark: number; errorCode: number } => ({
        partitionIndex,
        lowWatermark: -1,
        errorCode: code,
      })
      if (partition === undefined) return refused(errorCode.unknownTopicOrPartition)
      if (partition.leaderId !== nodeId) return refused(errorCode.notLeaderOrFollower)
      const { log } = partition
      const target = offset === toHighWatermark ? log.endOffset : offset
      if (target < 0 || target > log.endOffset) return refused(errorCode.offsetOutOfRange)
      log.deleteBefore(target)
      return { partitionIndex, lowWatermark: log.startOffset, errorCode: errorCode.none }
    }),
  })),
})
