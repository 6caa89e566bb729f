/** One run of the demo, from an empty topic to the verdict. It starts the parts, lets a second consumer come and go, takes the
 *  downstream out for a second, tells when all strikes are through, and stops the parts in order; whether the run was good
 *  is the judge's to say. */
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { createHoldfast } from 'holdfast'
import { type Verdict } from '../verify/judge/verdict.ts'
import { runProcess, type RunningProcess, startProcess } from '../verify/processes.ts'
import { Blockages } from './blockages.ts'
import { type Brokers } from './brokers.ts'
import { ConsumerProcess } from './consumer-process.ts'
import { type ConsumerReport } from './consumer-report.ts'
import { delaysMs, inPlaceWaitsMs } from './downstream.ts'
import { Moves } from './moves.ts'
import { type DemoOptions } from './options.ts'
import { announceOutage } from './outage.ts'
import { StrikeProducer } from './producer.ts'
import { type News, type Phase, type Progress, RateMeter, sumUp } from './progress.ts'
import { partitionCount, readReports, reportsTopic } from './strikes.ts'

const judgeProgram = join(import.meta.dirname, '..', 'verify', 'judge', 'main.ts')

/** When something happens, as a share of the rows that are finished. */
const secondJoinsAt = 0.3
const outageAt = 0.45
const secondLeavesAt = 0.6

/** How often the demo looks how far everything is. */
const lookEveryMs = 50
/** Consumers that finish nothing for so long will not finish at all: time for the judge to say why. */
const stallMs = 20_000
/** The same, when all that is in the topic was passed and the longest delay is over. */
const quietMs = 3_000 + Math.max(...delaysMs)
/** Far more than a rebalance takes. */
const backWithinMs = 10_000
const verdictWithinMs = 120_000
const newsMax = 100

export class DemoRun {
  readonly #options: DemoOptions
  readonly #brokers: Brokers
  /** Attempt files, samples, the database and the outage. */
  readonly #folder: string
  /** Of whoever started the run. */
  readonly #signal: AbortSignal
  readonly #startedMs = performance.now()
  readonly #producedMeter = new RateMeter()
  readonly #finishedMeter = new RateMeter()
  readonly #news: News[] = []
  readonly #first: ConsumerProcess
  readonly #second: ConsumerProcess
  readonly #moves = new Moves()
  readonly #blockages = new Blockages()
  #phase: Phase = 'starting'
  #producer: StrikeProducer | undefined

  /** After the signal a run ends by rejecting with its reason, as soon as its parts have stopped. */
  constructor(options: DemoOptions, brokers: Brokers, folder: string, signal: AbortSignal) {
    this.#options = options
    this.#brokers = brokers
    this.#folder = folder
    this.#first = new ConsumerProcess('first', folder)
    this.#second = new ConsumerProcess('second', folder)
    this.#signal = signal
  }

  get elapsedMs(): number {
    return performance.now() - this.#startedMs
  }

  get moves(): Moves['counts'] {
    return this.#moves.counts
  }

  get longestBlockage(): Blockages['longest'] {
    return this.#blockages.longest
  }

  get haveStoppedCleanly(): boolean {
    return this.#first.hasStoppedCleanly && this.#second.hasStoppedCleanly
  }

