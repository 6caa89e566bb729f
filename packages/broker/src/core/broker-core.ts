/** The broker without sockets: decoded requests in, decoded answers out, and views on its state for tests.
 *
 *  It decides nothing about Kafka itself: `apis/` answers requests, `log/` and `groups/` keep state. What is decided here
 *  is what surrounds every request: order per connection, authentication, faults, history. */

import { handlers } from '../apis/index.ts'
import { GroupCoordinator } from '../groups/group-coordinator.ts'
import { type CommittedPartition } from '../groups/offsets.ts'
import { encodeBatch, type NewRecord, type StoredRecord } from '../log/record-batch.ts'
import {
  type ApiName,
  apiNames,
  codecOf,
  type DecodedResponse,
  type GivenRequest,
  isServed,
  type RequestOf,
  servedVersions,
} from '../protocol/apis.ts'
import { type BrokerState, type HandlerContext, type SaslUser } from './broker-state.ts'
import { type BrokerClock } from './clock.ts'
import { type BrokerNode, Cluster, type Partition, type Topic, type TopicSpec } from './cluster.ts'
import { ConnectionClosed, CoreConnection } from './connection.ts'
import { type BrokerEvent, type HistoryEntry } from './events.ts'
import { type FaultContext, type FaultDecision, Faults } from './faults.ts'
import { FetchSessions } from './fetch-sessions.ts'
import { type GroupView, viewGroup } from './group-view.ts'
import { History } from './history.ts'
import { frameBytesMax, topicBytesMax } from './limits.ts'

export type BrokerCoreOptions = {
  readonly brokers: readonly BrokerNode[]
  readonly clock: BrokerClock
  readonly topics?: Readonly<Record<string, TopicSpec>> | undefined
  /** Create topics when a client asks for them. @default false */
  readonly autoCreateTopics?: boolean | undefined
  /** How long the first rebalance of a group waits for more members, in milliseconds. @default 0 */
  readonly rebalanceDelayMs?: number | undefined
  /** Demand SASL PLAIN. @default off */
  readonly sasl?: SaslUser | undefined
  /** Most bytes that one topic keeps before it refuses records. @default 256 MiB */
  readonly topicBytesMax?: number | undefined
  /** Hears of whatever is refused or cut off without an answer that says so. @default silent */
  readonly warn?: ((message: string) => void) | undefined
}

type AnyHandler = (request: never, context: HandlerContext) => object | Promise<object>

/** Requests that are answered before a connection has authenticated. */
const apisBeforeSasl: readonly ApiName[] = ['ApiVersions', 'SaslHandshake', 'SaslAuthenticate']

export class BrokerCore {
  /** The highest version of every API. */
  readonly latestVersions: Readonly<Record<ApiName, number>>
  readonly #state: BrokerState
  readonly #faults = new Faults()
  readonly #history = new History()
  readonly #listeners = new Set<(event: BrokerEvent) => void>()
  readonly #connections = new Set<CoreConnection>()

