/** One machine of a run with the user's app on it. It writes down every handler call without the handlers noticing,
 *  and can vanish as a process does that is killed. Which machines there are, and what befalls them, is for the run
 *  to say. */

import type { Environment, Holdfast } from '../../index.ts'
import { type Duration, parseDuration } from '../../model/duration.ts'
import { describeThrown, HoldfastError } from '../../model/errors.ts'
import { readHandedOff } from '../../model/handed-off.ts'
import type { AttemptContext, RecordHandler } from '../../runtime/attempts.ts'
import type { WatchedTopic } from '../../runtime/environment.ts'
import type { Machine } from '../in-process-port.ts'
import type { SeededRandom } from '../seeded-random.ts'
import { Downstream, type HandlerCall, handlerCalls } from './downstream.ts'
import type { Reading } from './guarantees.ts'
import { addressOf, type At, type DeliveryLog } from './log.ts'
import type { CallPlan } from './plan.ts'
import type { DeliveryStage } from './stage.ts'

export type StagedAppParts<D> = {
  readonly machine: Machine
  readonly name: string
  readonly life: string
  readonly downstream: D
  readonly calls: CallPlan
  readonly random: SeededRandom
  readonly log: DeliveryLog
  /** What a handler returns for a record that its filter leaves out. */
  readonly filtered: symbol
  readonly onReading: (reading: Reading, waitsMs: number) => void
  readonly onFaulty: () => void
  /** Which of the messages that were sent lies there; undefined for what the app sent itself. */
  readonly indexOf: (source: At) => number | undefined
  /** Something happened with a record. */
  readonly onMoment: (source: At) => void
  /** Nothing will ever go on: the error ends the whole check, the reason only this run. */
  readonly onHopeless: (why: { readonly error: unknown } | { readonly reason: string }) => void
}

/** Mistakes of whoever wrote the app or its settings: no fault of ours leads to them, and no second start mends
 *  them. */
const fatalCodes: readonly string[] = ['SETTINGS_INVALID', 'NOT_BUILT', 'TOPIC_MISSING', 'OWN_TOPIC_INVALID']
const startRetryMs = 1_000

export class StagedApp<D> {
  readonly name: string
  readonly #parts: StagedAppParts<D>
  readonly #downstream: Downstream
  #app: Holdfast | null = null
  /** Calls of handlers that have not ended, the oldest first. */
  readonly #open = new Map<number, At>()
  #isOver = false

  constructor(parts: StagedAppParts<D>) {
    const { name, machine, random, calls: plan, log } = parts
    this.name = name
    this.#parts = parts
    const onMoment = (source: At): void => this.#moment(source)
    this.#downstream = new Downstream({ machine: name, clock: machine.clock, random, plan, log, onMoment })
  }