  /** How late a retry started at most, by what the consumers say. */
  get latenessMaxMs(): number {
    return Math.max(0, ...this.#views.map(({ status }) => status?.latenessMaxMs ?? 0))
  }

  /** The process id of the consumer that came and left; undefined if the run ended before. */
  get secondPid(): number | undefined {
    return this.#second.pid
  }

  progress(): Progress {
    const produced = this.#producer?.acknowledged ?? 0
    this.#producedMeter.note(this.elapsedMs, produced)
    this.#finishedMeter.note(this.elapsedMs, this.#sums.finished)
    return {
      phase: this.#phase,
      elapsedMs: this.elapsedMs,
      rows: this.#options.rows,
      produced,
      producedPerSecond: this.#producedMeter.perSecond,
      finishedPerSecond: this.#finishedMeter.perSecond,
      consumers: this.#views,
      news: this.#news,
    }
  }

  get #views(): Progress['consumers'] {
    return [this.#first.view, this.#second.view].filter(({ phase }) => phase !== 'away')
  }

  get #sums(): ReturnType<typeof sumUp> {
    return sumUp(this.#views)
  }

  /** Rejects if a part cannot be started, or with Holdfast's own error if the brokers do not answer. */
  async complete(): Promise<Verdict> {
    const app = createHoldfast({ kafka: this.#brokers.bootstrap, log: false, startTimeout: '5s' })
    await app.start()
    const over = new AbortController()
    const signal = AbortSignal.any([this.#signal, over.signal])
    let watching: Promise<RunningProcess> | undefined
    try {
      await this.#brokers.createTopic()
      // No record is there yet, so all may start side by side: there is nothing to miss.
      watching = this.#startWatch()
      const [watch] = await Promise.all([watching, this.#start(this.#first), this.#start(this.#second)])
      await this.#first.join()

      this.#phase = 'running'
      this.#producer = new StrikeProducer(app, reportsTopic(this.#brokers.topic))
      const reports = (await readReports()).slice(0, this.#options.rows)
      await Promise.all([this.#producer.sendAll(reports, this.#options.rate, signal), this.#direct(signal)])

      this.#phase = 'stopping'
      await this.#first.stop()
      await watch.stop()
      this.#phase = 'judging'
      return await this.#verdict()
    } finally {
      over.abort()
      const stopWatch = watching?.then((watch) => watch.stop()).catch(() => undefined)
      await Promise.all([this.#first.stop(), this.#second.stop(), app.stop(), stopWatch])
    }
  }

  #startWatch(): Promise<RunningProcess> {
    return startProcess({
      name: 'the judge',
      args: [judgeProgram, 'watch', ...this.#judgeArgs],
      readyLine: /^watching$/,
    })
  }

  #start(consumer: ConsumerProcess): Promise<void> {
    const { bootstrap: brokers, topic, group } = this.#brokers
    const { order, retrying, concurrency, seed } = this.#options
    return consumer.start(
      { brokers, topic, group, order, retrying, concurrency, seed },
      {
        onReport: (report) => this.#note(consumer, report),
        onStrayLine: (line) => this.#tell('trouble', line),
      },
    )
  }

  #note(consumer: ConsumerProcess, report: ConsumerReport): void {
    this.#moves.note(consumer.name, report)
    if (report.type === 'status') this.#blockages.note(report.status, performance.now())
    if (report.type === 'trouble') this.#tell('trouble', `the ${consumer.name} consumer: ${report.text}`)
  }

  #tell(kind: News['kind'], text: string): void {
    if (this.#news.length < newsMax) this.#news.push({ kind, text })
  }

  /** What happens while the strikes go through. Resolves when every one of them has its end as far as the consumers say and
   *  the second consumer has left, or when there is no progress any more. */
  async #direct(signal: AbortSignal): Promise<void> {
    const ended = this.#first.exited.then(() => 'ended' as const)
    const steps = this.#steps()
    const side: Promise<void>[] = []
    const failed = Promise.withResolvers<never>()
    failed.promise.catch(() => undefined)
    let progressAtMs = performance.now()
    let finishedBefore = -1
    for (;;) {
      const { finished } = this.#sums
      for (; steps[0] !== undefined && finished >= steps[0].share * this.#options.rows; steps.shift()) {
        const step = steps[0].perform()
        step.catch(failed.reject)
        side.push(step)
      }
      if (finished !== finishedBefore) progressAtMs = performance.now()
      finishedBefore = finished
      const isPassed = this.#isPassed()
      if (isPassed && finished >= this.#options.rows) break
      const patienceMs = isPassed ? quietMs : stallMs
      if (performance.now() - progressAtMs > patienceMs) {
        this.#tell('trouble', `nothing was finished for ${patienceMs / 1_000} s`)
        break
      }
      const look = await Promise.race([ended, failed.promise, delay(lookEveryMs, undefined, { signal })])
      if (look === 'ended') {
        this.#tell('trouble', 'the first consumer ended before everything was through')
        break
      }
    }
    await Promise.all(side)
    await this.#second.stop()
    await this.#untilAllAreBack(ended, signal)
  }

  /** A run that is short ends while the group is still busy with the leave; there would be nothing to tell of it. */
  async #untilAllAreBack(ended: Promise<unknown>, signal: AbortSignal): Promise<void> {
    const patience = AbortSignal.any([signal, AbortSignal.timeout(backWithinMs)])
    const over = ended.then(() => true)
    while (this.#moves.ownedBy('first') < partitionCount && !patience.aborted) {
      const isOver = await Promise.race([over, delay(lookEveryMs, false, { signal: patience }).catch(() => true)])
      if (isOver) return
    }
  }

  #steps(): { readonly share: number; perform(): Promise<void> }[] {
    let joining: Promise<void> | undefined
    return [
      {
        share: secondJoinsAt,
        perform: async () => {
          this.#tell('note', 'a second consumer joins')
          await (joining = this.#second.join())
          this.#tell('note', `the second consumer has ${this.#moves.ownedBy('second')} partitions`)
        },
      },
      {
        share: outageAt,
        perform: async () => {
          this.#tell('note', 'the downstream is out for a second')
          announceOutage(this.#folder)
        },
      },
      {
        share: secondLeavesAt,
        perform: async () => {
          await joining
          this.#tell('note', 'the second consumer leaves')
          await this.#second.stop()
        },
      },
    ]
  }

  /** Whether the consumers are through with the source topic, so that only records in delay topics can be missing. */
  #isPassed(): boolean {
    const { inFlight, parked } = this.#sums
    if (inFlight > 0 || parked > 0 || (this.#producer?.acknowledged ?? 0) < this.#options.rows) return false
    const committable = new Map<number, number>()
    for (const { status } of this.#views) {
      for (const at of status?.partitions ?? []) {
        if (at.topic !== this.#brokers.topic) continue
        committable.set(at.partition, Math.max(committable.get(at.partition) ?? 0, at.committable))
      }
    }
    return [...(this.#producer?.endOffsets ?? [])].every(([partition, end]) => (committable.get(partition) ?? 0) >= end)
  }

  async #verdict(): Promise<Verdict> {
    const { rows, order, retrying } = this.#options
    const { code, output } = await runProcess({
      name: 'the judge',
      args: [
        judgeProgram,
        'verdict',
        ...this.#judgeArgs,
        ...['--run', this.#folder, '--rows', String(rows), '--order', order, '--retrying', retrying],
        // In place the wait is random up to its length; the delays are waited in full, wherever that is.
        ...['--least-waits', [...inPlaceWaitsMs.map(() => 0), ...delaysMs].join(',')],
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
