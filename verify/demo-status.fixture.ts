/** How a consumer of the demo stands, made by hand. */
import type { ConsumerStatus } from 'holdfast'

/** A consumer that owns these partitions; offset 7 of each holds its commit. */
export function statusOf(owned: readonly number[], done: number): ConsumerStatus {
  const partitions = owned.map((partition): ConsumerStatus['partitions'][number] => ({
    topic: 'strikes',
    partition,
    epoch: 1,
    position: 20,
    committable: 7,
    committed: 7,
    endOffset: 20,
    lag: 13,
    buffered: 5,
    inFlight: 1,
    parked: 1,
    waiting: 0,
    zombies: 0,
    heldBytes: 0,
    pausedFor: [],
    blockedBy: { offset: 7, attempt: 2, forMs: 300, why: 'it waits' },
  }))
  const none = { retried: 0, deadLettered: 0, filtered: 0, alreadyDone: 0, stale: 0, abandoned: 0 }
  const counts = { ...none, done, accepted: done + owned.length }
  const others = {
    concurrency: 64,
    inFlight: owned.length,
    maxInFlight: 4,
    parked: owned.length,
    waiting: 2,
    zombies: 0,
  }
  return { topic: 'strikes', ...others, retriedInPlace: 3, latenessMaxMs: 9, lostToRetention: 0, counts, partitions }
}
