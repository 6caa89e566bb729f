/** Knows the last entry of every lane in use, by the id of the lane: a table with open addressing whose slots are the entries
 *  themselves, because a `Map` costs a record twice the time and memory of its own. Lane ids are hashes already, so their
 *  lowest bits choose the slot. */
import type { Entry } from './entry.ts'

const slotsMin = 64

export class LaneTails<R> {
  #slots: (Entry<R> | null)[] = emptySlots(slotsMin)
  #mask = slotsMin - 1
  #size = 0

  /** How many lanes are in use. */
  get size(): number {
    return this.#size
  }

  /** Makes the entry the last of its lane; returns the one that was, or null when the lane was not in use. */
  replace(entry: Entry<R>): Entry<R> | null {
    const at = this.#find(entry.laneId)
    const tail = this.#slots[at] as Entry<R> | null
    this.#slots[at] = entry
    if (tail === null) {
      this.#size += 1
      if (this.#size * 2 > this.#slots.length) this.#grow()
    }
    return tail
  }

  /** Ends the lane, if it is in use. */
  remove(laneId: number): void {
    const slots = this.#slots
    let hole = this.#find(laneId)
    if (slots[hole] === null) return
    this.#size -= 1
    // Whoever stands behind the hole because its own slot was taken moves up, so that a search may end at an empty slot.
    for (let at = (hole + 1) & this.#mask; ; at = (at + 1) & this.#mask) {
      const tail = slots[at] as Entry<R> | null
      if (tail === null) break
      const fromHome = (at - tail.laneId) & this.#mask
      const fromHole = (at - hole) & this.#mask
      if (fromHome < fromHole) continue
      slots[hole] = tail
      hole = at
    }
    slots[hole] = null
  }

  /** The slot of the lane, or the empty one that it would get. */
  #find(laneId: number): number {
    let at = laneId & this.#mask
    for (;;) {
      const tail = this.#slots[at] as Entry<R> | null
      if (tail === null || tail.laneId === laneId) return at
      at = (at + 1) & this.#mask
    }
  }

  #grow(): void {
    const tails = this.#slots
    this.#slots = emptySlots(tails.length * 2)
    this.#mask = this.#slots.length - 1
    for (const tail of tails) if (tail !== null) this.#slots[this.#find(tail.laneId)] = tail
  }
}

/** Filled, so that the engine of JavaScript never takes it for a sparse array. */
function emptySlots<R>(count: number): (Entry<R> | null)[] {
  return Array.from({ length: count }, () => null)
}
