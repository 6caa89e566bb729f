/** One run of an app, from `start` to `stop`: opens a port for each member and for the producer, checks that Kafka and the
 *  topics are there, and ends everything in order (R32): quiet, drain, flush, final commit, leave, close. */
import type { MemberHealth } from '../engine/status.ts'
import { HoldfastError } from '../model/errors.ts'
import type { AppSettings, GroupSettings } from '../model/settings.ts'
import type { Emitter } from '../observe/emitter.ts'
import type { Logger } from '../observe/log.ts'
import type { RecordHandler } from './attempts.ts'
import { BrokerTime } from './broker-time.ts'
import { Cluster } from './cluster.ts'
import type { Environment, OpenPort } from './environment.ts'
import { HandOffs } from './hand-off.ts'
import { MemberLoop, type MemberResult } from './member-loop.ts'
import { type OwnTopics, prepareOwnTopics } from './own-topics.ts'
import { Producer } from './producer.ts'
import { wait } from './wait.ts'

export type RunningAppParts = {
  readonly settings: AppSettings
  readonly environment: Environment
  readonly emitter: Emitter
  readonly logger: Logger
  /** By group and topic. */
  readonly handlers: ReadonlyMap<string, ReadonlyMap<string, RecordHandler>>
  readonly onFailed: (error: Error) => void
}

export type StopResult = {
  /** Everything that ended was committed and nothing was cut short: a restart repeats nothing. */
  readonly clean: boolean
  /** Records that ended, only failed so far or were cut short, without an acknowledged commit that tells of it. */
  readonly uncommitted: number
  /** Attempts that were still running when the app gave up on them. */
  readonly abandoned: number
}

type OpenGroup = Connection & { readonly settings: GroupSettings; readonly ownTopics: OwnTopics }

type Connection = { readonly port: OpenPort; readonly cluster: Cluster }

/** How long a topic may be missing at the start: metadata of a topic that was just made takes a moment to spread. */
const topicPatienceMs = 2_000
const topicRetryMs = 100

export class RunningApp {
  readonly #parts: RunningAppParts
  readonly #members = new Map<string, MemberLoop>()
  readonly #ports: OpenPort[] = []
  readonly #clusters: Cluster[] = []
  readonly #starting = new AbortController()
  readonly #closing = new AbortController()
  #producer: Producer | null = null

  constructor(parts: RunningAppParts) {
    this.#parts = parts
  }

