/** ListGroups: 0–5. The groups that this node coordinates. 3: flexible · 4: filter by state · 5: filter by type */

import { type Handler } from '../core/broker-state.ts'
import { errorCode } from '../protocol/error-code.ts'
import { stateNames } from './15-describe-groups.ts'

const groupType = 'classic'

export const listGroups: Handler<'ListGroups'> = ({ statesFilter, typesFilter }, { broker, nodeId }) => ({
  throttleTimeMs: 0,
  errorCode: errorCode.none,
  groups: broker.groups
    .all()
    .filter(({ group }) => broker.cluster.coordinatorOf(group.id).nodeId === nodeId)
    .filter(({ group }) => matches(statesFilter, stateNames[group.state]) && matches(typesFilter, groupType))
    .map(({ group }) => ({
      groupId: group.id,
      protocolType: group.protocolType ?? '',
      groupState: stateNames[group.state],
      groupType,
    })),
})

function matches(filter: readonly string[], value: string): boolean {
  return filter.length === 0 || filter.some((wanted) => wanted.toLowerCase() === value.toLowerCase())
}
