/** One run of the demo, from an empty topic to the verdict. It starts the parts, tells when all strikes are through, and
 *  stops them in order; whether the run was good is the judge's to say. */
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { createHoldfast } from 'holdfast'
import { type Verdict } from '../verify/judge/verdict.ts'
import { runProcess, type RunningProcess, startProcess } from '../verify/processes.ts'
import { type Brokers } from './brokers.ts'
import { type ConsumerReport, type ConsumerSetup, parseReport, readyLine } from './consumer-report.ts'
import { type DemoOptions } from './options.ts'
import { StrikeProducer } from './producer.ts'
import { type Phase, type Progress, RateMeter } from './progress.ts'
import { readStrikes, strikesTopic } from './strikes.ts'

const here = import.meta.dirname
const consumerProgram = join(here, 'consumer.ts')
const judgeProgram = join(here, '..', 'verify', 'judge', 'main.ts')

/** How often the demo looks whether everything is through. */
const lookEveryMs = 50
/** A consumer that finishes nothing for so long will not finish at all: time for the judge to say why. */
const stallMs = 20_000
/** The consumer's drain (20 s) and final commit (3 s), and some more. */
const consumerStopMs = 30_000
const verdictWithinMs = 120_000
const troublesMax = 100

export class DemoRun {
  readonly #options: DemoOptions
  readonly #brokers: Brokers
  /** Attempt files, samples and the database. */
  readonly #folder: string
  readonly #signal: AbortSignal
  readonly #startedMs = performance.now()
  readonly #producedMeter = new RateMeter()
  readonly #doneMeter = new RateMeter()
  readonly #troubles: string[] = []
  #phase: Phase = 'starting'
  #producer: StrikeProducer | undefined
  #status: (ConsumerReport & { type: 'status' }) | undefined
  #stopped: (ConsumerReport & { type: 'stopped' }) | undefined

  /** After the signal a run ends by rejecting with its reason, as soon as its parts have stopped. */
  constructor(options: DemoOptions, brokers: Brokers, folder: string, signal: AbortSignal) {
    this.#options = options
    this.#brokers = brokers
    this.#folder = folder
    this.#signal = signal
  }

  get elapsedMs(): number {
    return performance.now() - this.#startedMs
  }

  get rebalances(): number {
    return this.#status?.rebalances ?? 0
  }

  get stoppedCleanly(): boolean {
    return this.#stopped?.clean ?? false
  }

  progress(): Progress {
    const produced = this.#producer?.acknowledged ?? 0
    const consumer = this.#status?.status ?? null
    this.#producedMeter.note(this.elapsedMs, produced)
    this.#doneMeter.note(this.elapsedMs, consumer?.counts.done ?? 0)
    return {
      phase: this.#phase,
      elapsedMs: this.elapsedMs,
      rows: this.#options.rows,
      produced,
      producedPerSecond: this.#producedMeter.perSecond,
      donePerSecond: this.#doneMeter.perSecond,
      consumer,
      troubles: this.#troubles,
    }
  }

