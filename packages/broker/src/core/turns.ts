/** Notices what no handler tells: after each turn of the broker (a request, a timer, a call of a test) it compares groups and
 *  topics with how they were, and tells the difference as events. So nobody who waits for a state has to poll for it. */

import type { ApiName } from '../protocol/apis.ts'
import type { BrokerClock } from './clock.ts'
import type { BrokerEvent } from './events.ts'
import type { GroupView } from './group-view.ts'

/** A clock whose timers are turns of the broker. */
export function turningClock(clock: BrokerClock, afterTurn: () => void): BrokerClock {
  return {
    monotonicMs: () => clock.monotonicMs(),
    epochMs: () => clock.epochMs(),
    random: () => clock.random(),
    setTimer: (delayMs, callback) =>
      clock.setTimer(delayMs, () => {
        callback()
        afterTurn()
      }),
  }
}

/** Requests that cannot change a group or the list of topics; most requests are of these. */
const quietApis: ReadonlySet<ApiName> = new Set(['Produce', 'Fetch', 'ListOffsets', 'OffsetFetch', 'ApiVersions'])

export function isQuiet(api: ApiName): boolean {
  return quietApis.has(api)
}

export type Surveyed = {
  groups(): Iterable<readonly [groupId: string, group: GroupView]>
  topics(): readonly { readonly name: string; readonly id: string; readonly partitions: readonly unknown[] }[]
}

type Seen = { readonly state: string; readonly generation: number; readonly memberIds: readonly string[] }

export class StateWatch {
  readonly #groups = new Map<string, Seen>()
  readonly #topics = new Map<string, { readonly id: string; readonly partitions: number }>()

  look(surveyed: Surveyed, emit: (event: BrokerEvent) => void): void {
    this.#lookAtTopics(surveyed, emit)
    const present = new Set<string>()
    for (const [groupId, { state, generation, members }] of surveyed.groups()) {
      present.add(groupId)
      const memberIds = members.map(({ memberId }) => memberId)
      const seen = this.#groups.get(groupId)
      if (seen?.state === state && seen.generation === generation && isSame(seen.memberIds, memberIds)) continue
      this.#groups.set(groupId, { state, generation, memberIds })
      emit({ type: 'group', groupId, state, generation, memberIds })
    }
    for (const [groupId, { generation }] of this.#groups) {
      if (present.has(groupId)) continue
      this.#groups.delete(groupId)
      emit({ type: 'group', groupId, state: 'dead', generation, memberIds: [] })
    }
  }

  #lookAtTopics(surveyed: Surveyed, emit: (event: BrokerEvent) => void): void {
    const present = new Set<string>()
    for (const { name, id, partitions } of surveyed.topics()) {
      present.add(name)
      const seen = this.#topics.get(name)
      if (seen?.id === id && seen.partitions === partitions.length) continue
      if (seen !== undefined && seen.id !== id) emit({ type: 'topicDeleted', topic: name })
      this.#topics.set(name, { id, partitions: partitions.length })
      if (seen?.id !== id) emit({ type: 'topicCreated', topic: name, partitions: partitions.length })
    }
    for (const name of this.#topics.keys()) {
      if (present.has(name)) continue
      this.#topics.delete(name)
      emit({ type: 'topicDeleted', topic: name })
    }
  }
}

function isSame(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((each, index) => each === right[index])
}
