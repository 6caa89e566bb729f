/** Laws of membership: what a machine may do by what it has heard from the group, in which order it gives back and joins, and
 *  for how long it may rely on what it heard (R1–R6). */

import { type Began, type Law, named, placeOf } from './law.ts'
import { Lookups, Standings, unknownMember } from './standing.ts'
import { placeNameOf, type TraceEvent } from './trace.ts'

const nothingBeginsUnassigned: Law = {
  name: 'nothing-begins-unassigned',
  rule: 'G5, R1, R4: nothing begins in a partition that the last assignment which a machine heard of does not give to it',
  broken: (events) => {
    const standings = new Standings()
    const stopping = new Set<string>()
    const broken: string[] = []
    for (const event of events) {
      standings.follow(event)
      if (event.kind === 'stopping') stopping.add(event.machine)
      if (event.kind !== 'began') continue
      const { given, owned, lostAtMs } = standings.of(event.machine)
      // A stop finishes what lies below a record that it began, and gives everything back at its end.
      const mine = stopping.has(event.machine) ? owned : given
      // Handlers that end in the moment of the answer may still be followed by others before it is read.
      if (mine.has(placeNameOf(event)) || lostAtMs === event.atMs) continue
      broken.push(`${named(event)}, which it was not given`)
    }
    return broken
  },
}

const commitsOnlyWhatIsHeld: Law = {
  name: 'commits-only-what-is-held',
  rule: 'R1, R2, R4, I12: a commit is sent as the member of the moment, for partitions that it was given and has not left',
  broken: (events) => {
    const standings = new Standings()
    const broken: string[] = []
    for (const event of events) {
      standings.follow(event)
      if (event.kind !== 'sent' || event.api !== 'OffsetCommit') continue
      const { memberId, generation, owned } = standings.of(event.machine)
      const what = `at ${event.atMs} ms ${event.machine} sent a commit`
      if (event.memberId !== memberId || event.generation !== generation) {
        broken.push(
          `${what} as ${event.memberId} of generation ${event.generation}, being ${memberId} of ${generation}`,
        )
      }
      for (const partition of event.partitions) {
        if (!owned.has(placeNameOf(partition)))
          broken.push(`${what} for ${placeNameOf(partition)}, which it does not hold`)
      }
    }
    return broken
  },
}

const eagerJoinsEmptyHanded: Law = {
  name: 'eager-joins-empty-handed',
  rule: 'R3: an eager member has given back everything that it worked on before it joins again',
  broken: (events, { protocol }) => {
    if (protocol !== 'eager') return []
    const worked = new Map<string, Set<string>>()
    const broken: string[] = []
    for (const event of events) {
      if (!('machine' in event)) continue
      const places = placeOf(worked, event.machine, () => new Set<string>())
      if (event.kind === 'began') places.add(placeNameOf(event))
      if (event.kind === 'left') places.delete(placeNameOf(event))
      if (event.kind !== 'sent' || event.api !== 'JoinGroup') continue
      for (const place of places) broken.push(`at ${event.atMs} ms ${event.machine} joined and still held ${place}`)
    }
    return broken
  },
}

const unknownMemberJoinsAsNew: Law = {
  name: 'unknown-member-joins-as-new',
  rule: 'R2, R3: who hears that the group does not know it joins without its name; a heartbeat of before a join tells nothing',
  broken: (events) => {
    const forgotten = new Map<string, string>()
    const names = new Map<number, string>()
    const standings = new Standings()
    const broken: string[] = []
    for (const event of events) {
      standings.follow(event)
      if (event.kind === 'sent' && event.memberId !== '') names.set(event.call, event.memberId)
      if (event.kind === 'heard' && event.answer === unknownMember) {
        const name = names.get(event.call)
        const isOutdated = event.api === 'Heartbeat' && event.call < standings.of(event.machine).joinCall
        if (name !== undefined && event.api !== 'LeaveGroup' && !isOutdated) forgotten.set(event.machine, name)
      }
      if (event.kind !== 'sent' || event.api !== 'JoinGroup' || event.memberId === '') continue
      if (forgotten.get(event.machine) !== event.memberId) continue
      broken.push(`at ${event.atMs} ms ${event.machine} joined as ${event.memberId}, which the group does not know`)
    }
    return broken
  },
}

const leftAbortsWhatRuns: Law = {
  name: 'left-aborts-what-runs',
  rule: 'R4: a partition leaves when its attempts have ended or were told to end',
  broken: (events) => {
    const running = new Map<number, Began>()
    const broken: string[] = []
    for (const event of events) {
      if (event.kind === 'began') running.set(event.run, event)
      if (event.kind === 'ended' || event.kind === 'aborted') running.delete(event.run)
      if (event.kind !== 'left') continue
      for (const run of running.values()) {
        if (run.machine !== event.machine || placeNameOf(run) !== placeNameOf(event)) continue
        broken.push(`at ${event.atMs} ms ${placeNameOf(event)} left and run ${run.run} was not told`)
      }
    }
    return broken
  },
}

/** R31, the test profile. */
const sessionTimeoutMs = 6_000
const rebalanceTimeoutMs = 6_000
/** R5. */
const leaseMs = sessionTimeoutMs - 1_000

/** For how long a machine may rely on what the group acknowledged. */
class Lease {
  /** When the newest request was sent that was acknowledged. */
  #provenMs = -Infinity
  /** When the JoinGroup or SyncGroup in flight was sent under a lease. */
  #waitingSinceMs: number | null = null
  readonly #sentAtMs = new Map<number, number>()

