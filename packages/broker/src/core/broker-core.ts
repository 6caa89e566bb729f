/** The broker without sockets: decoded requests in, decoded answers out, and views on its state for tests.
 *
 *  It decides nothing about Kafka itself: `apis/` answers requests, `log/` and `groups/` keep state. What is decided here
 *  is what surrounds every request: order per connection, authentication, faults, history. */

import { handlers } from '../apis/index.ts'
import { errorAnswer } from '../faults/error-answers.ts'
import { type FaultContext, type FaultDecision, Intercepts, noVerdict } from '../faults/intercepts.ts'
import type { ConsumerGroupSettings } from '../groups/consumer-settings.ts'
import type { CommittedPartition } from '../groups/offsets.ts'
import { logSettings } from '../log/log-settings.ts'
import { encodeBatch } from '../log/record-batch.ts'
import type { NewRecord, StoredRecord } from '../log/records.ts'
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
import type { BrokerState, HandlerContext } from './broker-state.ts'
import { errorCode } from '../protocol/error-code.ts'
import { SaslSession } from '../security/sasl-session.ts'
import { resolveSasl, type SaslOptions } from '../security/sasl-settings.ts'
import { transactionPorts } from '../transactions/ports.ts'
import { TransactionCoordinator } from '../transactions/transaction-coordinator.ts'
import { staticConfigsOf } from './broker-configs.ts'
import type { BrokerClock } from './clock.ts'
import { type BrokerNode, Cluster, type Partition, type Topic, type TopicSpec } from './cluster.ts'
import { ConnectionClosed, CoreConnection } from './connection.ts'
import type { BrokerEvent, HistoryChange, HistoryEntry } from './events.ts'
import { DynamicConfigs } from './dynamic-configs.ts'
import { FetchSessions } from './fetch-sessions.ts'
import { newGroupCoordinator } from './group-surroundings.ts'
import { type GroupView, viewGroup } from './group-view.ts'
import { History } from './history.ts'
import { LogUpkeep } from './log-upkeep.ts'
import { isQuiet, StateWatch, turningClock } from './turns.ts'
import { firstProducerId, frameBytesMax, groupSizeMax, topicBytesMax, transactionTimeoutMsMax } from './limits.ts'
import { type TransactionView, viewTransaction } from './transaction-view.ts'

export type BrokerCoreOptions = {
  readonly brokers: readonly BrokerNode[]
  readonly clock: BrokerClock
  readonly topics?: Readonly<Record<string, TopicSpec>> | undefined
  /** Create topics when a client asks for them. @default false */
  readonly autoCreateTopics?: boolean | undefined
  /** How long the first rebalance of a group waits for more members, in milliseconds. @default 0 */
  readonly rebalanceDelayMs?: number | undefined
  /** Most members of a group of the classic protocol, 1 or more. @default 2 147 483 647 */
  readonly groupSizeMax?: number | undefined
  /** How groups of the consumer protocol behave; what is left out has the default that stands there. */
  readonly consumerGroups?: Partial<ConsumerGroupSettings> | undefined
  /** The longest time that a producer may ask for its transactions, in milliseconds. @default 900000 */
  readonly transactionTimeoutMsMax?: number | undefined
  /** How long the markers of a transaction come after its end, in milliseconds: until then it is ending, and whoever asks
   *  for it is told 51. @default 0, at once */
  readonly transactionMarkerDelayMs?: number | undefined
  /** Demand that clients sign in. @default off */
  readonly sasl?: SaslOptions | undefined
  /** Most bytes of one request, which brokers tell as `socket.request.max.bytes`. @default 100 MiB */
  readonly frameBytesMax?: number | undefined
  /** Most bytes that one topic keeps before it refuses records. @default 256 MiB */
  readonly topicBytesMax?: number | undefined
  /** Hears of whatever is refused or cut off without an answer that says so. @default silent */
  readonly warn?: ((message: string) => void) | undefined
}

type AnyHandler = (request: never, context: HandlerContext) => object | Promise<object>

export class BrokerCore {
  /** The highest version of every API. */
  readonly latestVersions: Readonly<Record<ApiName, number>>
  readonly #state: BrokerState
  readonly #intercepts = new Intercepts()
  readonly #history = new History()
  readonly #listeners = new Set<(event: BrokerEvent) => void>()
  readonly #turnListeners = new Set<() => void>()
  readonly #watch = new StateWatch()
  readonly #connections = new Set<CoreConnection>()
  readonly #upkeep: LogUpkeep

