/** What every group request is checked for before its group is looked at. */

import { type HandlerContext } from '../core/broker-state.ts'
import { errorCode, type ErrorCode } from '../protocol/error-code.ts'

/** Why this node may not answer for the group; 0 if it may. */
export function groupProblem(groupId: string, { broker, nodeId }: HandlerContext): ErrorCode {
  if (groupId === '') return errorCode.invalidGroupId
  return broker.cluster.coordinatorOf(groupId).nodeId === nodeId ? errorCode.none : errorCode.notCoordinator
}
