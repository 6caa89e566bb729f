/** What every group request is checked for before its group is looked at. */

import { type HandlerContext } from '../core/broker-state.ts'
import { errorCode, type ErrorCode } from '../protocol/error-code.ts'

/** Why this node may not answer for the group, or not yet; 0 if it may. */
export function coordinatorProblem(groupId: string, { broker, nodeId }: HandlerContext): ErrorCode {
  return broker.cluster.coordinatorProblem(groupId, nodeId)
}

/** As `coordinatorProblem`, for requests in which a group must have a name. Offsets can belong to the empty name, which
 *  is older than this rule. */
export function groupProblem(groupId: string, context: HandlerContext): ErrorCode {
  return groupId === '' ? errorCode.invalidGroupId : coordinatorProblem(groupId, context)
}
