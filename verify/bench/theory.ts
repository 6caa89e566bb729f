/** Decides what is possible: the bounds that no scheduler, queue or code can beat, computed from the very work that was
 *  measured. A column that says "theory" comes from here. */
import { sum } from './statistics.ts'

/** One piece of work: how long it took, and in which lane it was (`null` is a lane of its own). */
export type Work = { readonly lane: string | number | null; readonly serviceMs: number }

/** No schedule ends earlier: not before all of the work is done by so many workers, not before the heaviest lane is done
 *  one by one. */
export function makespanBoundMs(work: readonly Work[], concurrency: number): number {
  const byLane = new Map<string | number, number>()
  let totalMs = 0
  let heaviestMs = 0
  for (const { lane, serviceMs } of work) {
    totalMs += serviceMs
    const laneMs = lane === null ? serviceMs : (byLane.get(lane) ?? 0) + serviceMs
    if (lane !== null) byLane.set(lane, laneMs)
    heaviestMs = Math.max(heaviestMs, laneMs)
  }
  return Math.max(totalMs / concurrency, heaviestMs)
}

/** How long it takes when lanes are dealt to fixed workers by their hash, as many consumers do: the fullest worker ends last. */
export function hashedMakespanMs(
  work: readonly Work[],
  workers: number,
  hashOf: (lane: string | number) => number,
): number {
  const loadMs = new Float64Array(workers)
  for (const { lane, serviceMs } of work) {
    if (lane === null) throw new RangeError('work without a lane has no hash')
    const worker = (hashOf(lane) >>> 0) % workers
    loadMs[worker] = (loadMs[worker] as number) + serviceMs
  }
  return Math.max(...loadMs)
}

/** One arrival at a queue with one server, in the order of arrival. */
export type Arrival = { readonly atMs: number; readonly serviceMs: number }

/** How long each arrival waits for those before it (Lindley). No queue in this order can let it wait less. */
export function queueWaitsMs(arrivals: readonly Arrival[]): number[] {
  let freeAtMs = -Infinity
  return arrivals.map(({ atMs, serviceMs }) => {
    const startMs = Math.max(atMs, freeAtMs)
    freeAtMs = startMs + serviceMs
    return startMs - atMs
  })
}

/** The mean of these waits in the long run when arrivals know nothing of each other (Pollaczek and Khinchine). */
export function meanQueueWaitMs(arrivalsPerMs: number, servicesMs: readonly number[]): number {
  const meanMs = sum(servicesMs) / servicesMs.length
  const meanSquare = sum(servicesMs.map((ms) => ms ** 2)) / servicesMs.length
  const load = arrivalsPerMs * meanMs
  return load >= 1 ? Infinity : (arrivalsPerMs * meanSquare) / (2 * (1 - load))
}

/** The information in one choice that is taken with this probability, in bits. */
export function entropyBits(probability: number): number {
  if (probability <= 0 || probability >= 1) return 0
  return -probability * Math.log2(probability) - (1 - probability) * Math.log2(1 - probability)
}