  /** Resolves when Kafka answered and every topic exists; members join from then on. On any failure everything is closed
   *  again and the error says what is missing. */
  async start(): Promise<void> {
    const { settings } = this.#parts
    try {
      const [producing, ...connected] = await Promise.all([
        this.#connect(),
        ...settings.groups.map((group) => this.#openGroup(group)),
      ])
      // One group may read what another one has only now seen to.
      await Promise.all(connected.map((group) => this.#trackAll(group)))
      const { handOffs, brokerTime } = this.#openProducer(producing, connected)
      const members = connected.map((each) => this.#memberOf(each, handOffs, brokerTime))
      for (const member of members) this.#members.set(member.settings.group, member)
      for (const member of members) member.start()
    } catch (error) {
      this.close()
      throw error
    }
  }

  async #connect(): Promise<Connection> {
    const { settings, environment, emitter } = this.#parts
    const port = await environment.openPort({
      clientId: settings.clientId,
      onWarning: (reason) => emitter.emit('connection.insecure', { reason }),
    })
    this.#ports.push(port)
    const { clock, bootstrap } = environment
    const { requestTimeoutMs } = settings.producer
    const cluster = new Cluster({ port, clock, bootstrap, requestTimeoutMs, emit: emitter.emit })
    this.#clusters.push(cluster)
    await cluster.connect({ timeoutMs: settings.startTimeoutMs, signal: this.#starting.signal })
    return { port, cluster }
  }

  /** One producer for what the user sends and for records that leave their partition. */
  #openProducer(
    { port, cluster }: Connection,
    groups: readonly OpenGroup[],
  ): { handOffs: HandOffs; brokerTime: BrokerTime } {
    const { settings, environment, emitter } = this.#parts
    const { clock } = environment
    const producer = new Producer({ port, cluster, clock, settings: settings.producer, emit: emitter.emit })
    this.#producer = producer
    const delayTopics = settings.groups.flatMap(({ subscriptions }) =>
      subscriptions.flatMap((each) => each.delayTopics),
    )
    const own = new Set(delayTopics.map(({ topic }) => topic))
    const brokerTime = new BrokerTime(clock.epochMs() - clock.monotonicMs())
    const handOffs = new HandOffs({
      producer,
      cluster,
      clock,
      brokerTime,
      isOwnTopic: (topic) => own.has(topic),
      // Each group knows of its own topics only.
      ensure: async (topic) => void (await Promise.all(groups.map(({ ownTopics }) => ownTopics.ensure(topic)))),
      signal: this.#closing.signal,
    })
    return { handOffs, brokerTime }
  }

  async #openGroup(wanted: GroupSettings): Promise<OpenGroup> {
    const { environment, logger } = this.#parts
    const connection = await this.#connect()
    const { cluster, port } = connection
    const own = new Set(this.#parts.settings.groups.flatMap(ownTopicsOf))
    const sources = wanted.subscriptions.map((each) => each.topic).filter((topic) => !own.has(topic))
    cluster.track(sources)
    await this.#findTopics(cluster, sources)
    const { clock } = environment
    const { requestTimeoutMs } = wanted
    const { signal } = this.#starting
    const timeoutMs = this.#parts.settings.startTimeoutMs
    const drainedSignal = this.#closing.signal
    const ownTopics = await prepareOwnTopics(
      { port, cluster, clock, requestTimeoutMs, timeoutMs, signal, drainedSignal },
      wanted,
    )
    for (const warning of ownTopics.warnings) logger.warn({ group: wanted.group }, warning)
    return { ...connection, settings: withDeadLetters(wanted, ownTopics), ownTopics }
  }

  async #trackAll({ cluster, settings }: OpenGroup): Promise<void> {
    const { subscriptions } = settings
    const delayTopics = subscriptions.flatMap((each) => each.delayTopics.map(({ topic }) => topic))
    const topics = subscriptions.map((each) => each.topic)
    if ([...topics, ...delayTopics].every((topic) => cluster.topic(topic) !== undefined)) return
    cluster.track([...topics, ...delayTopics])
    await this.#findTopics(cluster, topics)
  }

  #memberOf({ port, cluster, settings }: OpenGroup, handOffs: HandOffs, brokerTime: BrokerTime): MemberLoop {
    const { environment, emitter, logger, handlers, onFailed } = this.#parts
    return new MemberLoop({
      settings,
      port,
      cluster,
      clock: environment.clock,
      emitter,
      handOffs,
      brokerTime,
      logger,
      handlers: handlers.get(settings.group) ?? new Map(),
      onFailed,
    })
  }

  async #findTopics(cluster: Cluster, topics: readonly string[]): Promise<void> {
    const { clock } = this.#parts.environment
    const untilMs = clock.monotonicMs() + topicPatienceMs
    for (;;) {
      await Promise.race([cluster.refresh('start'), this.#timeUp(cluster)])
      const missing = topics.filter((topic) => (cluster.topic(topic)?.partitions.length ?? 0) === 0)
      if (missing.length === 0) return
      if (clock.monotonicMs() >= untilMs) throw topicsMissing(missing)
      await wait(clock, topicRetryMs, this.#starting.signal)
      if (this.#starting.signal.aborted) throw new HoldfastError('STOPPED', 'the app was stopped while it started')
    }
  }

  /** A refresh repeats until it is answered; a start does not wait that long. */
  async #timeUp(cluster: Cluster): Promise<never> {
    const { settings, environment } = this.#parts
    await wait(environment.clock, settings.startTimeoutMs, this.#starting.signal)
    throw new HoldfastError(
      'BROKER_UNREACHABLE',
      `expected the metadata of all topics within ${settings.startTimeoutMs} ms from ${cluster.nodes.length} brokers, got none`,
      { retriable: true, remedy: 'Check that the brokers can be reached from here, not only the bootstrap address.' },
    )
  }

  memberOf(group: string): MemberLoop | undefined {
    return this.#members.get(group)
  }

  get producer(): Producer | null {
    return this.#producer
  }

  health(): readonly MemberHealth[] {
    return [...this.#members.values()].map((member) => member.health())
  }

  /** Idle and connected: well below a second. With handlers running: at most the drain and a moment. With a broker that
   *  does not answer: the budget of the final commit and a moment. */
  async stop(): Promise<StopResult> {
    const { drainMs, finalCommitMs } = this.#parts.settings.stop
    this.#starting.abort()
    const members = [...this.#members.values()]
    await Promise.all(members.map((member) => member.drain(drainMs)))
    // What handlers sent must be stored before the commit that says that they are done.
    const { clock } = this.#parts.environment
    const untilMs = clock.monotonicMs() + finalCommitMs
    const isFlushed = await this.#flush(finalCommitMs / 2)
    const leftMs = untilMs - clock.monotonicMs()
    const results = await Promise.all(members.map((member) => member.leave(leftMs)))
    this.close()
    return sumOf(results, isFlushed)
  }

  async #flush(timeoutMs: number): Promise<boolean> {
    try {
      await this.#producer?.flush({ timeoutMs })
      return true
    } catch {
      // Each of these sends rejects for whoever sent it.
      return false
    }
  }

  /** Ends everything at once, without commits. */
  close(): void {
    this.#starting.abort()
    this.#closing.abort()
    this.#producer?.close()
    for (const member of this.#members.values()) member.close()
    for (const cluster of this.#clusters) cluster.close()
    for (const port of this.#ports) port.close()
  }
}

function ownTopicsOf({ subscriptions }: GroupSettings): string[] {
  return subscriptions.flatMap(({ delayTopics, deadLetters }) => [
    ...delayTopics.map(({ topic }) => topic),
    ...(deadLetters === null ? [] : [deadLetters.topic]),
  ])
}

/** A dead-letter topic that nobody asked for is used if it is there or may be made. */
function withDeadLetters(settings: GroupSettings, { deadLetterTopics }: OwnTopics): GroupSettings {
  const subscriptions = settings.subscriptions.map((each) =>
    (deadLetterTopics.get(each.topic) ?? null) === null ? { ...each, deadLetters: null } : each,
  )
  return { ...settings, subscriptions }
}

function sumOf(results: readonly MemberResult[], isFlushed: boolean): StopResult {
  const uncommitted = results.reduce((sum, result) => sum + result.uncommitted, 0)
  const abandoned = results.reduce((sum, result) => sum + result.abandoned, 0)
  return { clean: isFlushed && uncommitted === 0 && abandoned === 0, uncommitted, abandoned }
}

function topicsMissing(topics: readonly string[]): HoldfastError {
  const names = topics.join(', ')
  return new HoldfastError('TOPIC_MISSING', `expected the topics ${names} to exist, got no partitions for them`, {
    remedy: 'Create them first: a consumer does not create what it reads.',
  })
}