  constructor(options: BrokerCoreOptions) {
    const { clock } = options
    const sessions = new Map<number, FetchSessions>()
    const emit = (event: BrokerEvent): void => {
      for (const listener of [...this.#listeners]) listener(event)
    }
    let producerId = 0
    const rebalanceDelayMs = options.rebalanceDelayMs ?? 0
    this.#state = {
      clock,
      settings: {
        autoCreateTopics: options.autoCreateTopics ?? false,
        rebalanceDelayMs,
        sasl: options.sasl,
        topicBytesMax: options.topicBytesMax ?? topicBytesMax,
        frameBytesMax,
      },
      cluster: new Cluster(options.brokers, clock),
      groups: new GroupCoordinator({
        clock,
        rebalanceDelayMs,
        onAssigned: (group) => {
          const memberIds = group.members.map((member) => member.memberId)
          emit({ type: 'assignment', groupId: group.id, generation: group.generation, memberIds })
        },
      }),
      sessionsOf: (nodeId) => {
        const known = sessions.get(nodeId) ?? new FetchSessions(() => clock.random())
        sessions.set(nodeId, known)
        return known
      },
      nextProducerId: () => producerId++,
      emit,
      warn: options.warn ?? (() => {}),
    }
    this.latestVersions = Object.fromEntries(apiNames.map((api) => [api, servedVersions(api).max])) as never
    for (const [name, spec] of Object.entries(options.topics ?? {})) this.createTopic(name, spec)
  }

  // --- requests ---

  /** Opens a connection to a node. Fetch sessions outlive it, as in Kafka; long polls do not. */
  connect(nodeId: number, clientId: string): CoreConnection {
    if (this.#state.cluster.node(nodeId) === undefined) throw new RangeError(`node ${nodeId} does not exist`)
    const connection = new CoreConnection(nodeId, clientId)
    this.#connections.add(connection)
    connection.onClose(() => this.#connections.delete(connection))
    return connection
  }

  /** Answers one request; long polls and joins resolve later. A field that `request` leaves out has its default.
   *
   *  Rejects with `ConnectionClosed` when the connection ends first, and with a `RangeError` for an API or a version that
   *  is not served, which a caller must not send. */
  handle<A extends ApiName>(
    nodeId: number,
    api: A,
    version: number,
    request: GivenRequest<A>,
    connection: CoreConnection,
  ): Promise<DecodedResponse<A>> {
    if (!apiNames.includes(api) || !isServed(api, version)) {
      return Promise.reject(new RangeError(`${api} ${version} is not served`))
    }
    if (nodeId !== connection.nodeId) {
      return Promise.reject(new RangeError(`the connection leads to node ${connection.nodeId}, not to ${nodeId}`))
    }
    const complete = codecOf(api, version, 'request').complete(request)
    const response = this.dispatch(api, version, complete, connection)
    return response.then((answer) => codecOf(api, version, 'response').complete(answer)) as Promise<DecodedResponse<A>>
  }

  /** As `handle`, for a request that was decoded and so has all its fields. */
  dispatch(api: ApiName, version: number, request: object, connection: CoreConnection): Promise<object> {
    return connection.inOrder(() => this.#serve(api, version, request, connection))
  }

  async #serve(api: ApiName, version: number, request: object, connection: CoreConnection): Promise<object> {
    const { nodeId, clientId } = connection
    const record = (response: HistoryEntry['response']): void => {
      const atMs = this.#state.clock.epochMs()
      this.#history.add({ atMs, nodeId, clientId, api, version, request, response })
    }
    const decision = this.#faults.has(api)
      ? await this.#faults.decide(api, request, { nodeId, clientId, version })
      : undefined
    if (decision === 'drop') {
      record('drop')
      return new Promise<never>(() => {})
    }
    if (decision === 'close' || !this.#mayServe(api, connection)) {
      record('close')
      connection.disconnect()
      throw new ConnectionClosed()
    }
    if (typeof decision === 'object') {
      record(decision)
      return decision
    }
    const handler = handlers[api] as AnyHandler
    const response = await handler(request as never, { broker: this.#state, nodeId, version, connection })
    if (decision === 'applyThenDrop') {
      record('applyThenDrop')
      connection.disconnect()
      throw new ConnectionClosed()
    }
    record(response)
    return response
  }

  #mayServe(api: ApiName, connection: CoreConnection): boolean {
    if (this.#state.settings.sasl === undefined || connection.sasl === 'authenticated') return true
    const may = connection.sasl !== 'failed' && apisBeforeSasl.includes(api)
    if (!may) this.#state.warn(`${api} from ${connection.clientId} before authentication: connection closed`)
    return may
  }

  // --- faults and what tests look at ---

  /** Sees every request of an API before it is handled and may take its place. Returns how to take the fault away. */
  intercept<A extends ApiName>(
    api: A,
    fault: (request: RequestOf<A>, context: FaultContext) => FaultDecision | Promise<FaultDecision>,
  ): () => void {
    return this.#faults.add(api, fault)
  }

  /** The newest requests and their answers, oldest first. */
  get history(): readonly HistoryEntry[] {
    return this.#history.entries
  }

  /** Calls back at every append, commit and assignment. Returns how to stop that. */
  onEvent(listener: (event: BrokerEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Throws if the topic exists or is not legal. */
  createTopic(name: string, spec: TopicSpec): void {
    this.#state.cluster.createTopic(name, spec)
  }

  topics(): readonly Topic[] {
    return this.#state.cluster.topics()
  }

  /** Records of uncompressed batches; control batches are left out. */
  records(topic: string, partition: number): StoredRecord[] {
    return this.#partition(topic, partition).log.records()
  }

  endOffset(topic: string, partition: number): number {
    return this.#partition(topic, partition).log.endOffset
  }

  /** Writes records as a producer without idempotence would, past all faults. Returns the offset of the first. */
  append(topic: string, partition: number, records: readonly NewRecord[]): number {
    const { log, leaderEpoch } = this.#partition(topic, partition)
    const batch = encodeBatch(records, { nowMs: Math.trunc(this.#state.clock.epochMs()) })
    const baseOffset = log.appendTrusted(batch, leaderEpoch)
    this.#state.emit({ type: 'append', topic, partition, endOffset: log.endOffset })
    return baseOffset
  }

  /** Ends the log in a control batch, which has an offset and no record. Returns that offset. */
  appendTransactionMarker(topic: string, partition: number, outcome: 'commit' | 'abort' = 'commit'): number {
    const { log, leaderEpoch } = this.#partition(topic, partition)
    const producerId = this.#state.nextProducerId()
    return log.appendMarker(outcome, producerId, leaderEpoch, Math.trunc(this.#state.clock.epochMs()))
  }

  /** Takes single records away and keeps all other offsets, as compaction does. */
  compactAway(topic: string, partition: number, offsets: Iterable<number>): void {
    this.#partition(topic, partition).log.compactAway(new Set(offsets))
  }

  deleteRecordsBefore(topic: string, partition: number, offset: number): void {
    this.#partition(topic, partition).log.deleteBefore(offset)
  }

  moveLeader(topic: string, partition: number, nodeId: number): void {
    this.#state.cluster.moveLeader(topic, partition, nodeId)
  }

  moveCoordinator(groupId: string, nodeId: number): void {
    this.#state.cluster.moveCoordinator(groupId, nodeId)
  }

  leaderOf(topic: string, partition: number): number {
    return this.#partition(topic, partition).leaderId
  }

  coordinatorOf(groupId: string): number {
    return this.#state.cluster.coordinatorOf(groupId).nodeId
  }

  committed(groupId: string): CommittedPartition[] {
    return this.#state.groups.get(groupId)?.offsets.all() ?? []
  }

  group(groupId: string): GroupView | undefined {
    const known = this.#state.groups.get(groupId)
    return known === undefined ? undefined : viewGroup(known.group)
  }

  /** Ends a member's session now, as if it had been silent for too long. Throws if there is no such member. */
  expireMember(groupId: string, memberId: string): void {
    if (this.#state.groups.get(groupId)?.group.expire(memberId) !== true) {
      throw new RangeError(`group ${groupId} has no member ${memberId}`)
    }
  }

  /** Cuts all connections, or those of one client. */
  cutConnections(clientId?: string): void {
    for (const connection of [...this.#connections]) {
      if (clientId === undefined || connection.clientId === clientId) connection.disconnect()
    }
  }

  /** Stops all timers; nothing is answered any more. */
  close(): void {
    this.cutConnections()
    this.#state.groups.close()
  }

  #partition(topic: string, index: number): Partition {
    const partition = this.#state.cluster.partition(topic, index)
    if (partition === undefined) throw new RangeError(`partition ${topic}-${index} does not exist`)
    return partition
  }
}
