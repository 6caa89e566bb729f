/** InitProducerId: 0–5. An id for an idempotent producer. 2: flexible · 3: an id can be given back to get its next epoch
 *
 *  Transactional ids are refused with 53 (fatal to a client): transactions are not served, and a retriable code would make
 *  a producer ask for ever. */

import { type Handler } from '../core/broker-state.ts'
import { errorCode } from '../protocol/error-code.ts'

export const initProducerId: Handler<'InitProducerId'> = (request, { broker }) => {
  if (request.transactionalId !== null) {
    broker.warn(`transactional id ${JSON.stringify(request.transactionalId)} refused: transactions are not served`)
    const code =
      request.transactionalId === '' ? errorCode.invalidRequest : errorCode.transactionalIdAuthorizationFailed
    return { throttleTimeMs: 0, errorCode: code, producerId: -1, producerEpoch: -1 }
  }
  // Without a transactional id the coordinator keeps nothing: every call is a new producer, as in Kafka.
  return { throttleTimeMs: 0, errorCode: errorCode.none, producerId: broker.nextProducerId(), producerEpoch: 0 }
}
