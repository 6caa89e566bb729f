/** LeaveGroup: 0–5. Gives up one membership (0–2) or several, also of static members by their instance (3+).
 *
 *  * 3: several members, errors for each · 4: flexible · 5: reason */

import type { Handler } from '../core/broker-state.ts'
import { errorCode } from '../protocol/error-code.ts'
import { groupProblem } from './group-access.ts'

export const leaveGroup: Handler<'LeaveGroup'> = (request, context) => {
  const problem = groupProblem(request.groupId, context)
  if (problem !== errorCode.none) return { throttleTimeMs: 0, errorCode: problem, members: [] }
  const group = context.broker.groups.get(request.groupId)?.group
  if (context.version < 3) {
    return {
      throttleTimeMs: 0,
      errorCode: group?.leave(request.memberId, null) ?? errorCode.unknownMemberId,
      members: [],
    }
  }
  const members = request.members.map(({ memberId, groupInstanceId }) => ({
    memberId,
    groupInstanceId: groupInstanceId ?? null,
    errorCode: group?.leave(memberId, groupInstanceId ?? null) ?? errorCode.unknownMemberId,
  }))
  return { throttleTimeMs: 0, errorCode: errorCode.none, members }
}
