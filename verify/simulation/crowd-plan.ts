/** Draws who comes besides the member that is always there: guests that join a running group, go cleanly or by crash, and
 *  may come back as a restarted process that has nothing but what Kafka holds. */

import { type SeededRandom } from 'holdfast/testing'

/** One life of a guest. */
export type Visit = {
  /** Of this life: `g`, and `g2` when it is restarted. */
  readonly name: string
  readonly fromMs: number
  readonly toMs: number
  readonly leaves: 'cleanly' | 'byCrash'
}

const names = ['g', 'h', 'i', 'j'] as const
/** A guest may stay for so long after the faults have ended. */
const overtimeMs = 4_000

/** By the time at which they come. In a calm history none of them crashes. */
export function drawVisits(random: SeededRandom, { untilMs, isRough }: { untilMs: number; isRough: boolean }): Visit[] {
  const guests = random.pick([0, 0, 1, 1, 2, 2, 3, 3, 4, 4] as const)
  // Guests by chance hardly ever meet: mostly several come together and stay for a while.
  const isParty = guests > 1 && random.chance(0.9)
  const partyAtMs = random.integer(0, Math.max(0, untilMs - 4_000))
  const visits = names.slice(0, guests).flatMap((name) => {
    const fromMs = isParty ? partyAtMs + random.integer(0, 1_500) : random.integer(0, untilMs)
    const stayMs = random.pick(isParty ? [3_000, 6_000, 12_000] : [300, 3_000, 12_000])
    const first = visit(random, name, fromMs, Math.min(fromMs + stayMs, untilMs + overtimeMs))
    const isBack = random.chance(0.4)
    const backAtMs = first.toMs + random.pick([0, 300, 2_000, 7_000])
    const backForMs = random.pick([1_000, 5_000])
    return isBack && backAtMs < untilMs ? [first, visit(random, `${name}2`, backAtMs, backAtMs + backForMs)] : [first]
  })
  return visits
    .map((each): Visit => (isRough ? each : { ...each, leaves: 'cleanly' }))
    .toSorted((one, other) => one.fromMs - other.fromMs)
}

function visit(random: SeededRandom, name: string, fromMs: number, toMs: number): Visit {
  return { name, fromMs, toMs: Math.max(toMs, fromMs + 300), leaves: random.pick(['cleanly', 'cleanly', 'byCrash']) }
}
