/** Decides which record of one partition may start beside which (R13, R14): a lane runs one record at a time, in offset
 *  order. A lane is nothing but its last entry; followers hang on `entry.behind`, so a lane that empties is gone without
 *  a sweeper. Colliding key hashes share a lane: that costs concurrency, never order. */
import type { Order } from '../model/settings.ts'
import type { Entry } from './entry.ts'
import { LaneTails } from './lane-tails.ts'

export type Lanes<R> = {
  /** Puts the entry at the end of its lane. True when nothing of the lane is ahead of it, so that it may start. */
  add(entry: Entry<R>): boolean
  /** Takes a finished entry out of its lane and returns the one that may start now, if any. */
  finish(entry: Entry<R>): Entry<R> | null
  /** Occupies the lane of an attempt that outlived an earlier ownership of this partition: until `finish` is called for
   *  it, nothing of its lane starts, so that attempts of a lane never overlap in one process. Call before any `add`. */
  hold(entry: Entry<R>): void
}

export function lanesFor<R>(order: Order): Lanes<R> {
  switch (order) {
    case 'partition':
      return new OneLane()
    case 'key':
      return new KeyLanes()
    case 'none':
      return new NoLanes()
  }
}

/** Every record on its own. Only a leftover of the same offset is waited for: a record must not overlap itself. */
class NoLanes<R> implements Lanes<R> {
  readonly #held = new Map<number, Entry<R>>()

  add(entry: Entry<R>): boolean {
    const ahead = this.#held.size === 0 ? undefined : this.#held.get(entry.offset)
    if (ahead === undefined) return true
    follow(ahead, entry)
    return false
  }

  finish(entry: Entry<R>): Entry<R> | null {
    if (this.#held.size > 0 && this.#held.get(entry.offset) === entry) this.#held.delete(entry.offset)
    return unfollow(entry)
  }

  hold(entry: Entry<R>): void {
    this.#held.set(entry.offset, entry)
  }
}

/** The whole partition in a row. */
class OneLane<R> implements Lanes<R> {
  #tail: Entry<R> | null = null

  add(entry: Entry<R>): boolean {
    const ahead = this.#tail
    this.#tail = entry
    if (ahead === null) return true
    follow(ahead, entry)
    return false
  }

  finish(entry: Entry<R>): Entry<R> | null {
    if (this.#tail === entry) this.#tail = null
    return unfollow(entry)
  }

  hold(entry: Entry<R>): void {
    this.add(entry)
  }
}

/** One lane per key; a record without a key is on its own, an empty key is a key. */
class KeyLanes<R> implements Lanes<R> {
  readonly #tails = new LaneTails<R>()
  readonly #keyless = new NoLanes<R>()

  add(entry: Entry<R>): boolean {
    if (!entry.hasLane) return this.#keyless.add(entry)
    const ahead = this.#tails.replace(entry)
    if (ahead === null) return true
    follow(ahead, entry)
    return false
  }

  finish(entry: Entry<R>): Entry<R> | null {
    if (!entry.hasLane) return this.#keyless.finish(entry)
    if (entry.behind === null) this.#tails.remove(entry.laneId)
    return unfollow(entry)
  }

  hold(entry: Entry<R>): void {
    if (entry.hasLane) this.add(entry)
    else this.#keyless.hold(entry)
  }
}

/** Several leftovers of one lane can be held at once, so the end of the queue is looked for. */
function follow<R>(ahead: Entry<R>, entry: Entry<R>): void {
  if (ahead.behind !== null) throw new RangeError(`offset ${ahead.offset} already has a follower`)
  ahead.behind = entry
}

function unfollow<R>(entry: Entry<R>): Entry<R> | null {
  const next = entry.behind
  entry.behind = null
  return next
}
