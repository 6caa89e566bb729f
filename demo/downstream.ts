/** A downstream service that does not exist: it answers after a log-normal latency, refuses some records once or more often,
 *  and serves nobody during its outage. All its chance comes from seed, record id and attempt, so that a run can be
 *  repeated whatever the order of its records; when it is out is for `outage.ts` to know.
 *
 *  It never refuses a record more often than the consumer waits in place and once in the delay topic, and the delay is
 *  longer than the outage, so an outage can make a record wait once more, but never kill it. */
import { setTimeout as delay } from 'node:timers/promises'

const latencyMedianMs = 5
/** The spread of the latency's logarithm: one call in a hundred takes longer than 16 ms. */
const latencySigma = 0.5

/** Of a thousand records, so many are refused that often. Three times is once more than the retries in place can help. */
const refusedPerThousand = [
  { refusals: 3, records: 5 },
  { refusals: 2, records: 5 },
  { refusals: 1, records: 20 },
] as const

/** Waits before further attempts. The demo's consumer obeys them, the downstream is made for them, the judge expects them. */
export const inPlaceWaitsMs: readonly number[] = [100, 400]
/** Two waits in one delay topic: the second is for records that come back during the outage. */
export const delaysMs: readonly number[] = [2_000, 2_000]

export type DownstreamCall = { readonly latencyMs: number; readonly fails: boolean }

export class DownstreamError extends Error {
  override readonly name = 'DownstreamError'
}

/** What will become of this call, outages aside. */
export function foresee(seed: number, recordId: number, attempt: number): DownstreamCall {
  const random = mulberry32(mixed(seed, recordId) ^ attempt)
  // Box and Muller: two uniform numbers make a normal one. The first must not be zero.
  const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
  return {
    latencyMs: latencyMedianMs * Math.exp(latencySigma * normal),
    fails: attempt <= refusalsOf(seed, recordId),
  }
}

/** Rejects with a DownstreamError, or with the reason of the signal. */
export async function callDownstream(
  { latencyMs, fails }: DownstreamCall,
  isOut: () => boolean,
  signal: AbortSignal,
): Promise<void> {
  const wasOut = isOut()
  await delay(latencyMs, undefined, { signal })
  if (wasOut || isOut()) throw new DownstreamError('503 Service Unavailable: it is out')
  if (fails) throw new DownstreamError('503 Service Unavailable')
}

/** How many attempts of the record are refused. */
function refusalsOf(seed: number, recordId: number): number {
  let draw = mulberry32(mixed(seed, recordId))() * 1_000
  for (const { refusals, records } of refusedPerThousand) {
    if (draw < records) return refusals
    draw -= records
  }
  return 0
}

function mixed(seed: number, recordId: number): number {
  return Math.imul(seed, 0x9e37_79b1) ^ Math.imul(recordId, 0x85eb_ca6b)
}

/** Numbers in [0, 1) that depend on the seed alone (Tommy Ettinger's Mulberry32). */
function mulberry32(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b_79f5) | 0
    let mixture = Math.imul(state ^ (state >>> 15), 1 | state)
    mixture = (mixture + Math.imul(mixture ^ (mixture >>> 7), 61 | mixture)) ^ mixture
    return ((mixture ^ (mixture >>> 14)) >>> 0) / 4_294_967_296
  }
}
