/** Decodes the answer to Fetch, versions 4 to 17, down to the partitions. Records stay what they are: one view per partition
 *  on the bytes of the answer, for `record-batch.ts` to take apart when there is room for them. */

import { AnswerReader } from './answer-reader.ts'
import type { FetchedPartition, FetchResponse } from './port.ts'

/** Versions at which the answer changed. */
const since = { logStartOffset: 5, sessions: 7, preferredReplica: 11, flexible: 12, topicIds: 13 } as const

const nilUuid = '00000000-0000-0000-0000-000000000000'

export function decodeFetchAnswer(bytes: Buffer, version: number): FetchResponse {
  const reader = new AnswerReader(bytes, version >= since.flexible)
  reader.int32() // throttle time
  const errorCode = version >= since.sessions ? reader.int16() : 0
  const sessionId = version >= since.sessions ? reader.int32() : 0
  const responses = reader.array(() => {
    const topic = version >= since.topicIds ? '' : reader.string()
    const topicId = version >= since.topicIds ? reader.uuid() : nilUuid
    const partitions = reader.array(() => readPartition(reader, version))
    reader.tags()
    return { topic, topicId, partitions }
  })
  let nodeEndpoints: FetchResponse['nodeEndpoints'] = []
  reader.tags({
    0: () => {
      nodeEndpoints = reader.array(() => {
        const endpoint = { nodeId: reader.int32(), host: reader.string(), port: reader.int32() }
        reader.string() // rack
        reader.tags()
        return endpoint
      })
    },
  })
  return { errorCode, sessionId, responses, nodeEndpoints }
}

function readPartition(reader: AnswerReader, version: number): FetchedPartition {
  const partitionIndex = reader.int32()
  const errorCode = reader.int16()
  const highWatermark = reader.int64()
  const lastStableOffset = reader.int64()
  const logStartOffset = version >= since.logStartOffset ? reader.int64() : -1
  const abortedTransactions = reader.array(() => {
    const aborted = { producerId: reader.int64(), firstOffset: reader.int64() }
    reader.tags()
    return aborted
  })
  if (version >= since.preferredReplica) reader.int32() // we always read from the leader
  const records = reader.view()
  let divergingEpoch: FetchedPartition['divergingEpoch'] = null
  let currentLeader: FetchedPartition['currentLeader'] = null
  reader.tags({
    0: () => {
      divergingEpoch = { epoch: reader.int32(), endOffset: reader.int64() }
    },
    1: () => {
      currentLeader = { leaderId: reader.int32(), leaderEpoch: reader.int32() }
    },
  })
  return {
    partitionIndex,
    errorCode,
    highWatermark,
    lastStableOffset,
    logStartOffset,
    abortedTransactions,
    currentLeader,
    divergingEpoch,
    records,
  }
}
