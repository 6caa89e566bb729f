/** Writes down when each attempt started and how it ended, for the judge. It wraps the handler from outside and knows of
 *  Holdfast only what a handler is given; a line is on its way to the disk before the handler's promise settles, so
 *  that nothing can be committed that is not written here first. */
import { closeSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'

type Place = {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly key: string | null
}

type Step = 'started' | 'done' | 'failed'

export class AttemptLog {
  readonly #file: number

  /** One file for each process: lines of two processes can then never mix. */
  constructor(folder: string) {
    this.#file = openSync(join(folder, `attempts-${process.pid}.ndjson`), 'a')
  }

  /** Runs an attempt between its two lines. */
  async around(place: Place, attempt: number, run: () => Promise<void>): Promise<void> {
    this.#write(place, attempt, 'started')
    try {
      await run()
    } catch (error) {
      this.#write(place, attempt, 'failed')
      throw error
    }
    this.#write(place, attempt, 'done')
  }

  #write({ topic, partition, offset, key }: Place, attempt: number, outcome: Step): void {
    // The monotonic clock of the machine is the same in all processes, and nobody sets it.
    const time = Number(process.hrtime.bigint()) / 1e6
    const row = { time, process: process.pid, topic, partition, offset, key, attempt, outcome }
    writeSync(this.#file, `${JSON.stringify(row)}\n`)
  }

  close(): void {
    closeSync(this.#file)
  }
}
