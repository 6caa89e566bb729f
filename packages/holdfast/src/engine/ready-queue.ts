/** First in, first out, without shifting: a ring that doubles when it is full. */
export class ReadyQueue<T> {
  #slots: (T | undefined)[] = Array.from({ length: 64 })
  #head = 0
  #size = 0

  get size(): number {
    return this.#size
  }

  /** The value that `shift` would return. */
  get first(): T | undefined {
    return this.#size === 0 ? undefined : this.#slots[this.#head]
  }

  push(value: T): void {
    if (this.#size === this.#slots.length) this.#grow()
    this.#slots[(this.#head + this.#size) & (this.#slots.length - 1)] = value
    this.#size += 1
  }

  shift(): T | undefined {
    if (this.#size === 0) return undefined
    const value = this.#slots[this.#head]
    this.#slots[this.#head] = undefined
    this.#head = (this.#head + 1) & (this.#slots.length - 1)
    this.#size -= 1
    return value
  }

  #grow(): void {
    const slots = this.#slots
    this.#slots = Array.from({ length: slots.length * 2 }, (_, at) => slots[(this.#head + at) & (slots.length - 1)])
    this.#head = 0
  }
}
