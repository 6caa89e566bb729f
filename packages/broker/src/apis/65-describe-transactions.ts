/** DescribeTransactions: 0. The state of transactional ids. */

import { type Handler, type HandlerContext } from '../core/broker-state.ts'
import { type ResponseOf } from '../protocol/apis.ts'
import { errorCode, type ErrorCode } from '../protocol/error-code.ts'
import { coordinatorProblem } from '../transactions/answers.ts'

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
  const byTopic = Map.groupBy(transaction.participants.partitions, ({ topic }) => topic)
  return {
    errorCode: errorCode.none,
    transactionalId,
    transactionState: transaction.state,
    transactionTimeoutMs: transaction.timeoutMs,
    transactionStartTimeMs: startedAtMs,
    ...transaction.identity,
    topics: [...byTopic].map(([topic, all]) => ({ topic, partitions: all.map(({ partition }) => partition) })),
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