  holds(nowMs: number): boolean {
    if (this.#waitingSinceMs !== null && nowMs < this.#waitingSinceMs + rebalanceTimeoutMs) return true
    return nowMs < this.#provenMs + leaseMs
  }

  follow(event: Extract<TraceEvent, { kind: 'sent' | 'heard' }>): void {
    const { api, call, atMs } = event
    if (api !== 'Heartbeat' && api !== 'JoinGroup' && api !== 'SyncGroup') return
    const waits = api !== 'Heartbeat'
    if (event.kind === 'sent') {
      this.#sentAtMs.set(call, atMs)
      if (waits) this.#waitingSinceMs = this.holds(atMs) ? atMs : null
      return
    }
    const isTaken = event.answer === 0 || (event.answer === rebalanceInProgress && !waits)
    const sentAtMs = this.#sentAtMs.get(call) ?? -Infinity
    // The answer to a join, or to wait for another one, leads to the next request of it in the same moment: the group knows its
    // member, and only when that request is sent does the wait for this one end.
    const goesOn = (api === 'JoinGroup' && isTaken) || event.answer === rebalanceInProgress
    if (waits && !goesOn) this.#waitingSinceMs = null
    if (isTaken) this.#provenMs = Math.max(this.#provenMs, sentAtMs)
  }
}

const rebalanceInProgress = 27

const nothingWithoutLease: Law = {
  name: 'nothing-without-lease',
  rule: 'R5: nothing begins and no commit is sent unless the group acknowledged something that was sent within the lease',
  broken: (events) => {
    const leases = new Map<string, Lease>()
    const broken: string[] = []
    for (const event of events) {
      if (event.kind !== 'sent' && event.kind !== 'heard' && event.kind !== 'began') continue
      const lease = placeOf(leases, event.machine, () => new Lease())
      if (event.kind !== 'began') lease.follow(event)
      const isBound = event.kind === 'began' || (event.kind === 'sent' && event.api === 'OffsetCommit')
      if (!isBound || lease.holds(event.atMs)) continue
      const what = event.kind === 'began' ? named(event) : `at ${event.atMs} ms ${event.machine} sent a commit`
      broken.push(`${what}, and had no lease any more`)
    }
    return broken
  },
}

/** R31: half a session; a heartbeat that is not answered is given up and repeated within that. */
const heartbeatGapMsMax = sessionTimeoutMs / 2

const heartbeatsGoOn: Law = {
  name: 'heartbeats-go-on',
  rule: 'R3, R5, I14: who is awake and has a coordinator sends heartbeats, also while it drains, and none while it joins',
  broken: (events) => {
    const standings = new Standings()
    const lastMs = new Map<string, number>()
    const joining = new Map<number, string>()
    const lookups = new Lookups()
    /** Until when its event loop was held up, which is nobody's fault. */
    const awakeMs = new Map<string, number>()
    const broken: string[] = []
    for (const event of events) {
      standings.follow(event)
      lookups.follow(event)
      if (!('machine' in event)) continue
      const { machine, atMs } = event
      if (event.kind === 'sent' && event.api === 'Heartbeat' && [...joining.values()].includes(machine)) {
        broken.push(`at ${atMs} ms ${machine} sent a heartbeat while it joined`)
      }
      if (event.kind === 'sent' && event.api === 'JoinGroup') joining.set(event.call, machine)
      if (event.kind === 'heard' && event.api === 'JoinGroup') joining.delete(event.call)
      if (event.kind === 'froze') awakeMs.set(machine, Math.max(awakeMs.get(machine) ?? 0, atMs + event.forMs))
      const isBeating = event.kind === 'sent' && event.api === 'Heartbeat'
      if (!standings.of(machine).isMember) lastMs.delete(machine)
      else if (isBeating || !lastMs.has(machine)) lastMs.set(machine, atMs)
      if (lookups.isLooking(machine)) continue
      const gapMs = atMs - Math.max(lastMs.get(machine) ?? atMs, awakeMs.get(machine) ?? 0, lookups.foundMs(machine))
      if (gapMs > heartbeatGapMsMax) broken.push(`at ${atMs} ms ${machine} had sent no heartbeat for ${gapMs} ms`)
    }
    return broken
  },
}

const leavesAfterItsLastCommit: Law = {
  name: 'leaves-after-its-last-commit',
  rule: 'R32: what is committed is committed before the member leaves',
  broken: (events) => {
    const gone = new Set<string>()
    const broken: string[] = []
    for (const event of events) {
      if (event.kind !== 'sent') continue
      if (event.api === 'JoinGroup') gone.delete(event.machine)
      if (event.api === 'LeaveGroup') gone.add(event.machine)
      if (event.api !== 'OffsetCommit' || !gone.has(event.machine)) continue
      broken.push(`at ${event.atMs} ms ${event.machine} sent a commit after it had left`)
    }
    return broken
  },
}

export const groupLaws: readonly Law[] = [
  nothingBeginsUnassigned,
  commitsOnlyWhatIsHeld,
  eagerJoinsEmptyHanded,
  unknownMemberJoinsAsNew,
  leftAbortsWhatRuns,
  nothingWithoutLease,
  heartbeatsGoOn,
  leavesAfterItsLastCommit,
]
