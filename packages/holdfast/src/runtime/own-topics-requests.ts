/** The three questions about topics that a start has: which are there, how they are configured, and would you make these.
 *  Each is asked until it has an answer or the time is up: brokers come and go, and what was made a moment ago is not known
 *  everywhere. What the answers mean for the start is decided in `own-topics.ts`. */
import {
  type KafkaApi,
  type KafkaPort,
  type NodeAddress,
  PortError,
  type RequestOf,
  type ResponseOf,
} from '../kafka/port.ts'
import { HoldfastError } from '../model/errors.ts'
import { kafkaErrorName, kafkaErrors as code } from '../model/kafka-errors.ts'
import type { Clock } from './clock.ts'
import type { Cluster } from './cluster.ts'
import { checkedConfigs, type TopicConfigs } from './own-topics-wanted.ts'
import { wait } from './wait.ts'

export type OwnTopicsParts = {
  readonly port: KafkaPort
  readonly cluster: Pick<Cluster, 'nodes'>
  readonly clock: Clock
  /** Of one request. */
  readonly requestTimeoutMs: number
  /** Of each question, until there is an answer to all of it. */
  readonly timeoutMs: number
  readonly signal: AbortSignal
  /** Takes the place of `signal` once everything is prepared: a stop that drains may still need the first dead letter.
   *  @default signal */
  readonly drainedSignal?: AbortSignal | undefined
}

export type FoundTopic = {
  readonly partitions: number
  /** Every partition has a leader. */
  readonly isReady: boolean
}

export type NewTopic = {
  readonly topic: string
  readonly partitions: number
  readonly configs: Readonly<Record<string, string>>
}

const retryMs = 100

/** The answer was no answer yet: of a topic that was just made, of a controller that has just moved, of a full quota. */
const passingCodes: ReadonlySet<number> = new Set([
  code.LEADER_NOT_AVAILABLE,
  code.REQUEST_TIMED_OUT,
  code.NETWORK_EXCEPTION,
  code.NOT_CONTROLLER,
  code.THROTTLING_QUOTA_EXCEEDED,
])
const refusedCodes: ReadonlySet<number> = new Set([code.TOPIC_AUTHORIZATION_FAILED, code.CLUSTER_AUTHORIZATION_FAILED])
const topicResource = 2
/** The broker answers a little before we give up on it. */
const brokerShareOfTimeout = 0.8

/** Undefined: ask again. */
type Reader<A extends KafkaApi, T> = (answer: ResponseOf<A>) => T | undefined

export class OwnTopicsRequests {
  readonly #parts: OwnTopicsParts
  #controller: NodeAddress | undefined

  constructor(parts: OwnTopicsParts) {
    this.#parts = parts
  }

  /** Where a command may be sent to, as `host:port`. */
  get bootstrap(): string {
    const [node] = this.#parts.cluster.nodes
    return node === undefined ? 'HOST:PORT' : `${node.host}:${node.port}`
  }

