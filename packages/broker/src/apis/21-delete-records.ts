/** DeleteRecords: 0–2. Moves the start of a log up; offset −1 means the high watermark. 2: flexible
 *
 *  A partition that is named twice counts once, as it was named last. */

import type { Handler, HandlerContext } from '../core/broker-state.ts'
import { isInternalTopic } from '../core/cluster.ts'
import { logSettings } from '../log/log-settings.ts'
import type { ResponseOf } from '../protocol/apis.ts'
import { errorCode } from '../protocol/error-code.ts'

const toHighWatermark = -1

type Answer = ResponseOf<'DeleteRecords'>['topics'][number]['partitions'][number]

export const deleteRecords: Handler<'DeleteRecords'> = (request, context) => ({
  throttleTimeMs: 0,
  topics: request.topics.map(({ name, partitions }) => ({
    name,
    partitions: [...new Map(partitions.map((each) => [each.partitionIndex, each.offset]))].map(([index, offset]) =>
      deleteBefore(name, index, offset, context),
    ),
  })),
})

function deleteBefore(
  topicName: string,
  partitionIndex: number,
  offset: number,
  { broker, nodeId }: HandlerContext,
): Answer {
  const refused = (code: number): Answer => ({ partitionIndex, lowWatermark: -1, errorCode: code })
  const partition = broker.cluster.partition(topicName, partitionIndex)
  if (partition === undefined) return refused(errorCode.unknownTopicOrPartition)
  if (isInternalTopic(topicName)) return refused(errorCode.invalidTopic)
  if (partition.leaderId !== nodeId) return refused(errorCode.notLeaderOrFollower)
  const { log, topic } = partition
  const { isCompacted, isDeleted } = logSettings((name) => broker.cluster.topicSetting(topic, name))
  if (isCompacted && !isDeleted) return refused(errorCode.policyViolation)
  const target = offset === toHighWatermark ? log.endOffset : offset
  if (target < 0 || target > log.endOffset) return refused(errorCode.offsetOutOfRange)
  log.deleteBefore(target)
  return { partitionIndex, lowWatermark: log.startOffset, errorCode: errorCode.none }
}
