/** DescribeGroups: 0–6. State and members of groups; an unknown group is Dead. 4: static members · 5: flexible · 6: error message, 69 */

import { type Handler, type HandlerContext } from '../core/broker-state.ts'
import { type GroupState } from '../groups/classic-group.ts'
import { noAssignment } from '../groups/member.ts'
import { type ResponseOf } from '../protocol/apis.ts'
import { errorCode } from '../protocol/error-code.ts'
import { groupProblem } from './group-access.ts'

type Described = ResponseOf<'DescribeGroups'>['groups'][number]

export const stateNames: Readonly<Record<GroupState, string>> = {
  empty: 'Empty',
  preparing: 'PreparingRebalance',
  completing: 'CompletingRebalance',
  stable: 'Stable',
  dead: 'Dead',
}

export const describeGroups: Handler<'DescribeGroups'> = (request, context) => ({
  throttleTimeMs: 0,
  groups: request.groups.map((groupId) => describe(groupId, context)),
})

function describe(groupId: string, context: HandlerContext): Described {
  const nothing = { groupId, errorMessage: null, protocolType: '', protocolData: '', members: [] }
  const problem = groupProblem(groupId, context)
  if (problem !== errorCode.none) return { ...nothing, errorCode: problem, groupState: '' }
  const group = context.broker.groups.get(groupId)?.group
  if (group === undefined) {
    const isToldApart = context.version >= 6
    return {
      ...nothing,
      errorCode: isToldApart ? errorCode.groupIdNotFound : errorCode.none,
      errorMessage: isToldApart ? `Group ${groupId} not found.` : null,
      groupState: 'Dead',
    }
  }
  const isStable = group.state === 'stable'
  return {
    errorCode: errorCode.none,
    errorMessage: null,
    groupId,
    groupState: stateNames[group.state],
    protocolType: group.protocolType ?? '',
    protocolData: isStable ? (group.protocolName ?? '') : '',
    members: group.members.map((member) => ({
      memberId: member.memberId,
      groupInstanceId: member.groupInstanceId,
      clientId: member.clientId,
      clientHost: '/127.0.0.1',
      memberMetadata:
        (isStable && member.protocols.find((protocol) => protocol.name === group.protocolName)?.metadata) ||
        noAssignment,
      memberAssignment: member.assignment,
    })),
  }
}
