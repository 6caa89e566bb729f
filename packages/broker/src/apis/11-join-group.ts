/** JoinGroup: 0–9. Becomes or stays a member of a classic group; the answer waits for the other members.
 *
 *  * 1: rebalance timeout of its own · 4: a new member must come back with the id it is given (79) · 5: static members
 *  * 6: flexible · 7: protocol type · 8: reason · 9: a returning static leader may keep the assignment */

import type { Handler } from '../core/broker-state.ts'
import { sessionTimeoutMsMax, sessionTimeoutMsMin } from '../core/broker-configs.ts'
import { failedJoin, type JoinAnswer } from '../groups/member.ts'
import type { ResponseOf } from '../protocol/apis.ts'
import { errorCode } from '../protocol/error-code.ts'
import { groupProblem } from './group-access.ts'

export const joinGroup: Handler<'JoinGroup'> = (request, context) => {
  const { broker, version, connection } = context
  const { groupId, memberId, sessionTimeoutMs, rebalanceTimeoutMs, protocolType, groupInstanceId } = request
  const refuse = (code: JoinAnswer['errorCode']): ResponseOf<'JoinGroup'> =>
    toResponse(failedJoin(code, memberId), version)

  const problem = groupProblem(groupId, context)
  if (problem !== errorCode.none) return refuse(problem)
  if (sessionTimeoutMs < sessionTimeoutMsMin || sessionTimeoutMs > sessionTimeoutMsMax) {
    return refuse(errorCode.invalidSessionTimeout)
  }
  const group = broker.groups.forJoin(groupId, memberId)
  if (typeof group === 'number') return refuse(group)
  const answer = group.join({
    memberId,
    groupInstanceId,
    clientId: connection.clientId,
    sessionTimeoutMs,
    rebalanceTimeoutMs: rebalanceTimeoutMs < 0 ? sessionTimeoutMs : rebalanceTimeoutMs,
    protocolType,
    // Copies, because the bytes are views on a frame that would be kept alive by them.
    protocols: request.protocols.map(({ name, metadata }) => ({ name, metadata: Buffer.from(metadata) })),
    mustKnowMemberId: version >= 4,
    canSkipAssignment: version >= 9,
  })
  return answer instanceof Promise ? answer.then((value) => toResponse(value, version)) : toResponse(answer, version)
}

function toResponse(answer: JoinAnswer, version: number): ResponseOf<'JoinGroup'> {
  return { throttleTimeMs: 0, ...answer, protocolName: answer.protocolName ?? (version >= 7 ? null : '') }
}
