/** The second in which the downstream serves nobody. The demo writes it into a file of the run's folder a little ahead, and
 *  every consumer process looks there, so that it is the same second for all: of the machine's monotonic clock, which
 *  all processes share. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const fileName = 'outage.json'
const outageMs = 1_000
const lookEveryMs = 20
/** Enough for every process to have looked. */
const aheadMs = 100

type Period = { readonly fromMs: number; readonly untilMs: number }

/** The next outage begins in a moment. */
export function announceOutage(folder: string): void {
  const fromMs = monotonicMs() + aheadMs
  const period: Period = { fromMs, untilMs: fromMs + outageMs }
  // Renamed, so that nobody can read half of it.
  const draft = join(folder, `${fileName}.draft`)
  writeFileSync(draft, JSON.stringify(period))
  renameSync(draft, join(folder, fileName))
}

/** What a consumer process knows of it. */
export class Outage {
  readonly #file: string
  readonly #looking: NodeJS.Timeout
  #period: Period | null = null

  constructor(folder: string) {
    this.#file = join(folder, fileName)
    this.#look()
    this.#looking = setInterval(() => this.#look(), lookEveryMs)
  }

  readonly isOn = (): boolean => {
    const nowMs = monotonicMs()
    return this.#period !== null && nowMs >= this.#period.fromMs && nowMs < this.#period.untilMs
  }

  close(): void {
    clearInterval(this.#looking)
  }

  #look(): void {
    try {
      this.#period = JSON.parse(readFileSync(this.#file, 'utf8')) as Period
      this.close()
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }
}

function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6
}
