/** SyncGroup: 0–5. The leader hands out the assignment, every member takes its own; followers wait for the leader.
 *
 *  * 3: static members · 4: flexible · 5: protocol type and name are compared */

import { type Handler } from '../core/broker-state.ts'
import { failedSync } from '../groups/member.ts'
import { errorCode } from '../protocol/error-code.ts'
import { groupProblem } from './group-access.ts'

export const syncGroup: Handler<'SyncGroup'> = (request, context) => {
  const problem = groupProblem(request.groupId, context)
  if (problem !== errorCode.none) return failedSync(problem)
  return context.broker.groups.get(request.groupId)?.group.sync(request) ?? failedSync(errorCode.unknownMemberId)
}
