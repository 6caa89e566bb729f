/** Plays trials in as many processes as there are cores. A process that ends or hangs takes only its own history with it: that
 *  is what its account says, and another process goes on. Which trials, and what their accounts mean, is for the caller. */

import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { type RunningProcess, startProcess } from '../processes.ts'
import { type Account, accountOfUnended, type Trial } from './account.ts'
import { fromText, readyWord, toText } from './plain-text.ts'

/** No history takes so long, however busy the machine is: its process goes round in circles. */
export const patienceMs = 180_000
const saidLinesMax = 10
/** Most of what a history makes is soon forgotten: with more room for it in MiB, less of it is ever copied. */
const youngSpace = '--max-semi-space-size=64'

export const workersDefault: number = availableParallelism()

const readyPattern = new RegExp(`^${readyWord}$`)

/** One process that plays one trial after the other; a new one when it dies. */
export class Worker {
  readonly #patienceMs: number
  readonly #program: string
  #process: RunningProcess | null = null
  #answer: (account: Account) => void = () => undefined

  /** `program` answers as `worker.ts` does. */
  constructor(options: { readonly patienceMs?: number; readonly program?: string } = {}) {
    this.#patienceMs = options.patienceMs ?? patienceMs
    this.#program = options.program ?? join(import.meta.dirname, 'worker.ts')
  }

  /** Rejects if the simulation does not run at all. */
  async play(trial: Trial): Promise<Account> {
    const child = (this.#process ??= await this.#start())
    const answered = Promise.withResolvers<Account>()
    this.#answer = answered.resolve
    let isLate = false
    const patience = setTimeout(() => {
      isLate = true
      child.kill('SIGKILL')
    }, this.#patienceMs)
    child.write(`${toText(trial)}\n`)
    const ended = await Promise.race([answered.promise, child.exited])
    clearTimeout(patience)
    if ('seed' in ended) return ended
    this.#process = null
    const end = ended.signal ?? `exit code ${ended.code}`
    const said = child.output.slice(-saidLinesMax).join('\n')
    const what = isLate ? `no end after ${this.#patienceMs / 1_000} s` : `its process ended with ${end}: ${said}`
    return accountOfUnended(trial.seed, what)
  }

  async end(): Promise<void> {
    await this.#process?.stop()
    this.#process = null
  }

  #start(): Promise<RunningProcess> {
    const onLine = (line: string, stream: 'stdout' | 'stderr'): void => {
      if (stream === 'stdout' && line !== readyWord) this.#answer(fromText(line) as Account)
    }
    return startProcess({
      name: 'simulation worker',
      args: [youngSpace, this.#program],
      keepsInput: true,
      readyLine: readyPattern,
      onLine,
    })
  }
}

export type PlayOptions = {
  readonly workers: number
  /** Told in the order of the trials, as soon as all before are told. */
  readonly onAccount?: ((account: Account) => void) | undefined
}

/** The accounts of all trials, in their order. */
export async function playAll(trials: readonly Trial[], { workers, onAccount }: PlayOptions): Promise<Account[]> {
  const accounts: (Account | undefined)[] = []
  const waiting = trials.entries()
  let told = 0
  const work = async (): Promise<void> => {
    const worker = new Worker()
    try {
      for (const [index, trial] of waiting) {
        accounts[index] = await worker.play(trial)
        for (let account = accounts[told]; account !== undefined; account = accounts[++told]) onAccount?.(account)
      }
    } finally {
      await worker.end()
    }
  }
  await Promise.all(Array.from({ length: Math.min(workers, trials.length) }, work))
  return accounts as Account[]
}
