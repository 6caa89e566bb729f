/** InitProducerId: 0–5. An id for an idempotent producer, or the next epoch for a transactional one.
 *
 *  * 2: flexible · 3: the producer says who it was, to go on after an error (KIP-360)
 *  * 4: a fenced producer is told 90, not 47 · 5: as 4 (KIP-890) */

import type { Handler } from '../core/broker-state.ts'
import type { ResponseOf } from '../protocol/apis.ts'
import { errorCode, type ErrorCode } from '../protocol/error-code.ts'
import { coordinatorProblem, toldFenced } from '../transactions/answers.ts'
import type { ProducerIdentity } from '../transactions/transaction.ts'
import { nobody } from '../transactions/transaction-coordinator.ts'

const fencedVersion = 4

export const initProducerId: Handler<'InitProducerId'> = (request, context) => {
  const { transactionalId, transactionTimeoutMs, producerId, producerEpoch } = request
  const { broker, version } = context
  if (producerId < 0 !== producerEpoch < 0) return answer(errorCode.invalidRequest, nobody)
  if (transactionalId === null) {
    // Without a transactional id the coordinator keeps nothing: every call is a new producer, as in Kafka.
    return answer(errorCode.none, { producerId: broker.nextProducerId(), producerEpoch: 0 })
  }
  if (transactionalId !== '' && !broker.transactions.acceptsTimeout(transactionTimeoutMs)) {
    return answer(errorCode.invalidTransactionTimeout, nobody)
  }
  const problem = coordinatorProblem(transactionalId, context)
  if (problem !== errorCode.none) return answer(problem, nobody)
  const expected = producerId < 0 ? undefined : { producerId, producerEpoch }
  const initialized = broker.transactions.initialize(transactionalId, transactionTimeoutMs, expected)
  return answer(toldFenced(initialized.errorCode, version, fencedVersion), initialized.identity)
}

function answer(code: ErrorCode, { producerId, producerEpoch }: ProducerIdentity): ResponseOf<'InitProducerId'> {
  return { throttleTimeMs: 0, errorCode: code, producerId, producerEpoch }
}
