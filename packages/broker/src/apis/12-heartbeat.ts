/** Heartbeat: 0–4. Renews a session; 27 tells the member to join again. 3: static members · 4: flexible */

import type { Handler } from '../core/broker-state.ts'
import { errorCode } from '../protocol/error-code.ts'
import { groupProblem } from './group-access.ts'

export const heartbeat: Handler<'Heartbeat'> = (request, context) => {
  const problem = groupProblem(request.groupId, context)
  if (problem !== errorCode.none) return { throttleTimeMs: 0, errorCode: problem }
  const group = context.broker.groups.classic(request.groupId)
  return { throttleTimeMs: 0, errorCode: group?.heartbeat(request) ?? errorCode.unknownMemberId }
}
