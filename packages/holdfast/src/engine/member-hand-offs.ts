/** Decides about the records of all partitions that are on their way to other topics of ours (R20): when they may be written,
 *  and what the answers mean. How often a topic that does not work is tried, `HandOffs` of each partition decides. */
import { describeThrown } from '../model/errors.ts'
import type { GroupSettings } from '../model/settings.ts'
import { placeOf } from '../model/topic-partition.ts'
import type { CommitRhythm } from './commit-rhythm.ts'
import type { Departure } from './departure.ts'
import type { MemberEffects } from './effects.ts'
import type { Entry } from './entry.ts'
import type { Membership } from './membership.ts'
import type { PartitionFlow } from './partition-flow.ts'

export type MemberHandOffsParts<R> = {
  readonly settings: GroupSettings
  readonly random: () => number
  readonly membership: Membership
  readonly rhythm: CommitRhythm
  readonly departure: Departure<R>
}

export class MemberHandOffs<R> {
  readonly #member: MemberHandOffsParts<R>
  /** Partitions with records that wait to be written. */
  readonly #leaving = new Set<PartitionFlow<R>>()

  constructor(member: MemberHandOffsParts<R>) {
    this.#member = member
  }

  /** A record of the partition may have begun to leave. */
  note(flow: PartitionFlow<R>): void {
    if (flow.handOffs.hasQueued) this.#leaving.add(flow)
  }

  /** The ownership is over. */
  forget(flow: PartitionFlow<R>): void {
    this.#leaving.delete(flow)
  }

  /** When `write` has something to do. Without the lease no time helps. */
  nextMs(nowMs: number): number {
    if (this.#leaving.size === 0 || !this.#member.membership.holdsLease(nowMs)) return Infinity
    let nextMs = Infinity
    for (const flow of this.#leaving) if (this.#mayWrite(flow)) nextMs = Math.min(nextMs, flow.handOffs.nextMs)
    return nextMs
  }

  /** Writes what may be written. Without the lease somebody else may own the partition and have done so already (R5). */
  write(nowMs: number, effects: MemberEffects<R>): void {
    if (this.#leaving.size === 0 || !this.#member.membership.holdsLease(nowMs)) return
    for (const flow of this.#leaving) {
      if (!this.#mayWrite(flow)) continue
      for (let entry = flow.handOffs.take(nowMs); entry !== null; entry = flow.handOffs.take(nowMs)) {
        if (entry.destination !== null) effects.handOff(entry, entry.destination)
      }
      if (!flow.handOffs.hasQueued) this.#leaving.delete(flow)
    }
  }

  /** Not while the last commit is on its way: what is stored then would be handled again by the next owner all the same. */
  #mayWrite(flow: PartitionFlow<R>): boolean {
    return !flow.isQuiet || !this.#member.departure.isHandingBack
  }

  /** The record is stored elsewhere: only now is it done here. False when its ownership is over: the next owner will write it
   *  again, and that is a repetition, not a loss. */
  stored(entry: Entry<R>, nowMs: number, effects: MemberEffects<R>): boolean {
    const { owner: flow, destination, offset, attempt: attempts } = entry
    flow.handOffs.stored(entry)
    if (flow.isOver || destination === null) return false
    const { outcome, topic: to } = destination
    flow.subscription.finish(entry, outcome, nowMs)
    this.#member.rhythm.note(1, nowMs)
    effects.emit('record.handedOff', {
      group: this.#member.settings.group,
      at: placeOf(flow),
      offset,
      outcome,
      to,
      attempts,
    })
    effects.ended(entry, outcome)
    return true
  }

  /** It is not. `isHopeless`: and never will be, so that there is only the last step left. */
  failed(entry: Entry<R>, error: unknown, isHopeless: boolean, nowMs: number, effects: MemberEffects<R>): void {
    const { owner: flow, destination, offset } = entry
    if (flow.isOver || destination === null) return
    if (isHopeless && destination.outcome === 'retried') {
      flow.handOffs.dropped(entry)
      flow.subscription.giveUp(entry, error, nowMs, effects)
      this.#member.rhythm.note(0, nowMs)
      this.note(flow)
      return
    }
    const { settings, random } = this.#member
    const retryInMs = flow.handOffs.failed(entry, error, nowMs, random)
    const told = { group: settings.group, at: placeOf(flow), offset, to: destination.topic }
    effects.emit('record.handOffFailed', { ...told, reason: describeThrown(error), retryInMs })
    this.note(flow)
  }
}
