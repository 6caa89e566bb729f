/** The handler of every consumer that is measured: asynchronous, with nothing to do but to count, so that what is measured is
 *  the way to it. */
import { type VitalFigures, Vitals } from './vitals.ts'

export type ConsumeGiven = {
  readonly bootstrap: string
  readonly topic: string
  readonly partitions: number
  /** How many messages to wait for. */
  readonly records: number
}

export class Tally {
  readonly #records: number
  readonly #vitals = new Vitals()
  readonly #done = Promise.withResolvers<VitalFigures>()
  #handled = 0

  constructor(records: number) {
    this.#records = records
  }

  /** The group has been joined: from here on all is fetching and handling. */
  readonly begin = (): void => {
    this.#vitals.begin()
  }

  readonly handler = async (): Promise<void> => {
    this.#handled += 1
    if (this.#handled === this.#records) this.#done.resolve(this.#vitals.end(this.#records))
  }

  /** What it took to handle all of them. */
  get done(): Promise<VitalFigures> {
    return this.#done.promise
  }
}

/** A group that nobody used before. */
export function newGroup(): string {
  return `bench-${process.pid}-${Math.trunc(performance.timeOrigin)}`
}
