/** What members ask of a classic group, free of the versions of the protocol, what it needs from its surroundings, and the
 *  states that it can be in. */

import type { BrokerClock } from '../core/clock.ts'
import type { ClassicGroup } from './classic-group.ts'
import type { MemberProtocol } from './member.ts'

export type ClassicGroupState = 'empty' | 'preparing' | 'completing' | 'stable' | 'dead'

export type JoinCommand = {
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly clientId: string
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  readonly protocolType: string
  readonly protocols: readonly MemberProtocol[]
  /** From JoinGroup 4 on a new member must come back with the id that it was given. */
  readonly mustKnowMemberId: boolean
  /** From JoinGroup 9 on a static leader that returns may be told to keep the assignment. */
  readonly canSkipAssignment: boolean
}

export type SyncCommand = {
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly generationId: number
  readonly protocolType: string | null
  readonly protocolName: string | null
  readonly assignments: readonly { readonly memberId: string; readonly assignment: Buffer }[]
}

export type MemberStamp = {
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly generationId: number
}

export type GroupOptions = {
  readonly clock: BrokerClock
  readonly newMemberId: (prefix: string) => string
  /** `group.initial.rebalance.delay.ms` */
  readonly rebalanceDelayMs: number
  /** `group.max.size` */
  readonly membersMax: number
  readonly onAssigned: (group: ClassicGroup) => void
}
