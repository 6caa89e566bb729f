/** DescribeTransactions: 0. The state of transactional ids.
 *
 *  Groups that have joined show as the partitions of `__consumer_offsets` that would hold their offsets in Kafka. */

import { javaHash } from '../core/cluster.ts'
import type { Handler, HandlerContext } from '../core/broker-state.ts'
import type { ResponseOf } from '../protocol/apis.ts'
import { errorCode, type ErrorCode } from '../protocol/error-code.ts'
import { coordinatorProblem } from '../transactions/answers.ts'

const offsetsTopic = '__consumer_offsets'
/** `offsets.topic.num.partitions` */
const offsetsPartitions = 50

type Answer = ResponseOf<'DescribeTransactions'>['transactionStates'][number]

export const describeTransactions: Handler<'DescribeTransactions'> = (request, context) => ({
  throttleTimeMs: 0,
  transactionStates: request.transactionalIds.map((id) => describe(id, context)),
})

function describe(transactionalId: string, context: HandlerContext): Answer {
  const problem = coordinatorProblem(transactionalId, context)
  if (problem !== errorCode.none) return unknown(transactionalId, problem)
  const known = context.broker.transactions.get(transactionalId)
  if (known === undefined) return unknown(transactionalId, errorCode.transactionalIdNotFound)
  const { transaction, startedAtMs } = known
  const { partitions, groups } = transaction.participants
  const offsets = groups.map((group) => ({ topic: offsetsTopic, partition: javaHash(group) % offsetsPartitions }))
  const byTopic = Map.groupBy([...partitions, ...offsets], ({ topic }) => topic)
  return {
    errorCode: errorCode.none,
    transactionalId,
    transactionState: transaction.state,
    transactionTimeoutMs: transaction.timeoutMs,
    transactionStartTimeMs: startedAtMs,
    ...transaction.identity,
    topics: [...byTopic].map(([topic, all]) => ({
      topic,
      partitions: [...new Set(all.map(({ partition }) => partition))],
    })),
  }
}

function unknown(transactionalId: string, code: ErrorCode): Answer {
  return {
    errorCode: code,
    transactionalId,
    transactionState: '',
    transactionTimeoutMs: 0,
    transactionStartTimeMs: 0,
    producerId: 0,
    producerEpoch: 0,
    topics: [],
  }
}
