/** SyncGroup: 0–5. The leader hands out the assignment, every member takes its own; followers wait for the leader.
 *
 *  * 3: static members · 4: flexible · 5: protocol type and name must be there and are compared */

import type { Handler } from '../core/broker-state.ts'
import { failedSync } from '../groups/member.ts'
import { errorCode } from '../protocol/error-code.ts'
import { groupProblem } from './group-access.ts'

const protocolVersion = 5

export const syncGroup: Handler<'SyncGroup'> = (request, context) => {
  const { groupId, protocolType, protocolName } = request
  const isIncomplete = context.version >= protocolVersion && (protocolType === null || protocolName === null)
  if (isIncomplete) return failedSync(errorCode.inconsistentGroupProtocol)
  const problem = groupProblem(groupId, context)
  if (problem !== errorCode.none) return failedSync(problem)
  return context.broker.groups.classic(groupId)?.sync(request) ?? failedSync(errorCode.unknownMemberId)
}
