/** How long to wait after a failure. It decides the length only; who waits, and on which clock, is the caller's business. */

export type Backoff = { readonly firstMs: number; readonly maxMs: number }

/** The wait after `failures` failures in a row (1 = the first): doubles from `firstMs` up to `maxMs`, then half of it is
 *  left to chance. *Half* jitter, because these loops talk to brokers: clients that failed together must come back apart,
 *  but none of them at once, as full jitter would allow. */
export function exponentialDelayMs(backoff: Backoff, failures: number, random: () => number): number {
  const doublings = Math.max(failures - 1, 0)
  const longestMs = Math.min(backoff.firstMs * 2 ** doublings, backoff.maxMs)
  return longestMs * (0.5 + random() / 2)
}

/** Anything from nothing to `maxMs`, for attempts in place (R18): there the failures are spread by the records already,
 *  and the shorter average wait is worth more than a least one. */
export function fullJitterMs(maxMs: number, random: () => number): number {
  return maxMs * random()
}