  /** Rejects if a part cannot be started, or with Holdfast's own error if the brokers do not answer. */
  async complete(): Promise<Verdict> {
    const app = createHoldfast({ kafka: this.#brokers.bootstrap, log: false, startTimeout: '5s' })
    await app.start()
    const parts: RunningProcess[] = []
    try {
      await this.#brokers.createTopic()
      const { watch, consumer } = await this.#startParts(parts)

      this.#phase = 'running'
      this.#producer = new StrikeProducer(app, strikesTopic(this.#brokers.topic))
      const strikes = (await readStrikes()).slice(0, this.#options.rows)
      await this.#producer.sendAll(strikes, this.#options.rate, this.#signal)
      await this.#allFinished(consumer)

      this.#phase = 'stopping'
      await consumer.stop(consumerStopMs)
      await watch.stop()
      this.#phase = 'judging'
      return await this.#verdict()
    } finally {
      await Promise.all([...parts.map((part) => part.stop(consumerStopMs)), app.stop()])
    }
  }

  /** The watch and the consumer, side by side: no record is there yet, so there is nothing to miss. */
  async #startParts(parts: RunningProcess[]): Promise<{ watch: RunningProcess; consumer: RunningProcess }> {
    const starting = [this.#startWatch(), this.#startConsumer()] as const
    // Also when one of them fails, the other one has to be stopped.
    for (const part of await Promise.allSettled(starting)) if (part.status === 'fulfilled') parts.push(part.value)
    const [watch, consumer] = await Promise.all(starting)
    return { watch, consumer }
  }

  #startWatch(): Promise<RunningProcess> {
    return startProcess({
      name: 'the judge',
      args: [judgeProgram, 'watch', ...this.#judgeArgs],
      readyLine: /^watching$/,
    })
  }

  #startConsumer(): Promise<RunningProcess> {
    const { bootstrap: brokers, topic, group } = this.#brokers
    const { order, concurrency, seed } = this.#options
    const setup: ConsumerSetup = { brokers, topic, group, folder: this.#folder, order, concurrency, seed }
    return startProcess({
      name: 'the consumer',
      args: [consumerProgram, JSON.stringify(setup)],
      readyLine,
      onLine: (line, stream) => {
        const report = stream === 'stdout' ? parseReport(line) : undefined
        if (report !== undefined) this.#note(report)
        else this.#noteTrouble(line)
      },
    })
  }

  #note(report: ConsumerReport): void {
    switch (report.type) {
      case 'ready':
        return
      case 'status':
        this.#status = report
        return
      case 'stopped':
        this.#stopped = report
        return
      case 'trouble':
        this.#noteTrouble(report.text)
    }
  }

  #noteTrouble(text: string): void {
    if (this.#troubles.length < troublesMax) this.#troubles.push(text)
  }

  /** Resolves when every record has its outcome as far as the consumer says, or when it makes no progress any more. */
  async #allFinished(consumer: RunningProcess): Promise<void> {
    const ended = consumer.exited.then(() => 'ended' as const)
    let progressAtMs = performance.now()
    let finishedBefore = -1
    while (!this.#isThrough()) {
      const look = await Promise.race([ended, delay(lookEveryMs, undefined, { signal: this.#signal })])
      if (look === 'ended') return this.#noteTrouble('the consumer ended before everything was through')
      const finished = this.#status?.status.counts.done ?? 0
      if (finished !== finishedBefore) progressAtMs = performance.now()
      finishedBefore = finished
      if (performance.now() - progressAtMs > stallMs) {
        return this.#noteTrouble(`nothing was finished for ${stallMs / 1_000} s`)
      }
    }
  }

  #isThrough(): boolean {
    const status = this.#status?.status
    if (status === undefined || status.inFlight > 0 || status.parked > 0) return false
    const committable = new Map(status.partitions.map((at) => [at.partition, at.committable]))
    return [...(this.#producer?.endOffsets ?? [])].every(([partition, end]) => (committable.get(partition) ?? 0) >= end)
  }

  async #verdict(): Promise<Verdict> {
    const { rows, order } = this.#options
    const { code, output } = await runProcess({
      name: 'the judge',
      args: [
        judgeProgram,
        'verdict',
        ...this.#judgeArgs,
        ...['--run', this.#folder, '--rows', String(rows), '--order', order],
      ],
      timeoutMs: verdictWithinMs,
    })
    const line = output.findLast((text) => text.startsWith('{"rows":'))
    if (line === undefined) throw new Error(`the judge gave no verdict (exit code ${code}):\n${output.join('\n')}`)
    const verdict = JSON.parse(line) as Verdict
    // The exit code is the verdict; the figures explain it.
    return { ...verdict, agrees: verdict.agrees && code === 0 }
  }

  get #judgeArgs(): string[] {
    const { bootstrap, topic, group } = this.#brokers
    const samples = join(this.#folder, 'samples.ndjson')
    return ['--brokers', bootstrap, '--topic', topic, '--group', group, '--samples', samples]
  }
}
