/** One consumer process as the demo sees it: starts it, keeps what it reported last, and ends it. When that should happen
 *  is decided in `run.ts`. */
import { join } from 'node:path'
import type { ConsumerStatus } from 'holdfast'
import { type ProcessEnd, type RunningProcess, startProcess } from '../verify/processes.ts'
import { type ConsumerReport, type ConsumerSetup, parseReport, readyLine } from './consumer-report.ts'
import { type ConsumerName, type ConsumerView } from './progress.ts'

const program = join(import.meta.dirname, 'consumer.ts')
/** The consumer's drain (20 s) and final commit (3 s), and some more. */
const stopMs = 30_000

export type Listening = {
  onReport(report: ConsumerReport): void
  /** A line that is no report. */
  onStrayLine(line: string): void
}

export class ConsumerProcess {
  readonly name: ConsumerName
  #phase: ConsumerView['phase'] = 'joining'
  #starting: Promise<RunningProcess> | undefined
  #child: RunningProcess | undefined
  #status: ConsumerStatus | null = null
  #hasStoppedCleanly = false

  constructor(name: ConsumerName) {
    this.name = name
  }

  /** Resolves when it has its partitions. */
  async start(setup: ConsumerSetup, { onReport, onStrayLine }: Listening): Promise<void> {
    this.#starting = startProcess({
      name: `the ${this.name} consumer`,
      args: [program, JSON.stringify(setup)],
      readyLine,
      onLine: (line, stream) => {
        const report = stream === 'stdout' ? parseReport(line) : undefined
        if (report === undefined) return onStrayLine(line)
        if (report.type === 'status') this.#status = report.status
        if (report.type === 'stopped') this.#hasStoppedCleanly = report.clean
        onReport(report)
      },
    })
    this.#child = await this.#starting
    this.#phase = 'running'
  }

  get view(): ConsumerView {
    return { name: this.name, phase: this.#phase, status: this.#status }
  }

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

  /** Does nothing if it was never started, could not be, or has ended; waits for a start that is under way. */
  async stop(): Promise<void> {
    const child = await this.#starting?.catch(() => undefined)
    if (child === undefined || this.#phase === 'left') return
    this.#phase = 'leaving'
    await child.stop(stopMs)
    this.#phase = 'left'
  }
}
