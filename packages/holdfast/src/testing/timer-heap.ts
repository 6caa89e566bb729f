/** Timers by the time they are due, those of one instant in the order in which they were set. A binary heap in which every
 *  timer knows its place, because most timers are deadlines that are cancelled long before they are due. */

export type HeapTimer = {
  readonly dueMs: number
  readonly sequence: number
  readonly callback: () => void
  /** Its index in the heap; −1 once it is out. Written by the heap only. */
  place: number
}

export class TimerHeap {
  readonly #timers: HeapTimer[] = []

  get size(): number {
    return this.#timers.length
  }

  /** The next one, which stays. */
  first(): HeapTimer | undefined {
    return this.#timers[0]
  }

  add(timer: HeapTimer): void {
    this.#timers.push(timer)
    this.#rise(timer, this.#timers.length - 1)
  }

  /** Does nothing if the timer is not in the heap any more. */
  remove(timer: HeapTimer): void {
    const { place } = timer
    if (place < 0) return
    timer.place = -1
    const last = this.#timers.pop() as HeapTimer
    if (last === timer) return
    this.#sink(last, place)
    this.#rise(last, last.place)
  }

  clear(): void {
    for (const timer of this.#timers) timer.place = -1
    this.#timers.length = 0
  }

  #rise(timer: HeapTimer, from: number): void {
    let place = from
    while (place > 0) {
      const above = (place - 1) >> 1
      const parent = this.#timers[above] as HeapTimer
      if (!isBefore(timer, parent)) break
      this.#put(parent, place)
      place = above
    }
    this.#put(timer, place)
  }

  #sink(timer: HeapTimer, from: number): void {
    let place = from
    for (;;) {
      const left = this.#timers[2 * place + 1]
      if (left === undefined) break
      const right = this.#timers[2 * place + 2]
      const child = right !== undefined && isBefore(right, left) ? right : left
      if (!isBefore(child, timer)) break
      const below = child.place
      this.#put(child, place)
      place = below
    }
    this.#put(timer, place)
  }

  #put(timer: HeapTimer, place: number): void {
    this.#timers[place] = timer
    timer.place = place
  }
}

function isBefore(one: HeapTimer, other: HeapTimer): boolean {
  return one.dueMs < other.dueMs || (one.dueMs === other.dueMs && one.sequence < other.sequence)
}
