/** A whole cluster in this process: a core, a listening socket for each of its nodes, and what a test may ask of it.
 *
 *  It checks arguments and says what is wrong with them; everything else is done by the core, by `faults/` and `watching/`. */

import type { Socket } from 'node:net'

import { BrokerError } from './broker-error.ts'
import { BrokerCore } from './core/broker-core.ts'
import type { BrokerClock } from './core/clock.ts'
import type { TopicSpec } from './core/cluster.ts'
import type { GroupView } from './core/group-view.ts'
import { EmbeddedNode } from './embedded-node.ts'
import {
  advance,
  checkOptions,
  clockOf,
  type EmbeddedKafkaOptions,
  limitsOf,
  portsOf,
  type UnusedFaults,
} from './embedded-options.ts'
import { addChaos, type Chaos, type ChaosOptions } from './faults/chaos.ts'
import {
  expectFunction,
  expectGroup,
  expectMember,
  expectMs,
  expectName,
  expectNode,
  expectOption,
  expectOptions,
  expectPartition,
  expectTopic,
  expectWhole,
  refuseArgument,
} from './faults/expectations.ts'
import type { Fault, FaultScope } from './faults/fault.ts'
import { type FailOptions, Faults, type FetchLimit } from './faults/faults.ts'
import type { Gate } from './faults/gate.ts'
import type { FaultContext, FaultDecision } from './faults/intercepts.ts'
import { addRealism, realisticMarkerDelayMs, realisticRebalanceDelayMs } from './faults/realism.ts'
import type { CommittedPartition } from './groups/offsets.ts'
import type { NewRecord, StoredRecord } from './log/records.ts'
import type { ApiName, RequestOf } from './protocol/apis.ts'
import { authority, resolveAddress } from './server/address.ts'
import { ClientSocket } from './server/client-socket.ts'
import { Listener } from './server/listener.ts'
import { lagOf } from './watching/group-lag.ts'
import { HistoryView } from './watching/history-view.ts'
import { dumpOf } from './watching/state-dump.ts'
import { type WaitOptions, Waits } from './watching/waits.ts'

/** A record, and in which partition it lies. */
export type PlacedRecord = StoredRecord & { readonly partition: number }

export class EmbeddedKafka {
  /** What clients connect to: `host:port,host:port`. */
  readonly bootstrap: string
  /** The broker behind the sockets, for what this surface has no word for. */
  readonly core: BrokerCore
  /** Every request with its answer, and every change of state, in one numbered list. */
  readonly history: HistoryView
  /** Moves time on, if the option `clock` is 'manual' (or a `VirtualClock`); else it throws. */
  readonly clock: { advance(ms: number): Promise<void> }
  readonly #nodes: readonly EmbeddedNode[]
  readonly #faults: Faults
  readonly #waits: Waits
  readonly #chaos: Chaos[] = []
  readonly #brokerClock: BrokerClock
  readonly #options: EmbeddedKafkaOptions

  private constructor(
    core: BrokerCore,
    nodes: readonly EmbeddedNode[],
    clock: BrokerClock,
    options: EmbeddedKafkaOptions & { readonly advertisedHost: string },
  ) {
    this.core = core
    this.#nodes = nodes
    this.#options = options
    this.#brokerClock = clock
    this.bootstrap = nodes.map(({ port }) => authority(options.advertisedHost, port)).join(',')
    this.history = new HistoryView(core)
    this.clock = { advance: (ms) => advance(clock, ms) }
    this.#faults = new Faults(core, clock)
    this.#waits = new Waits({ core, clock, dump: () => this.dump() })
  }

