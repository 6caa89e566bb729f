/** The app as its user holds it: topics are subscribed to and written, everything starts and stops together. It keeps
 *  what was said before the start, checks it all at once in `start()`, and connects nothing before. */
import type { HoldfastEventName } from '../observe/events.ts'
import { HoldfastError, SettingsError, type SettingsIssue } from '../model/errors.ts'
import { type AnyListener, Emitter, type Listener } from '../observe/emitter.ts'
import { harmless, type Logger, standardErrorLogger } from '../observe/log.ts'
import { logEvents } from '../observe/log-events.ts'
import type { SubscriptionSettings } from '../model/settings.ts'
import { systemClock } from '../runtime/clock.ts'
import type { Environment } from '../runtime/environment.ts'
import type { RecordHandler } from '../runtime/attempts.ts'
import type { RunningApp, StopResult } from '../runtime/running-app.ts'
import { Consumer } from './consumer.ts'
import type { KafkaTarget } from './kafka-options.ts'
import type { AppOptions, ConsumeOptions } from './options.ts'
import { type Handler, recordHandlers } from './record-handler.ts'
import { type RunOptions, runUntilSignal } from './run.ts'
import { type Outgoing, outgoingRecord, type Sent, sentOf } from './send.ts'
import { type ResolvedSettings, resolveSettings, type Subscription } from './settings.ts'
import type { Topic } from './topic.ts'

export type Health = {
  /** There is progress, or nothing to do. False means: restart this process. Never false because a broker is away. */
  readonly live: boolean
  /** Connected, joined and not draining. */
  readonly ready: boolean
  /** Why not, and what somebody should know all the same; empty when all is well. */
  readonly reasons: readonly string[]
}

type Phase = 'new' | 'starting' | 'running' | 'stopping' | 'stopped'

type Registered = Subscription & {
  readonly consumer: Consumer
  /** Makes what the records are handed to; called once everything is known to make sense. */
  readonly handlers: (settings: SubscriptionSettings, group: string) => ReadonlyMap<string, RecordHandler>
}

/** Makes an app. Nothing is checked and nothing connects before `start()`. */
export function createHoldfast(options: AppOptions = {}): Holdfast {
  return new Holdfast(options)
}

export class Holdfast {
  readonly #options: AppOptions
  readonly #emitter: Emitter
  readonly #subscriptions: Registered[] = []
  readonly #refused: SettingsIssue[] = []
  #phase: Phase = 'new'
  #running: RunningApp | null = null
  #starting: Promise<void> = Promise.resolve()
  /** A start that waits for the stop under way. */
  #restart: Promise<void> | null = null
  #stopping: Promise<StopResult> | null = null
  #closed = Promise.withResolvers<StopResult>()
  #endLogging: () => void = () => undefined

  constructor(options: AppOptions) {
    this.#options = options
    this.#emitter = new Emitter()
  }

