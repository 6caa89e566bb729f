/** One process of the toolkit in a history: a machine, an app on it, and a handler that behaves as the plan says. Writes
 *  down everything that its handler sees; what Holdfast says is kept as text. */

import {
  createHoldfast,
  type Environment,
  type HandlerContext,
  type Holdfast,
  HoldfastError,
  type Logger,
  type Message,
  NonRetriableError,
  RetryAfterError,
  text,
  topic,
} from 'holdfast'
import { type Machine, type SeededRandom } from 'holdfast/testing'
import { type HoldfastEvents } from '../../packages/holdfast/src/observe/events.ts'
import { type Plan } from './plan.ts'
import { abortGraceMs, attemptTimeoutMs, deliveryTimeoutMs } from './terms.ts'
import { type At, type Fate, groupName, isFiltered, topicName, type Trace } from './trace.ts'
import { watchedPort } from './wire-watch.ts'

const startRetryMs = 1_000

/** The value of a record is its fate; one of them is a value that nobody can read. */
const fates = {
  ...text(),
  decode: (value: Uint8Array | null): Fate => {
    const fate = (Buffer.from(value ?? []).toString() || 'fine') as Fate
    if (fate === 'undecodable') throw new TypeError('this is no value')
    return fate
  },
}

type AppParts = {
  readonly plan: Plan
  readonly trace: Trace
  readonly machine: Machine
  readonly random: SeededRandom
  /** Whether what handlers depend on is away, so that whatever may fail, fails. */
  readonly isAway: () => boolean
}

export class AppUnderTest {
  readonly name: string
  readonly machine: Machine
  readonly #plan: Plan
  readonly #trace: Trace
  readonly #random: SeededRandom
  readonly #places = new PlaceLogger()
  readonly #app: Holdfast
  readonly #consumer: ReturnType<Holdfast['consume']>
  readonly #isAway: () => boolean
  #isOver = false

