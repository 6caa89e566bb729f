/** EndTxn: 0–5. Commits or aborts a transaction.
 *
 *  * 2: a fenced producer is told 90, not 47 · 3: flexible · 4: as 3
 *  * 5: every end raises the epoch and tells the producer who it is from now on (KIP-890) */

import type { Handler } from '../core/broker-state.ts'
import { errorCode } from '../protocol/error-code.ts'
import { coordinatorProblem, toldFenced } from '../transactions/answers.ts'

const fencedVersion = 2
const bumpingVersion = 5

export const endTxn: Handler<'EndTxn'> = (request, context) => {
  const { transactionalId, committed, ...identity } = request
  const { broker, version } = context
  const problem = coordinatorProblem(transactionalId, context)
  if (problem !== errorCode.none) return { throttleTimeMs: 0, errorCode: problem }
  const outcome = committed ? 'commit' : 'abort'
  const protocol = version >= bumpingVersion ? 'bumping' : 'classic'
  const ended = broker.transactions.end(transactionalId, identity, outcome, protocol)
  return { throttleTimeMs: 0, errorCode: toldFenced(ended.errorCode, version, fencedVersion), ...ended.identity }
}
