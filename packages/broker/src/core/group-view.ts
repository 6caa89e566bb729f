/** What a test sees of a group. */

import { type ClassicGroup, type GroupState } from '../groups/classic-group.ts'

export type GroupView = {
  readonly state: GroupState
  readonly generation: number
  readonly leader: string
  readonly protocol: string | null
  readonly members: readonly {
    readonly memberId: string
    readonly groupInstanceId: string | null
    readonly clientId: string
    readonly assignmentBytes: Buffer
  }[]
}

export function viewGroup(group: ClassicGroup): GroupView {
  return {
    state: group.state,
    generation: group.generation,
    leader: group.leaderId,
    protocol: group.protocolName,
    members: group.members.map(({ memberId, groupInstanceId, clientId, assignment }) => ({
      memberId,
      groupInstanceId,
      clientId,
      assignmentBytes: assignment,
    })),
  }
}
