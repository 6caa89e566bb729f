/** A downstream service that does not exist: it answers after a log-normal latency and refuses some first attempts. All its
 *  chance comes from seed, record id and attempt, so that a run can be repeated whatever the order of its records. */
import { setTimeout as delay } from 'node:timers/promises'

const latencyMedianMs = 5
/** The spread of the latency's logarithm: one call in a hundred takes longer than 16 ms. */
const latencySigma = 0.5
const firstAttemptFailureRate = 0.03

export type DownstreamCall = { readonly latencyMs: number; readonly fails: boolean }

export class DownstreamError extends Error {
  override readonly name = 'DownstreamError'
}

/** What will become of this call. */
export function foresee(seed: number, recordId: number, attempt: number): DownstreamCall {
  const random = mulberry32(Math.imul(seed, 0x9e37_79b1) ^ Math.imul(recordId, 0x85eb_ca6b) ^ attempt)
  // Box and Muller: two uniform numbers make a normal one. The first must not be zero.
  const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
  return {
    latencyMs: latencyMedianMs * Math.exp(latencySigma * normal),
    fails: attempt === 1 && random() < firstAttemptFailureRate,
  }
}

/** Rejects with a DownstreamError, or with the reason of the signal. */
export async function callDownstream({ latencyMs, fails }: DownstreamCall, signal: AbortSignal): Promise<void> {
  await delay(latencyMs, undefined, { signal })
  if (fails) throw new DownstreamError('503 Service Unavailable')
}

/** Numbers in [0, 1) that depend on the seed alone (Tommy Ettinger's Mulberry32). */
function mulberry32(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b_79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