  constructor(name: string, parts: AppParts) {
    const { plan, trace, machine, random, isAway } = parts
    this.#isAway = isAway
    this.name = name
    this.machine = machine
    this.#plan = plan
    this.#trace = trace
    this.#random = random
    this.#app = createHoldfast({
      group: groupName,
      kafka: { environment: knownByName(machine, name, trace) },
      profile: 'test',
      log: this.#places,
      topics: plan.ownTopics,
      protocol: plan.protocol,
      deliveryTimeout: deliveryTimeoutMs,
      drainAtRevoke: plan.terms.drainAtRevokeMs,
      drainAtStop: plan.terms.drainAtStopMs,
      partitionFetchBytes: plan.partitionFetchBytes,
      heldBytes: plan.heldBytes,
    })
    const options = {
      concurrency: plan.concurrency,
      order: plan.order,
      attemptTimeout: attemptTimeoutMs,
      abortGrace: abortGraceMs,
      bufferedRecords: plan.bufferedRecords,
      parkedRecords: plan.parkedRecords,
      retry: { inPlace: plan.retries.inPlaceMs, delays: plan.retries.delaysMs, buckets: plan.retries.bucketsMs },
      whileRetrying: plan.retries.whileRetrying,
      deadLetters: plan.retries.deadLetters,
      filter: (message: Message<Fate>) => this.#accepts(message),
    }
    this.#consumer = this.#app.consume(topic(topicName, { value: fates }), options, (message, context) =>
      this.#handle(message, context),
    )
    this.#listen()
  }

  /** Goes on until it runs: a broker that is away at the start is no reason to give up. */
  async start(): Promise<void> {
    this.#trace.add({ kind: 'switchedOn', machine: this.name })
    while (!this.#isOver) {
      try {
        await this.#app.start()
        break
      } catch (error) {
        this.#say(`start failed: ${String(error)}`)
        await this.#sleep(startRetryMs)
      }
    }
    if (this.#isOver) return
    this.#trace.add({ kind: 'started', machine: this.name })
    this.#app.closed.catch((error: unknown) => {
      if (!this.#isOver) this.#trace.add({ kind: 'failed', machine: this.name, reason: String(error) })
    })
  }

  /** Writes down what its own books say about the records that it took. */
  count(): void {
    const status = this.#consumer.status()
    if (status === null) return
    const { accepted, ...ends } = status.counts
    const unfinished = status.partitions.reduce((sum, partition) => sum + partition.buffered + partition.waiting, 0)
    const accounted = Object.values(ends).reduce((sum, count) => sum + count, 0) + unfinished
    this.#trace.add({ kind: 'counted', machine: this.name, accepted, accounted, alreadyDone: ends.alreadyDone })
  }

  async stop(): Promise<void> {
    await new Promise<void>((resolve) => this.machine.whenAwake(resolve))
    this.#trace.add({ kind: 'stopping', machine: this.name })
    this.#isOver = true
    const { clean, uncommitted } = await this.#app.stop()
    this.#trace.add({ kind: 'stopped', machine: this.name, clean, uncommitted })
  }

  crash(): void {
    this.#isOver = true
    this.machine.crash()
    this.#trace.add({ kind: 'crashed', machine: this.name })
  }

  /** What a user of the app asks for. */
  pause(): void {
    this.machine.whenAwake(() => {
      if (this.#isOver) return
      void this.#consumer.pause()
      this.#trace.add({ kind: 'paused', machine: this.name })
    })
  }

  resume(): void {
    this.machine.whenAwake(() => {
      if (this.#isOver) return
      this.#trace.add({ kind: 'resumed', machine: this.name })
      void this.#consumer.resume()
    })
  }

  explain(): string {
    return [...this.#consumer.explain(), ...this.#app.health().reasons].join('; ')
  }

  get isOver(): boolean {
    return this.#isOver
  }

  #accepts(message: Message<Fate>): boolean {
    const source = sourceOf(message)
    if (!isFiltered(source.offset, this.#plan.filtersEvery)) return true
    this.#trace.add({ kind: 'filtered', machine: this.name, ...source })
    return false
  }

  #handle(message: Message<Fate>, context: HandlerContext): Promise<void> | void {
    const source = sourceOf(message)
    const { attempt } = context
    const run = this.#trace.nextRun()
    const at = { machine: this.name, ...this.#places.placeOf(context), run }
    this.#trace.add({ kind: 'began', ...at, source, attempt })
    const random = this.#random.stream(`${source.partition}/${source.offset}/${attempt}`)
    const { handler, retries } = this.#plan
    const isLost = message.value !== 'fine'
    const mayFail = attempt < retries.attemptsMax
    const fails = ((random.chance(handler.fails) || this.#isAway()) && mayFail) || isLost
    // Who hangs does not get to say that nothing can help.
    const hangs = random.chance(handler.hangs) && mayFail && !isLost
    const ignoresAbort = random.chance(handler.ignoresAbort) && attempt === 1 && mayFail && !isLost
    const latencyMs = random.fraction() * handler.latencyMaxMs
    const wait = random.chance(retries.asksForWait) ? random.pick(retries.askedWaitsMs) : null
    const end = (result: 'done' | 'failed'): void => {
      // Whatever it throws after its abort, it failed because its time was up.
      const asksMs = wait === null || isHopeless(message.value, attempt) || context.signal.aborted ? null : wait
      this.#trace.add({ kind: 'ended', ...at, result, ...(result === 'failed' ? { asksMs } : {}) })
      if (result === 'failed') throw failureOf(message.value, attempt, wait)
    }
    if (random.chance(handler.sync)) return end(fails ? 'failed' : 'done')
    const onAbort = (): void => {
      const isCutShort = codeOf(context.signal.reason) === 'ABORTED'
      this.#trace.add({ kind: 'aborted', ...at, ...(isCutShort ? { isCutShort } : {}) })
    }
    context.signal.addEventListener('abort', onAbort, { once: true })
    if (hangs) return untilAborted(context.signal).then(() => end('failed'))
    const lateMs = ignoresAbort ? attemptTimeoutMs + random.fraction() * 4 * abortGraceMs : latencyMs
    return this.#sleep(lateMs).then(() => end(fails && !ignoresAbort ? 'failed' : 'done'))
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.machine.clock.setTimer(ms, resolve)
    })
  }

  #listen(): void {
    const { clock } = this.machine
    this.#app.on('attempt.failed', ({ at, offset, attempt, retryInMs }) => {
      const dueMs = retryInMs === null ? null : clock.monotonicMs() + retryInMs
      this.#trace.add({ kind: 'retryAnnounced', machine: this.name, ...at, offset, attempt, dueMs })
    })
    this.#app.on('record.handedOff', ({ at, offset }) => {
      this.#trace.add({ kind: 'handedOff', machine: this.name, ...at, offset })
    })
    for (const name of ['partition.lost', 'partition.revoked'] as const) {
      this.#app.on(name, ({ at }) => {
        this.#trace.add({ kind: 'left', machine: this.name, isRevoked: name === 'partition.revoked', ...at })
      })
    }
    for (const name of eventsForReaders) {
      this.#app.on(name, (event: object) => this.#say(`${name} ${JSON.stringify(event, shortly)}`))
    }
  }

  #say(what: string): void {
    this.#trace.add({ kind: 'said', machine: this.name, what })
  }
}

