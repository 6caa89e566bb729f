/** What this process knows about brokers, leaders and coordinators, and how it finds out. Nothing else caches metadata.
 *
 *  It decides whom to ask, when to ask again and how long to back off. Which of two answers is newer is decided in
 *  `cluster-view.ts`; what a moved leader means for a fetch or a batch, by whoever was told "not leader". */
import { type Backoff, exponentialDelayMs } from '../engine/backoff.ts'
import {
  type KafkaApi,
  type KafkaPort,
  type NodeAddress,
  PortError,
  type RequestOf,
  type ResponseOf,
} from '../kafka/port.ts'
import { HoldfastError } from '../model/errors.ts'
import type { Emit } from '../observe/events.ts'
import type { Clock, Timer } from './clock.ts'
import { ClusterView, type LeaderView, type TopicView } from './cluster-view.ts'
import { wait } from './wait.ts'

export type { LeaderView, PartitionView, TopicView } from './cluster-view.ts'

/** New partitions are noticed after this long, moved leaders usually at once, because a broker says so. */
const refreshEveryMs = 30_000

const defaultBackoff: Backoff = { firstMs: 100, maxMs: 5_000 }

/** Codes of FindCoordinator that pass: loading, not available (the first group of a cluster has its offsets topic made
 *  while it waits), moved. */
const passingCoordinatorCodes: ReadonlySet<number> = new Set([14, 15, 16])
const groupAuthorizationFailed = 30
const groupKeyType = 0

export type ClusterParts = {
  readonly port: KafkaPort
  readonly clock: Clock
  readonly bootstrap: readonly NodeAddress[]
  readonly requestTimeoutMs: number
  readonly emit: Emit
  readonly backoff?: Backoff | undefined
}

export class Cluster {
  readonly #port: KafkaPort
  readonly #clock: Clock
  readonly #bootstrap: readonly NodeAddress[]
  readonly #requestTimeoutMs: number
  readonly #emit: Emit
  readonly #backoff: Backoff
  readonly #random: () => number
  readonly #view = new ClusterView()
  readonly #tracked = new Set<string>()
  readonly #listeners = new Set<() => void>()
  readonly #coordinators = new Map<string, NodeAddress>()
  readonly #lookups = new Map<string, Promise<NodeAddress>>()
  readonly #closing = new AbortController()
  #refreshing: Promise<boolean> | undefined
  #nextRefresh: Timer | undefined
  /** Who answered last is asked first: a dead or silent broker costs its timeout once, not at every refresh. */
  #lastAnswered: NodeAddress | undefined

  constructor(parts: ClusterParts) {
    this.#port = parts.port
    this.#clock = parts.clock
    this.#bootstrap = parts.bootstrap
    this.#requestTimeoutMs = parts.requestTimeoutMs
    this.#emit = parts.emit
    this.#backoff = parts.backoff ?? defaultBackoff
    this.#random = () => parts.clock.random()
  }

