/** Draws what is done to brokers, to the network, to machines and to the group in a history, and when. */

import { type SeededRandom, type Way } from 'holdfast/testing'
import { type Visit } from './crowd-plan.ts'

/** Something that happens at a moment, or from then on for a while. */
export type Incident = { readonly atMs: number } & (ClusterIncident | MachineIncident | AnswerFault)

export type ClusterIncident =
  | { readonly kind: 'leaderMoved' | 'memberExpired' | 'controlBatch' }
  /** The new coordinator reads for so long what it takes over. */
  | { readonly kind: 'coordinatorMoved'; readonly loadingMs: number }
  /** A topic of ours in which nothing was written yet is gone for a while. */
  | { readonly kind: 'topicMissing'; readonly forMs: number }
  /** Its connections are cut and nobody gets new ones. `nodeRestarted`: its partitions and groups are led by others
   *  meanwhile, if there are any, and come back to it. */
  | { readonly kind: 'nodeDown' | 'nodeRestarted'; readonly forMs: number }

export type MachineIncident =
  /** Nothing passes between a machine and one node, or all of them. */
  | { readonly kind: 'unreachable' | 'isolated'; readonly forMs: number }
  /** The network falls apart: some machines and some nodes do not hear each other, or only one side the other. */
  | { readonly kind: 'partitioned'; readonly forMs: number; readonly ways: readonly Way[] }
  /** The event loop is held up. */
  | { readonly kind: 'frozen'; readonly forMs: number }
  | { readonly kind: 'calendarJump' }
  /** Somebody pauses a consumer for a while. */
  | { readonly kind: 'userPause'; readonly forMs: number }
  /** What handlers depend on is away: whatever may fail, fails. */
  | { readonly kind: 'outage'; readonly forMs: number }

/** What takes the place of answers, or holds them up. */
export type AnswerFault =
  /** The next few requests are refused. */
  | { readonly kind: ErrorKind; readonly api: RefusedApi; readonly code: number; readonly times: number }
  /** Topics of ours take nothing; no commit is taken. */
  | { readonly kind: 'produceRefused' | 'commitRefused'; readonly code: number; readonly forMs: number }
  /** The copy is stored and nobody hears of it. With `forMs` nobody hears of any copy for so long, and only the first
   *  few are stored. */
  | { readonly kind: 'produceAmbiguous'; readonly forMs?: number }
  | { readonly kind: 'slowAnswers'; readonly api: SlowApi; readonly forMs: number; readonly heldMs: number }
  | { readonly kind: 'throttled'; readonly forMs: number; readonly silenceMs: number }

type ErrorKind = 'groupError' | 'offsetsError' | 'readError' | 'lookupError'
type SlowApi = (typeof slowApis)[number] | 'ListOffsets' | 'OffsetForLeaderEpoch' | 'FindCoordinator'
type RefusedApi = (typeof refusals)[ErrorKind][number]['api']

const slowApis = ['Fetch', 'Produce', 'OffsetCommit', 'OffsetFetch', 'Heartbeat', 'JoinGroup', 'Metadata'] as const

/** Codes that a broker answers although nothing is wrong with the request: loading 14, not available 15, not the coordinator
 *  16, another generation 22, rebalance 27; unknown topic 3, no leader 5, another leader 6, disk 56, other leader epochs 74
 *  and 75, other topic ids 100 and 103; a fetch session that is not known 70 or not so far 71; not the controller 41. */
const refusals = {
  groupError: [
    { api: 'JoinGroup', codes: [14, 15, 16] },
    { api: 'SyncGroup', codes: [14, 15, 16, 22, 27] },
    { api: 'Heartbeat', codes: [14, 15, 16, 22, 27] },
    { api: 'LeaveGroup', codes: [15, 16] },
  ],
  offsetsError: [
    { api: 'OffsetCommit', codes: [14, 15, 16, 22, 27] },
    { api: 'OffsetFetch', codes: [14, 15, 16] },
  ],
  readError: [
    { api: 'Fetch', codes: [3, 5, 6, 56, 70, 71, 74, 75, 100, 103] },
    { api: 'ListOffsets', codes: [3, 5, 6, 74, 75] },
    { api: 'OffsetForLeaderEpoch', codes: [3, 6, 74, 75] },
  ],
  lookupError: [
    { api: 'Metadata', codes: [3, 5] },
    { api: 'FindCoordinator', codes: [15] },
    { api: 'InitProducerId', codes: [14] },
    { api: 'CreateTopics', codes: [41] },
  ],
} as const

