/** TxnOffsetCommit: 0–5. Stores offsets of a group that count when a transaction commits.
 *
 *  * 2: leader epoch · 3: flexible, and the member speaks for the group (KIP-447)
 *  * 4: a group that has not joined the transaction is told as 120, not 48 · 5: it joins by itself (KIP-890)
 *
 *  The node is the group's coordinator; it asks the coordinator of the transaction, wherever that is. */

import type { Handler, HandlerContext } from '../core/broker-state.ts'
import { commitMetadataLengthMax } from '../core/broker-configs.ts'
import { existingPartitions, groupProblem } from './group-access.ts'
import type { KnownGroup } from '../groups/group-coordinator.ts'
import type { RequestOf } from '../protocol/apis.ts'
import { errorCode, type ErrorCode } from '../protocol/error-code.ts'

const abortableVersion = 4
const joiningVersion = 5

type Request = RequestOf<'TxnOffsetCommit'>

export const txnOffsetCommit: Handler<'TxnOffsetCommit'> = (request, context) => {
  const { cluster } = context.broker
  const exists = (topic: string, partition: number): boolean => cluster.partition(topic, partition) !== undefined
  const isNeeded = request.topics.some(({ name, partitions }) =>
    partitions.some(({ partitionIndex }) => exists(name, partitionIndex)),
  )
  const target = isNeeded ? targetOf(request, context) : errorCode.none
  const topics = request.topics.map(({ name, partitions }) => ({
    name,
    partitions: partitions.map((partition) => {
      const { partitionIndex, committedOffset: offset, committedLeaderEpoch: leaderEpoch } = partition
      const metadata = partition.committedMetadata ?? ''
      const problem = ((): ErrorCode => {
        if (!exists(name, partitionIndex)) return errorCode.unknownTopicOrPartition
        if (typeof target === 'number') return target
        return metadata.length > commitMetadataLengthMax ? errorCode.offsetMetadataTooLarge : errorCode.none
      })()
      if (problem === errorCode.none && typeof target !== 'number') {
        target.offsets.commitPending(request.producerId, name, partitionIndex, { offset, leaderEpoch, metadata })
      }
      return { partitionIndex, errorCode: problem }
    }),
  }))
  return { throttleTimeMs: 0, topics }
}

/** Where the offsets go, or why none of them may. The transaction is asked before the group is looked at. */
function targetOf(request: Request, context: HandlerContext): KnownGroup | ErrorCode {
  const { groupId, memberId, groupInstanceId, generationId } = request
  const problem = groupProblem(groupId, context)
  if (problem !== errorCode.none) return problem
  const refusal = joinTransaction(request, context)
  if (refusal !== errorCode.none) return refusal
  const { broker } = context
  const partitions = existingPartitions(request.topics, broker.cluster)
  return broker.groups.forTransactionalCommit(groupId, { memberId, groupInstanceId, generationId }, partitions)
}

function joinTransaction(request: Request, { broker, version }: HandlerContext): ErrorCode {
  const { transactionalId, groupId, producerId, producerEpoch } = request
  const group = { partitions: [], groups: [groupId] }
  const code =
    version >= joiningVersion
      ? broker.transactions.add(transactionalId, { producerId, producerEpoch }, group)
      : broker.transactions.verify(transactionalId, { producerId, producerEpoch }, group)
  if (code === errorCode.producerFenced) return errorCode.invalidProducerEpoch
  if (code === errorCode.transactionAbortable && version < abortableVersion) return errorCode.invalidTxnState
  return code
}
