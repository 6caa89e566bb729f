/** The names of group states on the wire. */

import type { GroupState } from '../core/group-view.ts'

export const stateNames: Readonly<Record<GroupState, string>> = {
  empty: 'Empty',
  preparing: 'PreparingRebalance',
  completing: 'CompletingRebalance',
  assigning: 'Assigning',
  reconciling: 'Reconciling',
  stable: 'Stable',
  dead: 'Dead',
}