const eventsForReaders: readonly (keyof HoldfastEvents)[] = [
  'connection.failed',
  'group.joined',
  'group.rebalancing',
  'group.lost',
  'group.left',
  'group.stalled',
  'partition.assigned',
  'partition.revoked',
  'partition.paused',
  'partition.resumed',
  'partition.reset',
  'partition.blocked',
  'attempt.timedOut',
  'attempt.zombie',
  'attempt.stale',
  'record.handOffFailed',
  'commit.marksIgnored',
  'commit.failed',
  'fetch.failed',
  'fetch.corrupt',
]

/** The broker sees who asks, and the trace what. */
function knownByName(machine: Machine, clientId: string, trace: Trace): Environment {
  const { clock, bootstrap } = machine
  return { clock, bootstrap, openPort: async () => watchedPort(await machine.openPort({ clientId }), clientId, trace) }
}

/** Writes nothing. What is bound to a line tells where the record of its attempt was read, which a message does not. */
class PlaceLogger implements Logger {
  #place: At | null = null

  readonly debug = (): void => undefined
  readonly info = (): void => undefined
  readonly warn = (): void => undefined
  readonly error = (): void => undefined

  child({ topic: name, partition, offset }: Record<string, unknown>): Logger {
    const place = { topic: name, partition, offset } as At
    const note = (): void => {
      this.#place = place
    }
    return { debug: note, info: note, warn: note, error: note }
  }

  /** Of the record whose attempt has this context. */
  placeOf({ log }: HandlerContext): At {
    this.#place = null
    log.debug({}, 'where am I?')
    if (this.#place === null) throw new RangeError('expected the log of an attempt to know its place')
    return this.#place
  }
}

function sourceOf({ topic: name, partition, offset }: Message<Fate>): At {
  return { topic: name, partition, offset }
}

/** Without a stack, which is half the price of a failed attempt and the same for all of them. */
function failureOf(fate: Fate, attempt: number, waitMs: number | null): Error {
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  try {
    if (isHopeless(fate, attempt)) return new NonRetriableError('nothing can help')
    return waitMs === null ? new Error('planned failure') : new RetryAfterError(waitMs)
  } finally {
    Error.stackTraceLimit = stackTraceLimit
  }
}

function isHopeless(fate: Fate, attempt: number): boolean {
  const [kind, from] = fate.split(' ')
  return kind === 'hopeless' && attempt >= Number(from)
}

function shortly(key: string, value: unknown): unknown {
  if (key === 'group' || key === 'topic') return undefined
  return value instanceof Error ? value.message : value
}

function codeOf(reason: unknown): string | null {
  return reason instanceof HoldfastError ? reason.code : null
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
