/** All groups of the cluster by id: finds or makes them, keeps their offsets, tells listeners about assignments.
 *
 *  Which node coordinates which group is decided in `core/cluster.ts`; handlers check that first. */

import { type BrokerClock, randomUuid } from '../core/clock.ts'
import { errorCode, type ErrorCode } from '../protocol/error-code.ts'
import { ClassicGroup } from './classic-group.ts'
import { type MemberStamp } from './commands.ts'
import { GroupOffsets } from './offsets.ts'

export type CoordinatorOptions = {
  readonly clock: BrokerClock
  readonly rebalanceDelayMs: number
  readonly onAssigned: (group: ClassicGroup) => void
}

export type KnownGroup = { readonly group: ClassicGroup; readonly offsets: GroupOffsets }

export class GroupCoordinator {
  readonly #groups = new Map<string, KnownGroup>()
  readonly #options: CoordinatorOptions

  constructor(options: CoordinatorOptions) {
    this.#options = options
  }

  get(groupId: string): KnownGroup | undefined {
    return this.#groups.get(groupId)
  }

  all(): readonly KnownGroup[] {
    return [...this.#groups.values()]
  }

  getOrCreate(groupId: string): KnownGroup {
    let known = this.#groups.get(groupId)
    if (known === undefined) {
      const { clock, rebalanceDelayMs, onAssigned } = this.#options
      const newMemberId = (prefix: string): string => `${prefix}-${randomUuid(clock)}`
      const group = new ClassicGroup(groupId, { clock, rebalanceDelayMs, onAssigned, newMemberId })
      known = { group, offsets: new GroupOffsets() }
      this.#groups.set(groupId, known)
    }
    return known
  }

  /** Where a commit under this stamp may go, or why not. A commit without a generation makes the group if need be. */
  forCommit(groupId: string, stamp: MemberStamp, version: number): KnownGroup | ErrorCode {
    const known = this.#groups.get(groupId)
    if (known === undefined) {
      if (stamp.generationId < 0) return this.getOrCreate(groupId)
      return version >= 9 ? errorCode.groupIdNotFound : errorCode.illegalGeneration
    }
    const refusal = known.group.checkCommit(stamp)
    return refusal === errorCode.none ? known : refusal
  }

  /** As `forCommit`, for the offsets of a transaction. */
  forTransactionalCommit(groupId: string, stamp: MemberStamp): KnownGroup | ErrorCode {
    const known = this.#groups.get(groupId)
    if (known === undefined) return stamp.generationId < 0 ? this.getOrCreate(groupId) : errorCode.illegalGeneration
    const refusal = known.group.checkTransactionalCommit(stamp)
    return refusal === errorCode.none ? known : refusal
  }

  delete(groupId: string): ErrorCode {
    const known = this.#groups.get(groupId)
    if (known === undefined) return errorCode.groupIdNotFound
    if (known.group.state !== 'empty') return errorCode.nonEmptyGroup
    known.group.end()
    this.#groups.delete(groupId)
    return errorCode.none
  }

  /** Offsets of a deleted topic go with it. */
  forgetTopic(topic: string): void {
    for (const { offsets } of this.#groups.values()) offsets.forgetTopic(topic)
  }

  close(): void {
    for (const { group } of this.#groups.values()) group.end()
  }
}