/** What incidents are drawn from; those that often meet nobody are here twice. */
const kinds = [
  'leaderMoved',
  'leaderMoved',
  'coordinatorMoved',
  'coordinatorMoved',
  'memberExpired',
  'nodeDown',
  'nodeRestarted',
  'unreachable',
  'partitioned',
  'frozen',
  'topicMissing',
  'topicMissing',
  'controlBatch',
  'calendarJump',
  'userPause',
  'outage',
  'outage',
  'groupError',
  'offsetsError',
  'readError',
  'lookupError',
  'produceRefused',
  'produceRefused',
  'produceAmbiguous',
  'produceAmbiguous',
  'produceAmbiguous',
  'commitRefused',
  'slowAnswers',
  'throttled',
] as const
const incidentsMax = 24

/** `busyMs`: how long new records come. What happens after they are done meets hardly anybody, so most comes before. */
export function drawIncidents(
  random: SeededRandom,
  { untilMs, busyMs, visits }: { untilMs: number; busyMs: number; visits: readonly Visit[] },
): Incident[] {
  const drawn = Array.from({ length: random.integer(0, incidentsMax) }, (_, index): Incident => {
    const atMs = random.integer(0, random.chance(0.6) ? Math.min(busyMs, untilMs) : untilMs)
    const kind = random.pick(kinds)
    const forMs = random.integer(100, 8_000)
    // Drawn apart: who adds to one kind of incident disturbs no other.
    return { atMs, ...drawDetails(random.stream(`incident ${index}`), kind, forMs) }
  })
  // Most histories hand nothing off at a moment drawn at random, so some get their refusal while they do.
  if (random.chance(0.3)) {
    const early = { atMs: random.integer(0, untilMs / 2), forMs: random.integer(2_000, 8_000) }
    drawn.push({ ...early, kind: 'produceRefused', code: random.pick([5, 19, 29]) })
  }
  // One of several members hears of nothing for longer than its session lasts, and has records left: R5 must stop it.
  const isIsolated = random.chance(0.3)
  const isolation = { atMs: random.integer(0, 4_000), forMs: random.integer(5_500, 15_000) }
  const [guest] = visits
  if (isIsolated && guest !== undefined) {
    drawn.push({ kind: 'isolated', atMs: guest.fromMs + isolation.atMs, forMs: isolation.forMs })
  }
  return drawn.toSorted((one, other) => one.atMs - other.atMs)
}

type Undated<I> = I extends unknown ? Omit<I, 'atMs'> : never

function drawDetails(random: SeededRandom, kind: (typeof kinds)[number], forMs: number): Undated<Incident> {
  switch (kind) {
    case 'groupError':
    case 'offsetsError':
    case 'readError':
    case 'lookupError': {
      const { api, codes } = random.pick<{ api: RefusedApi; codes: readonly number[] }>(refusals[kind])
      return { kind, api, code: random.pick(codes), times: random.pick([1, 1, 1, 3]) }
    }
    // Unknown topic, no leader, another leader, timed out, too few replicas, the same after the append; and one that no
    // producer tries again by itself: not allowed.
    case 'produceRefused':
      return { kind, forMs, code: random.pick([3, 5, 6, 7, 19, 20, 29, 29]) }
    case 'commitRefused':
      return { kind, forMs: random.integer(1_000, 6_000), code: random.pick([14, 15, 16]) }
    case 'coordinatorMoved':
      return { kind, loadingMs: random.pick([0, 0, 500, 2_000]) }
    case 'partitioned':
      return { kind, forMs, ways: random.pick<readonly Way[]>([['thither', 'back'], ['thither'], ['back']]) }
    case 'frozen':
      return { kind, forMs: random.pick([50, 300, 1_500, 4_000, 8_000]) }
    case 'slowAnswers':
      return { kind, api: random.pick(slowApis), forMs, heldMs: random.pick([200, 1_500, 5_500]) }
    case 'throttled':
      return { kind, forMs, silenceMs: random.pick([50, 300, 1_500]) }
    case 'nodeDown':
    case 'nodeRestarted':
    case 'unreachable':
    case 'topicMissing':
    case 'userPause':
    case 'outage':
      return { kind, forMs }
    case 'leaderMoved':
    case 'memberExpired':
    case 'controlBatch':
    case 'calendarJump':
    case 'produceAmbiguous':
      return { kind }
  }
}
