/** One consumer process as the demo sees it: starts it, calls it, keeps what it reported last, and ends it. When that should
 *  happen is decided in `run.ts`. */
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { ConsumerStatus } from 'holdfast'
import { type ProcessEnd, type RunningProcess, startProcess } from '../verify/processes.ts'
import { call } from './call.ts'
import { type ConsumerReport, type ConsumerSetup, loadedLine, parseReport } from './consumer-report.ts'
import { type ConsumerName, type ConsumerView } from './progress.ts'

const program = join(import.meta.dirname, 'consumer.ts')
/** The consumer's drain (20 s) and final commit (3 s), and some more. */
const stopMs = 30_000
/** As long as Holdfast looks for its brokers, and then the rebalance. */
const joinWithinMs = 60_000
const quotedLinesMax = 20

export type Listening = {
  onReport(report: ConsumerReport): void
  /** A line that is no report. */
  onStrayLine(line: string): void
}

export class ConsumerProcess {
  readonly name: ConsumerName
  readonly #folder: string
  readonly #joined = Promise.withResolvers<void>()
  #phase: ConsumerView['phase'] = 'away'
  #starting: Promise<RunningProcess> | undefined
  #child: RunningProcess | undefined
  #status: ConsumerStatus | null = null
  #hasStoppedCleanly = false

  constructor(name: ConsumerName, folder: string) {
    this.name = name
    this.#folder = folder
  }

  get view(): ConsumerView {
    return { name: this.name, phase: this.#phase, status: this.#status }
  }

  /** Undefined before it was started. */
  get pid(): number | undefined {
    return this.#child?.pid
  }

  get hasStoppedCleanly(): boolean {
    return this.#hasStoppedCleanly
  }

  /** Resolves when the process has ended, by itself or because it was stopped; never before it was started. */
  get exited(): Promise<ProcessEnd> {
    return this.#child?.exited ?? new Promise(() => undefined)
  }

  /** Resolves when it waits to be called. */
  async start(setup: Omit<ConsumerSetup, 'name' | 'folder'>, { onReport, onStrayLine }: Listening): Promise<void> {
    const complete: ConsumerSetup = { ...setup, name: this.name, folder: this.#folder }
    this.#starting = startProcess({
      name: `the ${this.name} consumer`,
      args: [program, JSON.stringify(complete)],
      readyLine: loadedLine,
      onLine: (line, stream) => {
        const report = stream === 'stdout' ? parseReport(line) : undefined
        if (report === undefined) return onStrayLine(line)
        if (report.type === 'status') this.#status = report.status
        if (report.type === 'stopped') this.#hasStoppedCleanly = report.clean
        if (report.type === 'ready') this.#joined.resolve()
        onReport(report)
      },
    })
    this.#child = await this.#starting
  }

  /** Resolves when it has its partitions; rejects if it ends before or does not get them. */
  async join(): Promise<void> {
    this.#phase = 'joining'
    call(this.#folder, this.name)
    const patience = new AbortController()
    const { signal } = patience
    const outcome = await Promise.race([
      this.#joined.promise.then(() => 'joined'),
      this.exited.then(({ code }) => `ended (exit code ${code})`),
      delay(joinWithinMs, 'was given up', { signal }).catch(() => 'was given up'),
    ])
    patience.abort()
    if (outcome !== 'joined') {
      const output = this.#child?.output.slice(-quotedLinesMax).join('\n')
      throw new Error(
        `the ${this.name} consumer ${outcome} before it had its partitions; its last output was:\n${output}`,
      )
    }
    this.#phase = 'running'
  }

  /** Does nothing if it was never started, could not be, or has ended; waits for a start that is under way. */
  async stop(): Promise<void> {
    const child = await this.#starting?.catch(() => undefined)
    if (child === undefined || this.#phase === 'left') return
    if (this.#phase !== 'away') this.#phase = 'leaving'
    await child.stop(stopMs)
    if (this.#phase !== 'away') this.#phase = 'left'
  }
}
