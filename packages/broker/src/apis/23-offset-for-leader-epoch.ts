/** OffsetForLeaderEpoch: 2–4. Where an epoch ended, so that a client can tell whether the log was cut under it. 4: flexible */

import type { Handler } from '../core/broker-state.ts'
import { errorCode } from '../protocol/error-code.ts'

export const offsetForLeaderEpoch: Handler<'OffsetForLeaderEpoch'> = (request, { broker, nodeId }) => ({
  throttleTimeMs: 0,
  topics: request.topics.map(({ topic, partitions }) => ({
    topic,
    partitions: partitions.map(({ partition: index, currentLeaderEpoch, leaderEpoch }) => {
      const partition = broker.cluster.partition(topic, index)
      const problem =
        partition === undefined
          ? errorCode.unknownTopicOrPartition
          : broker.cluster.leadershipProblem(partition, nodeId, currentLeaderEpoch)
      const end = problem === errorCode.none ? partition?.log.endOfEpoch(leaderEpoch) : undefined
      return {
        errorCode: problem,
        partition: index,
        leaderEpoch: end?.epoch ?? -1,
        endOffset: end?.endOffset ?? -1,
      }
    }),
  })),
})
