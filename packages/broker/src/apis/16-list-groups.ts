/** ListGroups: 0–5. The groups that this node coordinates. 3: flexible · 4: filter by state · 5: filter by type */

import type { Handler } from '../core/broker-state.ts'
import type { Group } from '../groups/group-coordinator.ts'
import { errorCode } from '../protocol/error-code.ts'
import { stateNames } from './group-states.ts'

export const listGroups: Handler<'ListGroups'> = ({ statesFilter, typesFilter }, { broker, nodeId }) => {
  const { cluster, groups } = broker
  const own = groups
    .all()
    .map(({ group }) => group)
    .filter(({ id }) => cluster.coordinatorOf(id).nodeId === nodeId)
  // A list that lacks what is still being read would look complete.
  if (own.some(({ id }) => cluster.isCoordinatorLoading(id))) {
    return { throttleTimeMs: 0, errorCode: errorCode.coordinatorLoadInProgress, groups: [] }
  }
  const wanted = own.filter(({ state, type }) => matches(statesFilter, stateNames[state]) && matches(typesFilter, type))
  return {
    throttleTimeMs: 0,
    errorCode: errorCode.none,
    groups: wanted.map((group) => ({
      groupId: group.id,
      protocolType: protocolTypeOf(group),
      groupState: stateNames[group.state],
      groupType: group.type,
    })),
  }
}

function protocolTypeOf(group: Group): string {
  return group.type === 'consumer' ? 'consumer' : (group.protocolType ?? '')
}

function matches(filter: readonly string[], value: string): boolean {
  return filter.length === 0 || filter.some((wanted) => wanted.toLowerCase() === value.toLowerCase())
}