  /** Resolves when every node listens. Rejects if an option makes no sense, a port is taken or a topic is not legal; then
   *  nothing listens. */
  static async start(options: EmbeddedKafkaOptions = {}): Promise<EmbeddedKafka> {
    const ports = portsOf(options)
    checkOptions(options)
    const warn = options.warn ?? (() => {})
    const clock = clockOf(options)
    const isRealistic = options.profile === 'realistic'
    const { host, advertisedHost } = resolveAddress(options)
    const limits = limitsOf(options)
    let core: BrokerCore | undefined
    const open = (nodeId: number, port: number): Promise<Listener> => {
      const onSocket = (socket: Socket): void => {
        // Ports are known before the core is, so a very early client is turned away, like one whose TLS was agreed on while
        // its node went away; it will come again.
        if (core?.isUp(nodeId) !== true) socket.destroy()
        else new ClientSocket(socket, { core, nodeId, frameBytesMax: limits.frameBytesMax, warn })
      }
      return Listener.open({ port, host, tls: options.tls, connectionsMax: limits.connectionsMax, warn, onSocket })
    }
    const opened = await Promise.allSettled(ports.map((port, index) => open(index + 1, port)))
    const listeners = opened.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
    try {
      const failed = opened.find((each) => each.status === 'rejected')
      if (failed !== undefined) throw failed.reason
      const { topics, autoCreateTopics, sasl, consumerGroups, groupSizeMax, topicBytesMax } = options
      const rebalanceDelayMs = options.rebalanceDelayMs ?? (isRealistic ? realisticRebalanceDelayMs : 0)
      const brokers = listeners.map(({ port }, index) => ({ nodeId: index + 1, host: advertisedHost, port }))
      const groups = { rebalanceDelayMs, groupSizeMax, consumerGroups }
      const settings = {
        clock,
        topics,
        autoCreateTopics,
        ...groups,
        transactionMarkerDelayMs: isRealistic ? realisticMarkerDelayMs : 0,
        sasl,
        topicBytesMax,
        frameBytesMax: limits.frameBytesMax,
      }
      core = new BrokerCore({ brokers, warn, ...settings })
      if (isRealistic) addRealism(core, clock)
    } catch (error) {
      await Promise.all(listeners.map((listener) => listener.close()))
      throw error
    }
    const made = core
    const nodes = listeners.map(
      (listener, index) => new EmbeddedNode(made, index + 1, listener, (port) => open(index + 1, port)),
    )
    return new EmbeddedKafka(made, nodes, clock, { ...options, advertisedHost })
  }

  // --- what is there ---

  /** Throws if the topic exists or is not legal. */
  createTopic(name: string, spec: TopicSpec = 1): void {
    attempt(`topic ${name} cannot be created`, 'Kafka would refuse it too.', () => this.core.createTopic(name, spec))
  }

  /** Writes records as a plain producer would, past all faults. Returns the offset of the first. */
  append(topic: string, partition: number, records: readonly NewRecord[]): number {
    expectPartition(this.core, topic, partition)
    return this.core.append(topic, partition, records)
  }

  /** The records of a topic, or of one partition, in offset order, whether or not their transaction was committed. */
  records(topic: string, partition?: number): readonly PlacedRecord[] {
    const count = this.core.topics().find(({ name }) => name === expectTopic(this.core, topic))?.partitions.length ?? 0
    const wanted =
      partition === undefined
        ? Array.from({ length: count }, (_, index) => index)
        : [expectPartition(this.core, topic, partition)]
    return wanted.flatMap((each) => this.core.records(topic, each).map((record) => ({ partition: each, ...record })))
  }

  /** What a group has committed: everything, or the offsets of one topic by partition. Empty for an unknown group. */
  committed(group: string): readonly CommittedPartition[]
  committed(group: string, topic: string): Readonly<Record<number, number>>
  committed(group: string, topic?: string): readonly CommittedPartition[] | Readonly<Record<number, number>> {
    const all = this.core.committed(expectName('group', group))
    if (topic === undefined) return all
    expectTopic(this.core, topic)
    return Object.fromEntries(all.filter((each) => each.topic === topic).map((each) => [each.partition, each.offset]))
  }