  /** Subscribes a handler to a topic. Throws a SettingsError once the app has started; everything else that is wrong is
   *  told by `start()`. */
  consume<In, Out>(topic: Topic<In, Out>, options: ConsumeOptions<Out>, handler: Handler<Out>): Consumer {
    if (this.#phase !== 'new' && this.#phase !== 'stopped') throw consumeTooLate(topic)
    const consumer = new Consumer(topic?.name, options?.concurrency)
    const handlers: Registered['handlers'] = (settings, group) =>
      recordHandlers({ topic, filter: options?.filter, handler }, settings, group)
    this.#subscriptions.push({ topic, options, handler, consumer, handlers })
    return consumer
  }

  /** Batches are not built yet: `start()` refuses them. */
  consumeBatch(topic: Topic<never, unknown>, ..._rest: unknown[]): void {
    this.#refused.push({
      option: `consumeBatch(${topic?.name})`,
      problem: 'batch handlers are not built yet',
      remedy: 'Use consume() for now.',
    })
  }

  /** Checks all settings, connects, checks the topics and begins to join. Blocks up to `startTimeout`. Called again while
   *  it runs it does nothing; during or after a stop it starts anew.
   *  Throws SettingsError with every problem, BROKER_UNREACHABLE, AUTHENTICATION_FAILED, TOPIC_MISSING, STOPPED. */
  start(): Promise<void> {
    if (this.#phase === 'stopping') return this.#startAfterStop()
    if (this.#phase === 'new' || this.#phase === 'stopped') this.#starting = this.#start()
    return this.#starting
  }

  /** Many calls during one stop are one start; a stop that follows takes it back. */
  #startAfterStop(): Promise<void> {
    this.#restart ??= this.#waitForStop(this.#stopping)
    return this.#restart
  }

  async #waitForStop(stopping: Promise<StopResult> | null): Promise<void> {
    await stopping
    if (this.#restart === null) throw new HoldfastError('STOPPED', 'the app was stopped again before it had started')
    this.#restart = null
    await this.start()
  }

  async #start(): Promise<void> {
    if (this.#phase === 'stopped') this.#closed = Promise.withResolvers()
    // Whoever does not ask for `closed` must not be ended by it; the error is told as an event and by `start` too.
    this.#closed.promise.catch(() => undefined)
    this.#phase = 'starting'
    this.#stopping = null
    try {
      const resolved = this.#resolve()
      await this.#run(resolved)
    } catch (error) {
      // A stop under way tells `closed` itself: it was asked for and is no failure.
      if (!this.#isStopping) {
        this.#end()
        this.#closed.reject(error)
        this.#endLogging()
      }
      throw error
    }
  }

  get #isStopping(): boolean {
    return this.#phase === 'stopping'
  }

  #resolve(): ResolvedSettings {
    let issues = this.#refused
    try {
      const resolved = resolveSettings(this.#options, this.#subscriptions, process.env)
      if (issues.length === 0) return resolved
    } catch (error) {
      if (!(error instanceof SettingsError)) throw error
      issues = [...issues, ...error.issues]
    }
    throw new SettingsError(issues)
  }

  async #run(resolved: ResolvedSettings): Promise<void> {
    const { settings, groupOf, subscriptionOf, kafka, log, warnings } = resolved
    const environment = environmentOf(kafka, settings.producer.requestTimeoutMs)
    const logger = harmless(log.logger ?? standardErrorLogger(log.level))
    this.#endLogging()
    this.#endLogging = logEvents(this.#emitter, logger, () => environment.clock.monotonicMs())
    for (const warning of warnings) logger.warn({}, warning)
    const handlers = this.#handlersOf(resolved, environment)
    const onFailed = (error: Error): void => this.#fail(error)
    // Loaded by who starts an app, not by who imports `holdfast`: two thirds of the code is in there.
    const runtime = await import('../runtime/running-app.ts')
    this.#stayStarting()
    const running = new runtime.RunningApp({
      settings,
      environment,
      emitter: this.#emitter,
      logger,
      handlers,
      onFailed,
    })
    this.#running = running
    await running.start()
    if (this.#phase !== 'starting') running.close()
    this.#stayStarting()
    this.#phase = 'running'
    for (const [index, { consumer }] of this.#subscriptions.entries()) {
      const member = running.memberOf(groupOf[index] ?? '')
      const topic = subscriptionOf[index]?.topic
      if (member !== undefined && topic !== undefined) Consumer.attach(consumer, member, topic)
    }
    const brokers = environment.bootstrap.map(({ host, port }) => `${host}:${port}`)
    this.#emitter.emit('app.started', { groups: settings.groups.map((each) => each.group), brokers })
  }

  /** Throws if the app was stopped while something was waited for. */
  #stayStarting(): void {
    if (this.#phase !== 'starting') throw new HoldfastError('STOPPED', 'the app was stopped while it started')
  }

  /** By group and topic, delay topics included. */
  #handlersOf(
    { settings, groupOf, subscriptionOf }: ResolvedSettings,
    environment: Environment,
  ): Map<string, Map<string, RecordHandler>> {
    const handlers = new Map(settings.groups.map(({ group }) => [group, new Map<string, RecordHandler>()]))
    for (const [index, registered] of this.#subscriptions.entries()) {
      const group = groupOf[index]
      const subscription = subscriptionOf[index]
      if (group === undefined || subscription === undefined) continue
      const ofGroup = handlers.get(group)
      for (const [topic, handle] of registered.handlers(subscription, group)) {
        ofGroup?.set(topic, environment.watch?.({ group, topic, settings: subscription, handle }) ?? handle)
      }
    }
    return handlers
  }

  /** Sends one message. Resolves when all in-sync replicas have it. Waits while `unsentBytes` is reached.
   *  Rejects with a SendError (`ambiguous` tells whether it may be stored), MESSAGE_INVALID, NOT_STARTED or TOPIC_MISSING. */
  async send<In, Out>(topic: Topic<In, Out>, message: Outgoing<In>): Promise<Sent> {
    const producer = this.#running?.producer
    if (producer === undefined || producer === null) {
      throw new HoldfastError(
        'NOT_STARTED',
        `expected a running app to send to ${topic.name}, got one that is ${this.#phase}`,
        {
          remedy: 'Await app.start() first.',
        },
      )
    }
    return sentOf(await producer.send(await outgoingRecord(topic, message)))
  }

  /** Sends many messages at once; resolves when all are stored, in their order. Rejects as soon as one fails; the others
   *  are still sent. */
  sendAll<In, Out>(topic: Topic<In, Out>, messages: readonly Outgoing<In>[]): Promise<Sent[]> {
    return Promise.all(messages.map((message) => this.send(topic, message)))
  }

  /** Listens to one event of the typed list, or to all with `'*'`; returns how to stop it. Listeners run between two steps
   *  of the consumer, so they should be quick; what they throw harms nobody. */
  on<N extends HoldfastEventName>(name: N, listener: Listener<N>): () => void
  on(name: '*', listener: AnyListener): () => void
  on(name: HoldfastEventName | '*', listener: AnyListener): () => void {
    return this.#emitter.on(name as '*', listener)
  }

  /** For liveness and readiness probes; cheap enough to ask every second. */
  health(): Health {
    if (this.#phase !== 'running' || this.#running === null) {
      return { live: true, ready: false, reasons: [`the app is ${this.#phase}`] }
    }
    const members = this.#running.health()
    const failures = members.flatMap((member) => member.failures)
    const outside = members.filter((member) => !member.isWorking)
    const warnings = members.flatMap((member) => member.warnings)
    const reasons = [...failures, ...outside.map((member) => `the membership is ${member.phase}`), ...warnings]
    return { live: failures.length === 0, ready: outside.length === 0, reasons }
  }

  /** Ends everything in order: no new records, running handlers end (up to `drainAtStop`, then aborted), sends are flushed,
   *  the last commit, leave, close. Never rejects. Called twice it stops once; before the start it does nothing. */
  stop(): Promise<StopResult> {
    this.#restart = null
    if (this.#phase === 'new') return Promise.resolve(nothingToStop)
    if (this.#phase === 'stopping' || this.#phase === 'stopped') return this.#stopping ?? Promise.resolve(nothingToStop)
    this.#stopping = this.#phase === 'starting' ? this.#stopStarting() : this.#stopRunning()
    return this.#stopping
  }

  async #stopStarting(): Promise<StopResult> {
    this.#phase = 'stopping'
    this.#emitter.emit('app.stopping', { reason: 'stop was called while the app started' })
    this.#running?.close()
    await this.#starting.catch(() => undefined)
    return this.#stopped(nothingToStop)
  }

  async #stopRunning(): Promise<StopResult> {
    this.#phase = 'stopping'
    this.#emitter.emit('app.stopping', { reason: 'stop was called' })
    return this.#stopped((await this.#running?.stop()) ?? nothingToStop)
  }

  #stopped(result: StopResult): StopResult {
    this.#end()
    this.#emitter.emit('app.stopped', result)
    this.#endLogging()
    this.#closed.resolve(result)
    return result
  }

  #end(): void {
    for (const { consumer } of this.#subscriptions) Consumer.detach(consumer)
    this.#running = null
    this.#phase = 'stopped'
  }

  /** The fatal path: no commit is possible any more, so nothing is waited for. */
  #fail(error: Error): void {
    if (this.#phase !== 'running') return
    this.#emitter.emit('app.failed', { error })
    this.#running?.close()
    this.#end()
    this.#closed.reject(error)
    this.#endLogging()
  }

  /** Settles when the app has stopped: resolves with the result of the stop, rejects with the error that ended it. */
  get closed(): Promise<StopResult> {
    return this.#closed.promise
  }

  /** For a program that is nothing but this app: starts, stops at SIGTERM, SIGINT or SIGQUIT (a second one ends the
   *  process at once) or at a fatal error, and resolves with the exit code, which it also sets on the process:
   *  0 clean · 1 failed · 2 settings · 4 Kafka cannot be reached or refuses us · 5 work was abandoned. */
  run(options: RunOptions = {}): Promise<number> {
    return runUntilSignal(this, options)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}

const nothingToStop: StopResult = { clean: true, uncommitted: 0, abandoned: 0 }

function environmentOf(kafka: KafkaTarget, connectTimeoutMs: number): Environment {
  if (kafka.kind === 'inProcess') return kafka.environment
  const { tls, sasl, bootstrap } = kafka
  return {
    clock: systemClock,
    bootstrap,
    openPort: async ({ clientId, onWarning }) => {
      const { createSocketPort } = await import('../kafka/socket-port.ts')
      const warn = ({ message }: { readonly message: string }): void => onWarning(message)
      return createSocketPort({ clientId, tls, sasl, connectTimeoutMs, onWarning: warn })
    },
  }
}

function consumeTooLate(topic: { readonly name: string }): SettingsError {
  return new SettingsError([
    {
      option: `consume(${topic.name})`,
      problem: 'expected before start(), got after it',
      remedy: 'Call consume first, or stop the app before adding to it.',
    },
  ])
}

export { type Logger }
