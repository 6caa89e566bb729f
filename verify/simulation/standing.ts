/** What a machine knows of its place in the group: who it is, which generation it heard of, what it was given and what of it
 *  is not over. Followed from what it sent and heard and from what it says to have left; the group itself may know better. */

import { placeNameOf, type TraceEvent } from './trace.ts'

/** Answers that end a membership: illegal generation, unknown member, fenced. */
const fencing: ReadonlySet<number | string> = new Set([22, 25, 82, 110, 113])
export const unknownMember = 25
const illegalGeneration = 22

export type Identity = { readonly memberId: string; readonly generation: number }

export class Standing {
  memberId = ''
  generation = -1
  /** By the last assignment, and not over since. */
  readonly given = new Set<string>()
  /** The same, and what an assignment took away that is still being given back. */
  readonly owned = new Set<string>()
  /** From an assignment until it joins again, leaves or is told that it is out. */
  isMember = false
  /** Since when. */
  sinceMs = Infinity
  /** Its newest JoinGroup: answers to what it asked before as a member are of an older life. */
  joinCall = -1
  /** When it last heard that it is out. */
  lostAtMs = -Infinity

  end(): void {
    this.given.clear()
    this.owned.clear()
    this.isMember = false
  }
}

export class Standings {
  readonly #of = new Map<string, Standing>()
  /** As whom a machine sent what is not answered. */
  readonly #sent = new Map<number, Identity>()

  of(machine: string): Standing {
    const known = this.#of.get(machine)
    if (known !== undefined) return known
    const made = new Standing()
    this.#of.set(machine, made)
    return made
  }

  follow(event: TraceEvent): void {
    if (!('machine' in event)) return
    switch (event.kind) {
      case 'sent':
        return this.#told(event)
      case 'heard':
        return this.#heard(event)
      case 'left': {
        const standing = this.of(event.machine)
        standing.given.delete(placeNameOf(event))
        standing.owned.delete(placeNameOf(event))
        return
      }
      case 'crashed':
      case 'stopped':
        return this.of(event.machine).end()
      default:
    }
  }

  #told({ machine, api, call, memberId, generation }: Extract<TraceEvent, { kind: 'sent' }>): void {
    const standing = this.of(machine)
    if (api === 'JoinGroup') {
      standing.isMember = false
      standing.joinCall = call
    }
    if (api === 'LeaveGroup') standing.end()
    if (api === 'Heartbeat' || api === 'OffsetCommit' || api === 'SyncGroup' || api === 'JoinGroup')
      this.#sent.set(call, { memberId, generation })
  }

  #heard({ machine, api, call, answer, atMs, ...news }: Extract<TraceEvent, { kind: 'heard' }>): void {
    const standing = this.of(machine)
    const sentAs = this.#sent.get(call)
    this.#sent.delete(call)
    if (sentAs === undefined) return
    // A commit of a generation that is about to end is made again in the next one (R2).
    const isRepeated = api === 'OffsetCommit' && answer === illegalGeneration && !standing.isMember
    const isOutdated = (api === 'Heartbeat' && call < standing.joinCall) || isRepeated
    const isCurrent = sentAs.memberId === standing.memberId && !isOutdated
    if (fencing.has(answer) && isCurrent && (api === 'JoinGroup' || sentAs.generation === standing.generation)) {
      standing.end()
      standing.lostAtMs = atMs
    }
    if (api === 'JoinGroup' && news.memberId !== '') standing.memberId = news.memberId
    if (api === 'JoinGroup' && answer === 0) standing.generation = news.generation
    if (api !== 'SyncGroup' || answer !== 0 || sentAs.generation !== standing.generation) return
    standing.isMember = true
    standing.sinceMs = atMs
    standing.given.clear()
    for (const partition of news.partitions) {
      standing.given.add(placeNameOf(partition))
      standing.owned.add(placeNameOf(partition))
    }
  }
}

/** Machines that the group forgot unasked, until it takes them in again. Nobody told them yet: they go on with what they had,
 *  and when that ends is the business of the lease. */
export class Forgotten {
  readonly #machines = new Set<string>()

  follow(event: TraceEvent): void {
    if (event.kind === 'expelled') this.#machines.add(event.machine)
    if (event.kind === 'assigned') this.#machines.delete(event.machine)
  }

  has(machine: string): boolean {
    return this.#machines.has(machine)
  }
}

/** Machines that do not know where their coordinator is: from the first question until the first good answer. */
export class Lookups {
  readonly #looking = new Set<string>()
  readonly #foundMs = new Map<string, number>()

  follow(event: TraceEvent): void {
    if ((event.kind !== 'sent' && event.kind !== 'heard') || event.api !== 'FindCoordinator') return
    this.#foundMs.set(event.machine, event.atMs)
    if (event.kind === 'heard' && event.answer === 0) this.#looking.delete(event.machine)
    else this.#looking.add(event.machine)
  }

  isLooking(machine: string): boolean {
    return this.#looking.has(machine)
  }

  /** When it last asked or heard where the coordinator is. */
  foundMs(machine: string): number {
    return this.#foundMs.get(machine) ?? -Infinity
  }
}

/** Timers fire in whole milliseconds, and an owner loop that was just armed in the next one. */
export const timerMs = 5

/** Until when the event loop of a machine was held up. */
export class Awake {
  readonly #fromMs = new Map<string, number>()

  follow(event: TraceEvent): void {
    if (event.kind !== 'froze') return
    this.#fromMs.set(event.machine, Math.max(this.fromMs(event.machine), event.atMs + event.forMs))
  }

  fromMs(machine: string): number {
    return this.#fromMs.get(machine) ?? 0
  }
}