  constructor(options: BrokerCoreOptions) {
    const clock = turningClock(options.clock, () => this.#endTurn())
    const sessions = new Map<number, FetchSessions>()
    const emit = (event: BrokerEvent): void => {
      this.#history.addChange(event, clock.epochMs())
      if (event.type === 'append') this.#upkeep.wake()
      for (const listener of [...this.#listeners]) listener(event)
    }
    let producerId = firstProducerId
    const rebalanceDelayMs = options.rebalanceDelayMs ?? 0
    const configs = new DynamicConfigs(staticConfigsOf(options))
    const cluster = new Cluster(options.brokers, clock, configs)
    const newProducerId = (): number => producerId++
    const membersMax = options.groupSizeMax ?? groupSizeMax
    const groups = newGroupCoordinator({ clock, cluster, configs, rebalanceDelayMs, membersMax, emit })
    this.#state = {
      clock,
      settings: {
        autoCreateTopics: options.autoCreateTopics ?? false,
        rebalanceDelayMs,
        sasl: options.sasl === undefined ? undefined : resolveSasl(options.sasl, clock),
        topicBytesMax: options.topicBytesMax ?? topicBytesMax,
        frameBytesMax: options.frameBytesMax ?? frameBytesMax,
      },
      cluster,
      groups,
      transactions: new TransactionCoordinator(transactionPorts({ clock, cluster, groups, newProducerId, emit }), {
        timeoutMsMax: options.transactionTimeoutMsMax ?? transactionTimeoutMsMax,
        markerDelayMs: options.transactionMarkerDelayMs ?? 0,
      }),
      sessionsOf: (nodeId) => {
        const known = sessions.get(nodeId) ?? new FetchSessions(() => clock.random())
        sessions.set(nodeId, known)
        return known
      },
      nextProducerId: newProducerId,
      emit,
      warn: options.warn ?? (() => {}),
    }
    this.#upkeep = new LogUpkeep({ clock, cluster, emit, warn: this.#state.warn })
    this.latestVersions = Object.fromEntries(apiNames.map((api) => [api, servedVersions(api).max])) as never
    for (const [name, spec] of Object.entries(options.topics ?? {})) this.createTopic(name, spec)
  }

  // --- requests ---

  /** Opens a connection to a node. Fetch sessions outlive it, as in Kafka; long polls do not. */
  connect(nodeId: number, clientId: string): CoreConnection {
    if (this.#state.cluster.node(nodeId) === undefined) throw new RangeError(`node ${nodeId} does not exist`)
    if (!this.isUp(nodeId)) throw new RangeError(`node ${nodeId} is stopped`)
    const { settings, clock } = this.#state
    const session = settings.sasl === undefined ? undefined : new SaslSession(settings.sasl, clock)
    const connection = new CoreConnection(nodeId, clientId, session)
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
    const arrivedAfter = this.#history.newest
    const record = (response: HistoryEntry['response']): void => {
      const atMs = this.#state.clock.epochMs()
      const shown = withoutSecrets(api, request)
      this.#history.addRequest({ arrivedAfter, atMs, nodeId, clientId, api, version, request: shown, response })
    }
    const { decision, changes } = this.#intercepts.has(api)
      ? await this.#intercepts.decide(api, request, { nodeId, clientId, version })
      : noVerdict
    if (this.#isClosed) throw new ConnectionClosed()
    const changed = (answer: object): object => changes.reduce((made, change) => change(made as never), answer)
    if (decision === 'drop') {
      record('drop')
      return new Promise<never>(() => {})
    }
    const admission = connection.sasl?.admit(api) ?? 'serve'
    if (admission === 'refuse') {
      const refusal = codecOf(api, version, 'response').complete({ errorCode: errorCode.illegalSaslState })
      record(refusal)
      return refusal
    }
    if (decision === 'close' || admission === 'close') {
      record('close')
      if (admission === 'close') this.#state.warn(`${api} from '${clientId}' is not allowed now: connection closed`)
      connection.disconnect()
      throw new ConnectionClosed()
    }
    if (typeof decision === 'object') {
      const answer = changed(decision)
      record(answer)
      return answer
    }
    const handler = handlers[api] as AnyHandler
    const answered = handler(request as never, { broker: this.#state, nodeId, version, connection })
    // Who waits for others, as a join does, has changed something before it is answered.
    if (answered instanceof Promise) this.#endTurn(api)
    const answer = await answered
    const response = decision ?? changed(answer)
    // In this order, so that the history holds the answer when somebody hears that a state was reached.
    this.#tellChanges(api)
    record(response)
    if (response === 'applyThenDrop') connection.disconnect()
    this.#letLook()
    if (response === 'applyThenDrop') throw new ConnectionClosed()
    return response
  }

  #endTurn(api?: ApiName): void {
    this.#tellChanges(api)
    this.#letLook()
  }

  /** Tells what has changed since the last turn and was told by nobody. */
  #tellChanges(api: ApiName | undefined): void {
    if (api !== undefined && isQuiet(api)) return
    this.#watch.look({ groups: () => this.#groupViews(), topics: () => this.topics() }, this.#state.emit)
  }

  /** Lets everybody look who waits for a state. */
  #letLook(): void {
    for (const look of [...this.#turnListeners]) look()
  }

  *#groupViews(): Generator<readonly [string, GroupView]> {
    for (const { group } of this.#state.groups.all()) yield [group.id, viewGroup(group)]
  }

  // --- faults and what tests look at ---

  /** Sees every request of an API before it is handled and may take its place. Returns how to take the fault away. */
  intercept<A extends ApiName>(
    api: A,
    fault: (request: RequestOf<A>, context: FaultContext) => FaultDecision | Promise<FaultDecision>,
  ): () => void {
    return this.#intercepts.add(api, fault)
  }

  /** The answer that refuses a request with an error code, put where this API carries it: for the whole request, or for
   *  each topic, partition or group that it names. Applies nothing. */
  errorAnswer(api: ApiName, request: object, context: FaultContext, code: number): object {
    return errorAnswer(api, request, { ...context, broker: this.#state }, code)
  }

  /** The newest requests and their answers, oldest first. */
  get history(): readonly HistoryEntry[] {
    return this.#history.requests
  }

  /** The newest requests and changes of state in one list, in the order in which they took effect. */
  get fullHistory(): readonly (HistoryEntry | HistoryChange)[] {
    return this.#history.entries
  }

  /** Calls back after whatever may have changed something: a request, a timer, a call from outside. Returns how to stop that. */
  onTurn(listener: () => void): () => void {
    this.#turnListeners.add(listener)
    return () => this.#turnListeners.delete(listener)
  }

  /** Calls back at every change of state. Returns how to stop that. */
  onEvent(listener: (event: BrokerEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Throws if the topic exists or is not legal. */
  createTopic(name: string, spec: TopicSpec): void {
    this.#state.cluster.createTopic(name, spec)
    this.#endTurn()
  }

  topics(): readonly Topic[] {
    return this.#state.cluster.topics()
  }

  /** Records as they are read; control batches are left out. */
  records(topic: string, partition: number): StoredRecord[] {
    return this.#partition(topic, partition).log.records()
  }

  /** How many records a partition holds, those of compressed batches too; control batches are left out. */
  recordCount(topic: string, partition: number): number {
    return this.#partition(topic, partition).log.recordCount
  }

  endOffset(topic: string, partition: number): number {
    return this.#partition(topic, partition).log.endOffset
  }

  /** Writes records as a producer without idempotence would, past all faults. Returns the offset of the first. */
  append(topic: string, partition: number, records: readonly NewRecord[]): number {
    const { topic: owner, log, leaderEpoch } = this.#partition(topic, partition)
    const nowMs = Math.trunc(this.#state.clock.epochMs())
    const settings = logSettings((name) => this.#state.cluster.topicSetting(owner, name))
    const baseOffset = log.appendTrusted(encodeBatch(records, { nowMs }), leaderEpoch, { settings, nowMs })
    this.#state.emit({ type: 'append', topic, partition, endOffset: log.endOffset })
    this.#endTurn()
    return baseOffset
  }

  /** Ends the log in a control batch, which has an offset and no record. Returns that offset. */
  appendTransactionMarker(topic: string, partition: number, outcome: 'commit' | 'abort' = 'commit'): number {
    const { log, leaderEpoch } = this.#partition(topic, partition)
    const marker = { outcome, producerId: this.#state.nextProducerId(), producerEpoch: 0, coordinatorEpoch: 0 }
    return log.appendMarker(marker, leaderEpoch, Math.trunc(this.#state.clock.epochMs()))
  }

  /** Takes single records away and keeps all other offsets, as compaction does. */
  compactAway(topic: string, partition: number, offsets: Iterable<number>): void {
    this.#partition(topic, partition).log.compactAway(new Set(offsets))
  }

  /** Compacts a topic now: of each key the newest record below the last stable offset stays, with its offset. Tombstones go
   *  with a second compaction after `delete.retention.ms`. Throws a `RangeError` unless `cleanup.policy` says `compact`. */
  compact(topic: string): void {
    this.#upkeep.compact(topic)
    this.#endTurn()
  }

  /** Applies `retention.ms` and `retention.bytes` of all topics now; the clock does so every five minutes. */
  applyRetention(): void {
    this.#upkeep.applyRetention()
    this.#endTurn()
  }

  deleteRecordsBefore(topic: string, partition: number, offset: number): void {
    const { log } = this.#partition(topic, partition)
    log.deleteBefore(offset)
    this.#state.emit({ type: 'recordsDeleted', topic, partition, startOffset: log.startOffset })
    this.#endTurn()
  }

  moveLeader(topic: string, partition: number, nodeId: number): void {
    this.#state.cluster.moveLeader(topic, partition, nodeId)
    this.#state.emit({ type: 'leaderMoved', topic, partition, nodeId })
    this.#endTurn()
  }

  /** Moves a group or a transactional id to another node; what is open there stays open. The node answers 14 (COORDINATOR_LOAD_IN_PROGRESS) for
   *  `loadingMs`. @default 0 ms. Throws a `RangeError` for a node that does not exist. */
  moveCoordinator(key: string, nodeId: number, { loadingMs = 0 }: { readonly loadingMs?: number } = {}): void {
    this.#state.cluster.moveCoordinator(key, nodeId, loadingMs)
    this.#state.emit({ type: 'coordinatorMoved', key, nodeId })
    this.#endTurn()
  }

  leaderOf(topic: string, partition: number): number {
    return this.#partition(topic, partition).leaderId
  }

  coordinatorOf(key: string): number {
    return this.#state.cluster.coordinatorOf(key).nodeId
  }

  committed(groupId: string): CommittedPartition[] {
    return this.#state.groups.get(groupId)?.offsets.all() ?? []
  }

  group(groupId: string): GroupView | undefined {
    const known = this.#state.groups.get(groupId)
    return known === undefined ? undefined : viewGroup(known.group)
  }

  /** Every transactional id that was ever used, in the order of its first use. */
  transactions(): TransactionView[] {
    return this.#state.transactions.all().map((known) => viewTransaction(known, this.#state.groups))
  }

  groupIds(): readonly string[] {
    return this.#state.groups.all().map(({ group }) => group.id)
  }

  /** Ends a member's session now, as if it had been silent for too long. Throws if there is no such member. */
  expireMember(groupId: string, memberId: string): void {
    if (this.#state.groups.get(groupId)?.group.expire(memberId) !== true) {
      throw new RangeError(`group ${groupId} has no member ${memberId}`)
    }
    this.#state.emit({ type: 'memberExpired', groupId, memberId })
    this.#endTurn()
  }

  /** Makes all members join again, as if one of them had changed. Throws if there is nobody to do so. */
  triggerRebalance(groupId: string): void {
    if (this.#state.groups.get(groupId)?.group.rebalance() !== true) {
      throw new RangeError(`group ${groupId} has no members that could rebalance`)
    }
    this.#endTurn()
  }

  /** Takes a node away: its connections are cut, its partitions and groups move to other nodes if there are any. */
  stopNode(nodeId: number): void {
    const { moved } = this.#state.cluster.stopNode(nodeId)
    this.#state.emit({ type: 'nodeStopped', nodeId })
    for (const { topic, index, leaderId } of moved) {
      this.#state.emit({ type: 'leaderMoved', topic: topic.name, partition: index, nodeId: leaderId })
    }
    for (const connection of this.connections()) if (connection.nodeId === nodeId) this.#cut(connection)
    this.#endTurn()
  }

  /** Brings a stopped node back. Nothing moves back to it by itself. */
  startNode(nodeId: number): void {
    this.#state.cluster.startNode(nodeId)
    this.#state.emit({ type: 'nodeStarted', nodeId })
    this.#endTurn()
  }

  nodeIds(): readonly number[] {
    return this.#state.cluster.registeredNodes.map(({ nodeId }) => nodeId)
  }

  isUp(nodeId: number): boolean {
    return this.#state.cluster.nodes.some((node) => node.nodeId === nodeId)
  }

  /** All connections that are open now. */
  connections(): readonly CoreConnection[] {
    return [...this.#connections]
  }

  /** Cuts all connections, or those of one client. */
  cutConnections(clientId?: string): void {
    for (const connection of this.connections()) {
      if (clientId === undefined || connection.clientId === clientId) this.#cut(connection)
    }
    this.#endTurn()
  }

  /** Cuts one connection. */
  cut(connection: CoreConnection): void {
    this.#cut(connection)
    this.#endTurn()
  }

  #cut(connection: CoreConnection): void {
    connection.disconnect()
    this.#state.emit({ type: 'connectionCut', clientId: connection.clientId, nodeId: connection.nodeId })
  }

  /** Stops all timers; nothing is answered any more. */
  close(): void {
    this.#upkeep.close()
    this.#isClosed = true
    for (const connection of this.connections()) connection.disconnect()
    this.#state.groups.close()
    this.#state.transactions.close()
  }

  #isClosed = false

  #partition(topic: string, index: number): Partition {
    const partition = this.#state.cluster.partition(topic, index)
    if (partition === undefined) throw new RangeError(`partition ${topic}-${index} does not exist`)
    return partition
  }
}

/** A password in the history would end in the first state dump. */
function withoutSecrets(api: ApiName, request: object): object {
  return api === 'SaslAuthenticate' ? { ...request, authBytes: Buffer.alloc(0) } : request
}