  /** State, generation, members and what they were assigned; undefined for a group that nobody has joined. */
  group(group: string): GroupView | undefined {
    return this.core.group(expectName('group', group))
  }

  /** How everything stands, as text: nodes, connections, logs, groups, faults. */
  dump(): string {
    const faults = this.#faults.standing.map((each) => `  ${each}`)
    return [
      dumpOf(this.core),
      ...(faults.length === 0 ? [] : ['faults:', ...faults]),
      ...this.#chaos.map(({ seed, hits }) => `chaos: { seed: ${seed} } hit ${hits.length} requests`),
    ].join('\n')
  }

  // --- waiting ---

  /** Resolves when the group is stable with these many members, or with any if `members` is not given. */
  waitForAssignment(
    group: string,
    { members, timeoutMs }: WaitOptions & { readonly members?: number | undefined } = {},
  ): Promise<GroupView> {
    expectName('group', group)
    if (members !== undefined) expectWhole('members', members, { min: 1 })
    const what = `group ${group} to be stable with ${members ?? 'any'} ${members === 1 ? 'member' : 'members'}`
    return this.#waits.until(
      what,
      () => {
        const view = this.core.group(group)
        if (view?.state !== 'stable' || view.members.length === 0) return undefined
        return members === undefined || view.members.length === members ? view : undefined
      },
      { timeoutMs },
    )
  }

  /** Resolves when every partition that is named is committed up to that offset or beyond. */
  waitForCommit(
    group: string,
    topic: string,
    offsets: Readonly<Record<number, number | bigint>>,
    options: WaitOptions = {},
  ): Promise<Readonly<Record<number, number>>> {
    expectName('group', group)
    const wanted = Object.entries(offsets).map(([partition, offset]) => {
      expectWhole('offset', Number(offset), { min: 0 })
      return { partition: expectPartition(this.core, topic, Number(partition)), offset: Number(offset) }
    })
    if (wanted.length === 0)
      refuseArgument('offsets by partition', offsets, 'Pass { 0: 42 } for offset 42 in partition 0.')
    const list = wanted.map(({ partition, offset }) => `${topic}-${partition} at ${offset}`).join(', ')
    const look = (): Readonly<Record<number, number>> | undefined => {
      const committed = this.committed(group, topic)
      return wanted.every(({ partition, offset }) => (committed[partition] ?? -1) >= offset) ? committed : undefined
    }
    return this.#waits.until(`group ${group} to commit ${list}`, look, options)
  }

  /** Resolves when the group is behind by no more than `lagMax` records in all: over the partitions that it has committed or
   *  been assigned, of which there must be one. */
  waitForLag(group: string, lagMax: number, options: WaitOptions = {}): Promise<number> {
    expectName('group', group)
    expectWhole('lag', lagMax, { min: 0 })
    const look = (): number | undefined => {
      const partitions = lagOf(this.core, group)
      const lag = partitions.reduce((sum, each) => sum + each.lag, 0)
      return partitions.length > 0 && lag <= lagMax ? lag : undefined
    }
    return this.#waits.until(`the lag of group ${group} to be ${lagMax} or less`, look, options)
  }

  /** Resolves with the records of a topic when there are at least `count` of them in all its partitions. */
  waitForRecords(topic: string, count: number, options: WaitOptions = {}): Promise<readonly PlacedRecord[]> {
    expectTopic(this.core, topic)
    expectWhole('count', count, { min: 1 })
    const look = (): readonly PlacedRecord[] | undefined => {
      const partitions = this.core.topics().find(({ name }) => name === topic)?.partitions ?? []
      const there = partitions.reduce((sum, { index }) => sum + this.core.recordCount(topic, index), 0)
      return there >= count ? this.records(topic) : undefined
    }
    return this.#waits.until(`${count} records in topic ${topic}`, look, options)
  }

  /** Resolves when `condition` is true, which is asked after everything that happens in the broker. `what` says in the error
   *  what was waited for. */
  async waitUntil(what: string, condition: () => boolean, options: WaitOptions = {}): Promise<void> {
    expectFunction('waitUntil', condition)
    await this.#waits.until(what, () => (condition() ? true : undefined), options)
  }

  // --- faults ---

  /** Answers requests of an API with an error, or does not answer them. Takes one request unless `times` says otherwise. */
  fail<A extends ApiName>(api: A, options: FailOptions<A>): Fault {
    return this.#faults.fail(api, options)
  }

  /** Handles requests of an API only after `ms` milliseconds of the broker's clock, until it is removed. */
  delay<A extends ApiName>(api: A, ms: number, scope?: FaultScope<A>): Fault {
    return this.#faults.delay(api, ms, scope)
  }

  /** Stops requests of an API in front of the broker until the gate is released. */
  hold<A extends ApiName>(api: A, scope?: FaultScope<A> & { readonly timeoutMs?: number | undefined }): Gate<A> {
    return this.#faults.hold(api, scope)
  }

  /** Sees requests of an API before they are handled and may take their place: see `FaultDecision`. Until it is removed. */
  intercept<A extends ApiName>(
    api: A,
    decide: (request: RequestOf<A>, context: FaultContext) => FaultDecision | Promise<FaultDecision>,
    scope?: FaultScope<A>,
  ): Fault {
    return this.#faults.intercept(api, decide, scope)
  }

  /** Tells a client, or all clients of a group, to be silent for `ms` after each answer, and is deaf to them for that long. */
  throttle(clientIdOrGroup: string, ms: number, scope?: Omit<FaultScope, 'clientId' | 'group'>): Fault {
    return this.#faults.throttle(clientIdOrGroup, ms, scope)
  }

  /** Makes fetches small. */
  fetchLimit(options: FetchLimit): Fault {
    return this.#faults.fetchLimit(options)
  }

  /** Random faults that repeat with their seed; the seed is in every message of a failure. */
  chaos(options: ChaosOptions = {}): Chaos {
    const chaos = addChaos(this.core, this.#brokerClock, options)
    this.#chaos.push(chaos)
    return chaos
  }

  /** Another node leads the partition from now on, under a new leader epoch. */
  moveLeader(topic: string, partition: number, nodeId: number): void {
    expectPartition(this.core, topic, partition)
    this.core.moveLeader(topic, partition, expectNode(this.core, nodeId))
  }

  /** Another node keeps the group (or transactional id) from now on: the node given, or else the next one. For
   *  `loadingMs` it reads what it takes over and answers 14 (COORDINATOR_LOAD_IN_PROGRESS). @default 0 ms */
  moveCoordinator(group: string, nodeId?: number, { loadingMs = 0 }: { readonly loadingMs?: number } = {}): void {
    expectMs('loadingMs', loadingMs)
    const ids = this.core.nodeIds().filter((id) => this.core.isUp(id))
    const next = ids[(ids.indexOf(this.core.coordinatorOf(expectName('group', group))) + 1) % ids.length]
    this.core.moveCoordinator(group, expectNode(this.core, nodeId ?? next ?? -1), { loadingMs })
  }

  /** A node, to stop it and to start it again. */
  node(nodeId: number): EmbeddedNode {
    expectNode(this.core, nodeId)
    return this.#nodes[nodeId - 1] as EmbeddedNode
  }

  /** Cuts all connections, or those that fit all that is given. Returns how many. */
  cutConnections(which: { readonly clientId?: string; readonly node?: number } = {}): number {
    expectOptions('cutConnections', which, ['clientId', 'node'])
    const { clientId, node } = which
    if (clientId !== undefined) expectName('client', clientId)
    if (node !== undefined) expectNode(this.core, node)
    const meant = this.core
      .connections()
      .filter((each) => (clientId ?? each.clientId) === each.clientId && (node ?? each.nodeId) === each.nodeId)
    for (const connection of meant) this.core.cut(connection)
    return meant.length
  }

  /** Ends a member's session now, as if it had been silent for too long. It does not hear of it. */
  expireMember(group: string, memberId: string): void {
    this.core.expireMember(group, expectMember(this.core, group, memberId))
  }

  /** Makes all members of a group join again. */
  triggerRebalance(group: string): void {
    expectGroup(this.core, group)
    if (this.core.group(group)?.members.length === 0) {
      throw new BrokerError('UNKNOWN_MEMBER', `expected group ${group} to have members, it has none`, {
        remedy: `Wait for them: await kafka.waitForAssignment('${group}').`,
      })
    }
    this.core.triggerRebalance(group)
  }

  /** Deletes the records of a partition below an offset, as DeleteRecords and retention do. */
  deleteRecordsBefore(topic: string, partition: number, offset: number): void {
    expectPartition(this.core, topic, partition)
    this.core.deleteRecordsBefore(topic, partition, expectWhole('offset', offset, { min: 0 }))
  }

  /** Keeps the newest record of each key, as Kafka's cleaner does in the background, for a topic whose `cleanup.policy` says
   *  `compact`; a tombstone goes with a second call after `delete.retention.ms`. */
  compact(topic: string): void {
    expectTopic(this.core, topic)
    const remedy = `Create it with { configs: { 'cleanup.policy': 'compact' } }.`
    attempt(`topic ${topic} cannot be compacted`, remedy, () => this.core.compact(topic))
  }

  /** Deletes what topics keep no longer, by time and size, as Kafka does every five minutes; whole segments go. */
  applyRetention(): void {
    this.core.applyRetention()
  }

  // --- the end ---

  /** Cuts all connections and frees the ports. Rejects afterwards if a fault was set and never took effect, or if a function
   *  of the test threw inside the broker. May be called again; that does nothing. */
  async stop({
    unusedFaults = this.#options.unusedFaults ?? 'fail',
  }: { unusedFaults?: UnusedFaults } = {}): Promise<void> {
    expectOption('unusedFaults', unusedFaults, ['fail', 'allow'])
    if (this.#stopped !== undefined) return this.#stopped
    this.#stopped = this.#stop()
    await this.#stopped
    const thrown = this.#faults.thrown
    if (thrown !== undefined) throw thrown
    if (unusedFaults === 'fail' && this.#faults.unused.length > 0) throw this.#unusedFault()
  }

  #stopped: Promise<void> | undefined

  async #stop(): Promise<void> {
    this.#reportLeftClients()
    this.#waits.stop()
    this.#faults.stop()
    this.core.close()
    await Promise.all(this.#nodes.map((node) => node.close()))
  }

  /** A client that outlives its broker goes on to reconnect, in the background of whatever test comes next. */
  #reportLeftClients(): void {
    const left = this.core.connections().map(({ clientId, nodeId }) => `'${clientId}' at node ${nodeId}`)
    if (left.length === 0) return
    this.#options.warn?.(
      `stopped while ${left.length} connections were open: ${[...new Set(left)].join(', ')}; disconnect clients before stop()`,
    )
  }

  #unusedFault(): BrokerError {
    const { unused } = this.#faults
    const seeds = this.#chaos.map(({ seed }) => `chaos ran with seed ${seed}`)
    return new BrokerError(
      'FAULT_UNUSED',
      `${unused.length === 1 ? 'a fault' : `${unused.length} faults`} never took effect: ${unused.join('; ')}`,
      {
        remedy: `A fault that nobody meets proves nothing: remove it, wait for it, or call stop({ unusedFaults: 'allow' }).`,
        ...(seeds.length === 0 ? {} : { details: seeds.join('\n') }),
      },
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}

/** What the core refuses is an argument that makes no sense. */
function attempt(problem: string, remedy: string, act: () => void): void {
  try {
    act()
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new BrokerError('INVALID_ARGUMENT', `${problem}: ${reason}`, { remedy, cause })
  }
}
