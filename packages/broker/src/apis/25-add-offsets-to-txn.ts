/** AddOffsetsToTxn: 0–4. The offsets of a group join a transaction.
 *
 *  * 2: a fenced producer is told 90, not 47 · 3: flexible · 4: as 3
 *
 *  The name of the group is not looked at: whether it is one is found out by TxnOffsetCommit. */

import type { Handler } from '../core/broker-state.ts'
import { errorCode } from '../protocol/error-code.ts'
import { coordinatorProblem, toldFenced } from '../transactions/answers.ts'

const fencedVersion = 2

export const addOffsetsToTxn: Handler<'AddOffsetsToTxn'> = (request, context) => {
  const { transactionalId, groupId, ...identity } = request
  const problem = coordinatorProblem(transactionalId, context)
  if (problem !== errorCode.none) return { throttleTimeMs: 0, errorCode: problem }
  const code = context.broker.transactions.add(transactionalId, identity, { partitions: [], groups: [groupId] })
  return { throttleTimeMs: 0, errorCode: toldFenced(code, context.version, fencedVersion) }
}
