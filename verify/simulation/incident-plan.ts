/** Draws what is done to brokers, to the network and to the group in a history, and when. */

import { type SeededRandom } from 'holdfast/testing'
import { type Visit } from './crowd-plan.ts'

/** Something that is done to brokers or to the group at a moment. */
export type Incident = { readonly atMs: number } & (
  | { readonly kind: 'leaderMoved' | 'coordinatorMoved' }
  | { readonly kind: 'memberExpired' }
  | { readonly kind: 'nodeDown' | 'unreachable' | 'isolated'; readonly forMs: number }
  | { readonly kind: 'controlBatch' | 'calendarJump' }
  /** Topics of ours take nothing. */
  | { readonly kind: 'produceRefused'; readonly code: number; readonly forMs: number }
  /** The copy is stored and nobody hears of it. */
  | { readonly kind: 'produceAmbiguous' }
  /** No commit is taken. */
  | { readonly kind: 'commitRefused'; readonly code: number; readonly forMs: number }
  /** Somebody pauses a consumer for a while. */
  | { readonly kind: 'userPause'; readonly forMs: number }
  | { readonly kind: 'brokerError'; readonly api: 'OffsetCommit' | 'Heartbeat' | 'OffsetFetch'; readonly code: number }
)

export function drawIncidents(random: SeededRandom, untilMs: number, visits: readonly Visit[]): Incident[] {
  const drawn = Array.from({ length: random.integer(0, 9) }, (): Incident => {
    const atMs = random.integer(0, untilMs)
    const kind = random.pick([
      'leaderMoved',
      'coordinatorMoved',
      'memberExpired',
      'memberExpired',
      'nodeDown',
      'unreachable',
      'controlBatch',
      'calendarJump',
      'brokerError',
      'produceRefused',
      'produceRefused',
      'produceAmbiguous',
    ] as const)
    const forMs = random.integer(100, 8_000)
    if (kind === 'nodeDown' || kind === 'unreachable') return { atMs, kind, forMs }
    // Unknown topic, no leader, another leader, timed out, too few replicas, the same after the append; and one that no
    // producer tries again by itself: not allowed.
    if (kind === 'produceRefused') return { atMs, kind, forMs, code: random.pick([3, 5, 6, 7, 19, 20, 29, 29]) }
    if (kind !== 'brokerError') return { atMs, kind }
    // Loading, not available, not coordinator, rebalance in progress, illegal generation.
    const api = random.pick(['OffsetCommit', 'OffsetCommit', 'Heartbeat', 'OffsetFetch'] as const)
    const code = api === 'OffsetFetch' ? random.pick([14, 15, 16]) : random.pick([14, 15, 16, 22, 27])
    return { atMs, kind, api, code }
  })
  // Most histories hand nothing off at a moment drawn at random, so some get their refusal while they do.
  if (random.chance(0.3)) {
    const early = { atMs: random.integer(0, untilMs / 2), forMs: random.integer(2_000, 8_000) }
    drawn.push({ ...early, kind: 'produceRefused', code: random.pick([5, 19, 29]) })
  }
  // One of two members hears of nothing for longer than its session lasts, and has records left: R5 must stop it.
  const isIsolated = random.chance(0.3)
  const isolation = { atMs: random.integer(0, 4_000), forMs: random.integer(5_500, 15_000) }
  const [guest] = visits
  if (isIsolated && guest !== undefined) {
    drawn.push({ kind: 'isolated', atMs: guest.fromMs + isolation.atMs, forMs: isolation.forMs })
  }
  // Drawn apart: who adds a kind of incident here disturbs no other.
  const apart = random.stream('apart')
  if (apart.chance(0.2)) {
    const code = apart.pick([14, 15, 16])
    drawn.push({ kind: 'commitRefused', atMs: apart.integer(0, untilMs), forMs: apart.integer(1_000, 6_000), code })
  }
  if (apart.chance(0.2)) {
    drawn.push({ kind: 'userPause', atMs: apart.integer(0, untilMs), forMs: apart.integer(500, 8_000) })
  }
  return drawn.toSorted((one, other) => one.atMs - other.atMs)
}
