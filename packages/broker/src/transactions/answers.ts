/** What every request to a transaction coordinator is checked for first, and how its refusals are told by version. */

import type { HandlerContext } from '../core/broker-state.ts'
import { errorCode, type ErrorCode } from '../protocol/error-code.ts'

/** Why this node may not answer for the transactional id; 0 if it may. */
export function coordinatorProblem(transactionalId: string, { broker, nodeId }: HandlerContext): ErrorCode {
  if (transactionalId === '') return errorCode.invalidRequest
  return broker.cluster.coordinatorProblem(transactionalId, nodeId)
}

/** Before `fencedVersion` of an API its clients know a fenced producer only as an invalid epoch (KIP-588). */
export function toldFenced(code: ErrorCode, version: number, fencedVersion: number): ErrorCode {
  return code === errorCode.producerFenced && version < fencedVersion ? errorCode.invalidProducerEpoch : code
}
