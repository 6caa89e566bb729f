/** DeleteGroups: 0–2. Forgets groups without members, and their offsets; others are 68, unknown ones 69. 2: flexible */

import type { Handler } from '../core/broker-state.ts'
import { errorCode } from '../protocol/error-code.ts'
import { coordinatorProblem } from './group-access.ts'

export const deleteGroups: Handler<'DeleteGroups'> = (request, context) => ({
  throttleTimeMs: 0,
  results: request.groupsNames.map((groupId) => {
    const problem = coordinatorProblem(groupId, context)
    return { groupId, errorCode: problem === errorCode.none ? context.broker.groups.delete(groupId) : problem }
  }),
})