  /** First contact. Tries every bootstrap address in turn, each with a fair share of what is left, until one answers.
   *  Throws BROKER_UNREACHABLE at the deadline, AUTHENTICATION_FAILED as soon as one broker refuses the credentials,
   *  STOPPED when aborted or closed. From then on the metadata of tracked topics stays fresh. */
  async connect(options: { readonly timeoutMs: number; readonly signal?: AbortSignal | undefined }): Promise<void> {
    const signal = AbortSignal.any([this.#closing.signal, ...(options.signal === undefined ? [] : [options.signal])])
    const deadlineMs = this.#clock.monotonicMs() + options.timeoutMs
    const failures = new Map<string, PortError>()
    for (let rounds = 1; ; rounds++) {
      for (const [index, node] of this.#bootstrap.entries()) {
        const leftMs = deadlineMs - this.#clock.monotonicMs()
        if (leftMs <= 0) break
        const timeoutMs = Math.min(this.#requestTimeoutMs, leftMs / (this.#bootstrap.length - index))
        const failure = await this.#contact(node, timeoutMs, signal)
        if (signal.aborted) throw stopped('connecting')
        if (failure === undefined) return
        failures.set(nodeName(node), failure)
        if (failure.kind === 'auth') throw authenticationFailed(node, failure)
      }
      const waitMs = exponentialDelayMs(this.#backoff, rounds, this.#random)
      if (this.#clock.monotonicMs() + waitMs >= deadlineMs) throw unreachable(failures, options.timeoutMs)
      await wait(this.#clock, waitMs, signal)
      if (signal.aborted) throw stopped('connecting')
    }
  }

  /** Topics whose metadata is kept fresh from the next refresh on. */
  track(topics: readonly string[]): void {
    for (const topic of topics) this.#tracked.add(topic)
  }

  /** Resolves with true when metadata arrived that holds every tracked topic, with false when the cluster was closed
   *  first; never rejects, so it may float. Calls meanwhile share the request; after a failure of every known address it
   *  backs off with jitter and goes on. An answer may have been on its way already when a caller learned of a move, so
   *  whoever still finds the old leader afterwards waits and asks again. */
  refresh(reason: string): Promise<boolean> {
    if (this.#closing.signal.aborted) return Promise.resolve(false)
    this.#refreshing ??= this.#refreshUntilAnswered(reason).finally(() => {
      this.#refreshing = undefined
    })
    return this.#refreshing
  }

  /** Undefined when the last answer did not list the broker. */
  addressOf(nodeId: number): NodeAddress | undefined {
    return this.#view.addressOf(nodeId)
  }

  topic(name: string): TopicView | undefined {
    return this.#view.topic(name)
  }

  /** Undefined while no leader is elected or the metadata is not here yet. */
  leaderOf(topic: string, partition: number): LeaderView | undefined {
    return this.#view.leaderOf(topic, partition)
  }

  /** An answer named the new leader (Fetch from version 16 on): used at once unless a later one is known already. */
  learnLeader(
    topic: string,
    partition: number,
    leader: { readonly nodeId: number; readonly leaderEpoch: number; readonly address?: NodeAddress | undefined },
  ): void {
    if (this.#view.learnLeader(topic, partition, leader)) this.#tellListeners()
  }

  /** The group's coordinator, from memory or found out; concurrent calls share one search. Errors that pass are waited
   *  out for as long as it takes; others reject with AUTHORIZATION_FAILED or KAFKA_ERROR, `signal` and `close` with STOPPED. */
  coordinatorOf(group: string, options: { readonly signal?: AbortSignal | undefined } = {}): Promise<NodeAddress> {
    const known = this.#coordinators.get(group)
    if (known !== undefined) return Promise.resolve(known)
    let lookup = this.#lookups.get(group)
    if (lookup === undefined) {
      lookup = this.#findCoordinator(group).finally(() => this.#lookups.delete(group))
      this.#lookups.set(group, lookup)
    }
    return options.signal === undefined ? lookup : orStopped(lookup, options.signal)
  }

  /** After 14, 15, 16, a timeout or a disconnect. With `node` it forgets only if that one is still believed in, so that
   *  a late answer of the old coordinator does not discard the new one. */
  forgetCoordinator(group: string, node?: NodeAddress): void {
    const known = this.#coordinators.get(group)
    if (known === undefined || (node !== undefined && nodeName(node) !== nodeName(known))) return
    this.#coordinators.delete(group)
  }

  /** Calls back when brokers, partitions or leaders changed; returns how to stop it. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** The brokers of the last answer. */
  get nodes(): NodeAddress[] {
    return this.#view.nodes
  }

  /** Ends requests, waits and timers at once. The port belongs to whoever opened it. */
  close(): void {
    this.#closing.abort()
    this.#nextRefresh?.cancel()
    this.#listeners.clear()
  }

  async #contact(node: NodeAddress, timeoutMs: number, signal: AbortSignal): Promise<PortError | undefined> {
    try {
      const request = this.#metadataRequest()
      const answer = await this.#port.call(node, 'Metadata', request, { channel: 'main', timeoutMs, signal })
      this.#accept(node, answer)
      return undefined
    } catch (error) {
      if (!(error instanceof PortError)) throw error
      if (!signal.aborted) this.#tellFailure(node, error, 'first contact')
      return error
    }
  }

  async #refreshUntilAnswered(reason: string): Promise<boolean> {
    let failures = 0
    while (!this.#closing.signal.aborted) {
      const request = this.#metadataRequest()
      const answered = await this.#askAnyone('Metadata', request, `metadata (${reason})`)
      // A broker that has just started may know nobody, not even itself.
      if (answered !== undefined && answered.answer.brokers.length > 0) {
        this.#accept(answered.node, answered.answer)
        if (request.topics.length === this.#tracked.size) return true
      } else {
        failures++
        await this.#pause(failures)
      }
    }
    return false
  }

  async #findCoordinator(group: string): Promise<NodeAddress> {
    for (let failures = 1; !this.#closing.signal.aborted; failures++) {
      const request = { keyType: groupKeyType, keys: [group] } as const
      const answered = await this.#askAnyone('FindCoordinator', request, `coordinator of ${group}`)
      const found = answered?.answer.coordinators.find((coordinator) => coordinator.key === group)
      if (found?.errorCode === 0) {
        const node = { host: found.host, port: found.port }
        this.#coordinators.set(group, node)
        return node
      }
      if (found !== undefined && !passingCoordinatorCodes.has(found.errorCode)) {
        throw coordinatorRefused(group, found.errorCode, found.errorMessage)
      }
      await this.#pause(failures)
    }
    throw stopped(`looking for the coordinator of ${group}`)
  }

  /** One round over every address we know; undefined when nobody answered. */
  async #askAnyone<A extends KafkaApi>(
    api: A,
    request: RequestOf<A>,
    purpose: string,
  ): Promise<{ readonly node: NodeAddress; readonly answer: ResponseOf<A> } | undefined> {
    const { signal } = this.#closing
    for (const node of this.#candidates()) {
      try {
        const options = { channel: 'main', timeoutMs: this.#requestTimeoutMs, signal } as const
        const answer = await this.#port.call(node, api, request, options)
        this.#lastAnswered = node
        return { node, answer }
      } catch (error) {
        if (!(error instanceof PortError)) throw error
        if (signal.aborted) return undefined
        this.#tellFailure(node, error, purpose)
      }
    }
    return undefined
  }

  /** Who answered last, then the brokers from a random one on, so that not every process asks the first, then the
   *  bootstrap addresses, which may lead back when every broker has moved. */
  #candidates(): Iterable<NodeAddress> {
    const nodes = this.#view.nodes
    const start = Math.floor(this.#random() * nodes.length)
    const inOrder = [...nodes.slice(start), ...nodes.slice(0, start), ...this.#bootstrap]
    if (this.#lastAnswered !== undefined) inOrder.unshift(this.#lastAnswered)
    const byName = new Map<string, NodeAddress>()
    for (const node of inOrder) if (!byName.has(nodeName(node))) byName.set(nodeName(node), node)
    return byName.values()
  }

  #pause(failures: number): Promise<void> {
    return wait(this.#clock, exponentialDelayMs(this.#backoff, failures, this.#random), this.#closing.signal)
  }

  #metadataRequest(): { readonly topics: readonly string[]; readonly allowAutoTopicCreation: false } {
    return { topics: [...this.#tracked], allowAutoTopicCreation: false }
  }

  #accept(node: NodeAddress, answer: ResponseOf<'Metadata'>): void {
    this.#lastAnswered = node
    this.#nextRefresh?.cancel()
    if (this.#closing.signal.aborted) return
    this.#nextRefresh = this.#clock.setTimer(refreshEveryMs, () => void this.refresh('periodic'))
    if (this.#view.merge(answer)) this.#tellListeners()
  }

  #tellListeners(): void {
    for (const listener of this.#listeners) listener()
  }

  #tellFailure(node: NodeAddress, error: PortError, purpose: string): void {
    this.#emit('connection.failed', { node: nodeName(node), kind: error.kind, reason: `${purpose}: ${error.message}` })
  }
}

function nodeName(node: NodeAddress): string {
  return `${node.host}:${node.port}`
}

/** The shared search goes on for whoever else waits for it. */
function orStopped<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(stopped('looking for a coordinator'))
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop))
  })
}

function stopped(doing: string): HoldfastError {
  return new HoldfastError('STOPPED', `stopped while ${doing}`)
}

function unreachable(failures: ReadonlyMap<string, PortError>, timeoutMs: number): HoldfastError {
  const causes = [...failures.values()].map((failure) => `${failure.kind}: ${failure.message}`)
  const addresses = [...failures.keys()].join(', ') || 'an empty list'
  return new HoldfastError(
    'BROKER_UNREACHABLE',
    `expected an answer from one of ${addresses} within ${timeoutMs} ms, got none: ${causes.join('; ') || 'no address'}`,
    {
      cause: new AggregateError(failures.values(), 'the last failure of each address'),
      remedy: 'Check the bootstrap addresses, that a broker listens there, and whether it expects TLS.',
      retriable: true,
    },
  )
}

function authenticationFailed(node: NodeAddress, cause: PortError): HoldfastError {
  return new HoldfastError('AUTHENTICATION_FAILED', `${nodeName(node)} refused the credentials: ${cause.message}`, {
    cause,
    remedy: 'Check the SASL mechanism, user name and password.',
  })
}

function coordinatorRefused(group: string, errorCode: number, message: string | null): HoldfastError {
  const reason = `error ${errorCode}${message === null ? '' : ` (${message})`}`
  return errorCode === groupAuthorizationFailed
    ? new HoldfastError('AUTHORIZATION_FAILED', `the principal may not use the group ${group}: ${reason}`, {
        remedy: `Allow READ on group ${group} to the principal that this app connects as.`,
      })
    : new HoldfastError('KAFKA_ERROR', `no broker names a coordinator for the group ${group}: ${reason}`, {
        remedy: 'Look up the error code in the Kafka protocol guide; check the name of the group.',
      })
}