  /** Calls the user's code. Time stands still meanwhile, so it may load modules. */
  async build(build: (stage: DeliveryStage<D>) => Holdfast | Promise<Holdfast>): Promise<void> {
    const { machine, life, downstream, onFaulty } = this.#parts
    this.#app = await build({
      kafka: { environment: this.#environment() },
      downstream,
      machine: this.name,
      life,
      faulty: (call, name) => {
        onFaulty()
        return this.#downstream.faulty(call, name)
      },
      pass: (duration: Duration) =>
        new Promise((resolve) => {
          machine.clock.setTimer(parseDuration(duration, 'pass'), resolve)
        }),
    })
    this.#listen(this.#app)
  }

  /** Goes on until it runs: a broker that is away is no reason to give up. */
  async start(): Promise<void> {
    const { log, onHopeless } = this.#parts
    log.add({ kind: 'started', machine: this.name })
    while (!this.#isOver) {
      try {
        // Each start waits for the one before it.
        await this.#app?.start()
        break
      } catch (error) {
        if (error instanceof HoldfastError && fatalCodes.includes(error.code)) return onHopeless({ error })
        await this.#pass(startRetryMs)
      }
    }
    this.#app?.closed.catch((error: unknown) => {
      if (!this.#isOver) log.add({ kind: 'failed', machine: this.name, reason: describeThrown(error) })
    })
  }

  async stop(): Promise<void> {
    this.#parts.log.add({ kind: 'stopping', machine: this.name })
    await this.#app?.stop()
    this.#isOver = true
    this.#parts.log.add({ kind: 'stopped', machine: this.name })
  }

  crash(): void {
    this.#isOver = true
    this.#parts.machine.crash()
    this.#parts.log.add({ kind: 'crashed', machine: this.name })
  }

  /** Ends it without a word, because the run is over. */
  discard(): void {
    this.#isOver = true
    this.#parts.machine.crash()
  }

  /** Why it is not done, as far as it can be seen from outside; empty if nothing is wrong. */
  explain(): string {
    const open = this.#open.values().next().value
    const reasons = this.#app?.health().reasons ?? []
    if (open === undefined) return reasons.join('; ')
    const hint = 'if it waits for the real world, give it pass() or faulty() to wait for'
    return [`its handler of ${addressOf(open)} has not settled (${hint})`, ...reasons].join('; ')
  }

  /** Names of its calls of the downstream that failed or hung. */
  get faulted(): readonly string[] {
    return this.#downstream.faulted
  }

  /** Brokers see who asks. */
  #environment(): Environment {
    const { clock, bootstrap } = this.#parts.machine
    return {
      clock,
      bootstrap,
      openPort: () => {
        if (this.#app === null) return Promise.reject(startedTooEarly())
        return this.#parts.machine.openPort({ clientId: this.name })
      },
      watch: (watched) => this.#watch(watched),
    }
  }

  #watch({ group, topic, settings, handle }: WatchedTopic): RecordHandler {
    const { order, attemptTimeoutMs, abortGraceMs, deadLetters, inPlaceDelaysMs, delaysMs } = settings
    const isDelayTopic = topic !== settings.topic
    const waitsMs = [...inPlaceDelaysMs, ...delaysMs].reduce((sum, ms) => sum + ms, 0)
    const attemptsMax = 1 + inPlaceDelaysMs.length + delaysMs.length
    const bounds = { order, attemptTimeoutMs, abortGraceMs }
    this.#parts.onReading({ group, topic, ...bounds, isDelayTopic, deadLetters: deadLetters?.topic ?? null }, waitsMs)
    return (record, owner, context) => {
      const at = { topic, partition: owner.partition, offset: record.offset }
      const source = isDelayTopic ? (sourceOf(readHandedOff(record.headers).source) ?? at) : at
      const who = { machine: this.name, group, ...at, run: this.#parts.log.nextRun() }
      return this.#attend(who, { source, attemptsMax, context }, () => handle(record, owner, context))
    }
  }

  #attend(
    who: { readonly machine: string; readonly group: string; readonly run: number } & At,
    { source, attemptsMax, context }: { source: At; attemptsMax: number; context: AttemptContext },
    handle: () => unknown,
  ): unknown {
    const { log, filtered, indexOf } = this.#parts
    const { attempt } = context
    log.add({ kind: 'began', ...who, source, attempt })
    this.#open.set(who.run, who)
    this.#moment(source)
    const end = (result: 'done' | 'failed', thrown?: unknown): void => {
      this.#open.delete(who.run)
      if (this.#isOver) return
      const reason = result === 'failed' ? describeThrown(thrown, reasonCharactersMax) : null
      log.add({ kind: 'ended', ...who, result: result === 'done' && thrown === filtered ? 'filtered' : result, reason })
      this.#moment(source)
    }
    const call: HandlerCall = {
      run: who.run,
      source,
      name: String(indexOf(source) ?? addressOf(source)),
      attempt,
      attemptsMax,
      signal: () => context.signal,
      calls: 0,
    }
    let returned: unknown
    try {
      returned = handlerCalls.run(call, handle)
    } catch (error) {
      end('failed', error)
      throw error
    }
    if (!isThenable(returned)) {
      end('done', returned)
      return returned
    }
    return Promise.resolve(returned).then(
      (value) => {
        end('done', value)
        return value
      },
      (error: unknown) => {
        end('failed', error)
        throw error
      },
    )
  }

  #listen(app: Holdfast): void {
    const { machine, log, onHopeless } = this.#parts
    const { name } = this
    app.on('attempt.failed', ({ group, at: { topic, partition }, offset, attempt, retryInMs }) => {
      const dueMs = retryInMs === null ? null : machine.clock.monotonicMs() + retryInMs
      log.add({ kind: 'retryAnnounced', machine: name, group, topic, partition, offset, attempt, dueMs })
    })
    app.on('attempt.timedOut', ({ group, at: { topic, partition }, offset, attempt }) => {
      log.add({ kind: 'timedOut', machine: name, group, topic, partition, offset, attempt })
    })
    app.on('record.handedOff', ({ group, at: { topic, partition }, offset }) => {
      log.add({ kind: 'handedOff', machine: name, group, topic, partition, offset })
    })
    for (const left of ['partition.lost', 'partition.revoked'] as const) {
      app.on(left, ({ group, at: { topic, partition } }) => {
        log.add({ kind: 'left', machine: name, group, topic, partition })
      })
    }
    app.on('partition.blocked', ({ at: { topic, partition }, offset, error }) => {
      const why = `nothing can be done with ${topic} ${partition}/${offset}, and there is no topic for dead letters`
      onHopeless({ reason: `${why}: ${describeThrown(error, reasonCharactersMax)}` })
    })
  }

  #moment(source: At): void {
    if (!this.#isOver) this.#parts.onMoment(source)
  }

  #pass(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#parts.machine.clock.setTimer(ms, resolve)
    })
  }
}

const reasonCharactersMax = 200

function sourceOf(source: ReturnType<typeof readHandedOff>['source']): At | null {
  if (source === null || source.partition === null || source.offset === null) return null
  const { topic, partition, offset } = source
  return { topic, partition, offset }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}

function startedTooEarly(): HoldfastError {
  return new HoldfastError(
    'NOT_STARTED',
    'expected an app that was not started yet, got one that starts while it is built',
    {
      remedy: 'Leave start() to expectDelivery: it starts, stops and crashes the app itself.',
    },
  )
}
