/** DescribeGroups: 0–6. State and members of classic groups; any other is Dead. 4: static members · 5: flexible
 *
 *  * 6: a group that is unknown, or speaks the consumer protocol, is 69 with a message */

import type { Handler, HandlerContext } from '../core/broker-state.ts'
import { noAssignment } from '../groups/member.ts'
import type { ResponseOf } from '../protocol/apis.ts'
import { errorCode } from '../protocol/error-code.ts'
import { coordinatorProblem } from './group-access.ts'
import { stateNames } from './group-states.ts'

type Described = ResponseOf<'DescribeGroups'>['groups'][number]

export const describeGroups: Handler<'DescribeGroups'> = (request, context) => ({
  throttleTimeMs: 0,
  groups: request.groups.map((groupId) => describe(groupId, context)),
})

function describe(groupId: string, context: HandlerContext): Described {
  const nothing = { groupId, errorMessage: null, protocolType: '', protocolData: '', members: [] }
  const problem = coordinatorProblem(groupId, context)
  if (problem !== errorCode.none) return { ...nothing, errorCode: problem, groupState: '' }
  const group = context.broker.groups.get(groupId)?.group
  if (group?.type !== 'classic') {
    const isToldApart = context.version >= 6
    return {
      ...nothing,
      errorCode: isToldApart ? errorCode.groupIdNotFound : errorCode.none,
      errorMessage: isToldApart
        ? `Group ${groupId} ${group === undefined ? 'not found' : 'is not a classic group'}.`
        : null,
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