  /** The topics that exist. One that a single broker does not know may exist all the same, if it was made a moment ago. */
  find(topics: readonly string[]): Promise<ReadonlyMap<string, FoundTopic>> {
    const request = { topics, allowAutoTopicCreation: false }
    return this.#ask('Metadata', request, `whether ${topics.join(', ')} exist`, (answer) => {
      const controller = answer.brokers.find(({ nodeId }) => nodeId === answer.controllerId)
      if (controller !== undefined) this.#controller = { host: controller.host, port: controller.port }
      const found = new Map<string, FoundTopic>()
      for (const { name, errorCode, partitions } of answer.topics) {
        if (errorCode === code.UNKNOWN_TOPIC_OR_PARTITION) continue
        if (refusedCodes.has(errorCode)) throw unauthorized(name, 'DESCRIBE')
        if (errorCode !== code.NONE && !passingCodes.has(errorCode))
          throw refused(name, 'to be described', errorCode, null)
        const isReady = partitions.length > 0 && partitions.every(({ leaderId }) => leaderId >= 0)
        found.set(name, { partitions: partitions.length, isReady })
      }
      return found
    })
  }

  /** Waits until every one of these topics is there and has leaders; TOPIC_MISSING when the time is up. */
  async awaitReady(topics: readonly string[]): Promise<ReadonlyMap<string, FoundTopic>> {
    const { clock } = this.#parts
    const untilMs = clock.monotonicMs() + this.#parts.timeoutMs
    for (;;) {
      const found = await this.find(topics)
      const waiting = topics.filter((topic) => found.get(topic)?.isReady !== true)
      if (waiting.length === 0) return found
      if (clock.monotonicMs() >= untilMs) throw notReady(waiting, this.#parts.timeoutMs)
      await this.pause()
    }
  }

  /** Of topics that exist: those configs that are checked. */
  async configsOf(topics: readonly string[]): Promise<ReadonlyMap<string, TopicConfigs>> {
    if (topics.length === 0) return new Map()
    const resources = topics.map(
      (resourceName) => ({ resourceType: topicResource, resourceName, configurationKeys: checkedConfigs }) as const,
    )
    return this.#ask('DescribeConfigs', { resources }, `how ${topics.join(', ')} are configured`, ({ results }) => {
      const found = new Map<string, TopicConfigs>()
      for (const { resourceName, errorCode, errorMessage, configs } of results) {
        if (errorCode === code.UNKNOWN_TOPIC_OR_PARTITION || passingCodes.has(errorCode)) return undefined
        if (refusedCodes.has(errorCode)) throw unauthorized(resourceName, 'DESCRIBE_CONFIGS')
        if (errorCode !== code.NONE) throw refused(resourceName, 'to tell its configuration', errorCode, errorMessage)
        found.set(resourceName, new Map(configs.map(({ name, value }) => [name, value])))
      }
      return found
    })
  }

  /** Makes topics; one that somebody else has made meanwhile is as good. */
  async create(topics: readonly NewTopic[]): Promise<void> {
    const request = {
      topics: topics.map(({ topic, partitions, configs }) => ({
        name: topic,
        numPartitions: partitions,
        replicationFactor: -1,
        configs: Object.entries(configs).map(([name, value]) => ({ name, value })),
      })),
      timeoutMs: Math.ceil(this.#parts.requestTimeoutMs * brokerShareOfTimeout),
      validateOnly: false,
    }
    const names = topics.map(({ topic }) => topic)
    await this.#ask('CreateTopics', request, `to create ${names.join(', ')}`, (answer) => {
      const failed = answer.topics.filter(
        ({ errorCode }) => errorCode !== code.NONE && errorCode !== code.TOPIC_ALREADY_EXISTS,
      )
      for (const { name, errorCode, errorMessage } of failed) {
        if (refusedCodes.has(errorCode)) throw unauthorized(name, 'CREATE')
        if (!passingCodes.has(errorCode)) throw refused(name, 'to be created', errorCode, errorMessage)
      }
      // Whoever answered is not the controller, or is no more.
      if (failed.some(({ errorCode }) => errorCode === code.NOT_CONTROLLER)) this.#controller = undefined
      return failed.length === 0 ? true : undefined
    })
  }

  pause(): Promise<void> {
    return wait(this.#parts.clock, retryMs, this.#parts.signal)
  }

  async #ask<A extends KafkaApi, T>(api: A, request: RequestOf<A>, what: string, read: Reader<A, T>): Promise<T> {
    const { port, clock, requestTimeoutMs, signal } = this.#parts
    const untilMs = clock.monotonicMs() + this.#parts.timeoutMs
    let failure: PortError | undefined
    for (;;) {
      for (const node of await this.#nodesFor(api)) {
        const leftMs = untilMs - clock.monotonicMs()
        if (signal.aborted) throw new HoldfastError('STOPPED', `the app was stopped while it asked ${what}`)
        if (leftMs <= 0) throw unanswered(what, this.#parts.timeoutMs, failure)
        try {
          const timeoutMs = Math.min(requestTimeoutMs, leftMs)
          const told = read(await port.call(node, api, request, { channel: 'main', timeoutMs, signal }))
          if (told !== undefined) return told
          break
        } catch (error) {
          if (!(error instanceof PortError)) throw error
          failure = error
        }
      }
      if (signal.aborted) throw new HoldfastError('STOPPED', `the app was stopped while it asked ${what}`)
      if (clock.monotonicMs() >= untilMs) throw unanswered(what, this.#parts.timeoutMs, failure)
      await this.pause()
    }
  }

  /** Only the controller makes topics; with KRaft every broker asks it for us. */
  async #nodesFor(api: KafkaApi): Promise<readonly NodeAddress[]> {
    const { nodes } = this.#parts.cluster
    if (api !== 'CreateTopics') return nodes
    if (this.#controller === undefined) await this.find([])
    return this.#controller === undefined ? nodes : [this.#controller, ...nodes]
  }
}

function unauthorized(topic: string, operation: 'DESCRIBE' | 'DESCRIBE_CONFIGS' | 'CREATE'): HoldfastError {
  const instead =
    operation === 'CREATE'
      ? "or create it yourself and set topics: 'verify'"
      : "or set topics: 'ignore' to start without a look at it"
  return new HoldfastError('AUTHORIZATION_FAILED', `the principal may not ${operation} the topic ${topic}`, {
    remedy: `Allow ${operation} on topic ${topic} to the principal that this app connects as, ${instead}.`,
  })
}

function refused(topic: string, expected: string, errorCode: number, message: string | null): HoldfastError {
  const reason = `${kafkaErrorName(errorCode)}${message === null ? '' : `: ${message}`}`
  return new HoldfastError('KAFKA_ERROR', `expected the topic ${topic} ${expected}, got ${reason}`, {
    remedy: `Create ${topic} yourself as your cluster demands it and set topics: 'verify'.`,
  })
}

function notReady(topics: readonly string[], timeoutMs: number): HoldfastError {
  const expected = `expected ${topics.join(', ')} to have leaders within ${timeoutMs} ms of being created`
  return new HoldfastError('TOPIC_MISSING', `${expected}, they have none`, {
    retriable: true,
    remedy: 'Check that the brokers are up and agree with each other, then start again.',
  })
}

function unanswered(what: string, timeoutMs: number, cause: PortError | undefined): HoldfastError {
  const got = cause === undefined ? 'none' : `${cause.kind}: ${cause.message}`
  return new HoldfastError(
    'BROKER_UNREACHABLE',
    `asked ${what}, expected an answer within ${timeoutMs} ms, got ${got}`,
    {
      ...(cause === undefined ? {} : { cause }),
      retriable: true,
      remedy: 'Check that the brokers can be reached from here and are not overloaded.',
    },
  )
}
