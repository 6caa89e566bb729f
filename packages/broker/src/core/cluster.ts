/** Which nodes, topics and partitions exist, who leads a partition and who coordinates a group. */

import { PartitionLog } from '../log/partition-log.ts'
import { errorCode, type ErrorCode, Refusal } from '../protocol/error-code.ts'
import { type BrokerClock, randomUuid } from './clock.ts'
import { DynamicConfigs } from './dynamic-configs.ts'
import { checkAssignments, placeReplicas } from './replica-placement.ts'
import { checkTopicConfigs } from './topic-configs.ts'

export type BrokerNode = { readonly nodeId: number; readonly host: string; readonly port: number }

export type TopicSpec =
  | number
  | {
      readonly partitions: number
      readonly configs?: Record<string, string>
      /** On how many nodes each partition is shown to be. @default 1 */
      readonly replicationFactor?: number
    }

export type Partition = {
  readonly topic: Topic
  readonly index: number
  leaderId: number
  leaderEpoch: number
  /** Where the partition is shown to be, the preferred leader first. Those on nodes that are up are in sync. */
  replicas: readonly number[]
  readonly log: PartitionLog
}

export type Topic = {
  readonly name: string
  readonly id: string
  /** What was set for this topic, as Kafka shows it. What else is in force: `Cluster.topicSetting`. */
  configs: ReadonlyMap<string, string>
  readonly partitions: readonly Partition[]
}

/** Kafka's own limit, which keeps file names short. */
const topicNameLengthMax = 249
/** Kafka's own limit on one request, and enough: a typing error in a test should not allocate a million logs. */
export const partitionsMax = 10_000

/** What a client sends that does not know the leader epoch. */
const noEpoch = -1

/** Topics that Kafka makes for itself. This broker makes none; a client that makes one of them is told that it is internal. */
const internalTopics: readonly string[] = ['__consumer_offsets', '__share_group_state', '__transaction_state']

export class Cluster {
  /** All nodes, those that are stopped too. */
  readonly registeredNodes: readonly BrokerNode[]
  readonly clusterId: string
  readonly configs: DynamicConfigs
  readonly #clock: BrokerClock
  readonly #topics = new Map<string, Topic>()
  readonly #topicsById = new Map<string, Topic>()
  readonly #coordinators = new Map<string, number>()
  readonly #loadedAtMs = new Map<string, number>()
  readonly #stopped = new Set<number>()
  readonly #coordinatorEpochs = new Map<string, number>()

  constructor(nodes: readonly BrokerNode[], clock: BrokerClock, configs: DynamicConfigs = new DynamicConfigs()) {
    if (nodes.length === 0) throw new RangeError('a cluster needs at least one node, got none')
    this.registeredNodes = nodes
    this.configs = configs
    this.#clock = clock
    this.clusterId = Buffer.from(randomUuid(clock).replaceAll('-', ''), 'hex').toString('base64url')
  }

  /** The nodes that are up. */
  get nodes(): readonly BrokerNode[] {
    if (this.#stopped.size === 0) return this.registeredNodes
    return this.registeredNodes.filter(({ nodeId }) => !this.#stopped.has(nodeId))
  }

  get controllerId(): number {
    return this.nodes[0]?.nodeId ?? -1
  }

  /** A node by its id, stopped or not. */
  node(nodeId: number): BrokerNode | undefined {
    return this.registeredNodes.find((node) => node.nodeId === nodeId)
  }

  /** What it led moves on to another replica, or else to the node after it that is up, and stays there when it comes back:
   *  Kafka's preferred leaders return minutes later at the earliest. Without any other node its partitions wait for it. */
  stopNode(nodeId: number): { readonly moved: readonly Partition[] } {
    this.#stopped.add(nodeId)
    const heir = this.#nextUp(nodeId)
    if (heir === undefined) return { moved: [] }
    const moved = this.topics().flatMap(({ partitions }) => partitions.filter(({ leaderId }) => leaderId === nodeId))
    for (const partition of moved) {
      const [replica = heir.nodeId] = this.inSync(partition)
      this.moveLeader(partition.topic.name, partition.index, replica)
    }
    return { moved }
  }

  startNode(nodeId: number): void {
    this.#stopped.delete(nodeId)
  }

  #nextUp(nodeId: number): BrokerNode | undefined {
    const at = this.registeredNodes.findIndex((node) => node.nodeId === nodeId)
    const following = [...this.registeredNodes.slice(at + 1), ...this.registeredNodes.slice(0, at)]
    return following.find((node) => !this.#stopped.has(node.nodeId))
  }

  /** The replicas on nodes that are up. */
  inSync({ replicas }: Partition): number[] {
    return replicas.filter((nodeId) => !this.#stopped.has(nodeId))
  }

  topics(): readonly Topic[] {
    return [...this.#topics.values()]
  }

  topic(name: string): Topic | undefined {
    return this.#topics.get(name)
  }

  topicById(id: string): Topic | undefined {
    return this.#topicsById.get(id)
  }

  partition(topic: string, index: number): Partition | undefined {
    return this.#topics.get(topic)?.partitions[index]
  }

  /** The value of a topic's setting that is in force where its partition 0 is led. */
  topicSetting(topic: Topic, name: string): string {
    return this.configs.topicValue(topic.configs, name, topic.partitions[0]?.leaderId ?? this.controllerId)
  }

  /** Throws a `Refusal` if no topic may have that name, or none beside those that are there. */
  checkNewName(name: string): void {
    const problem = topicNameProblem(name)
    if (problem !== undefined) throw new Refusal(errorCode.invalidTopic, problem)
    // Metrics treat '.' and '_' alike, so Kafka refuses names that differ in nothing else.
    const plain = name.replaceAll('.', '_')
    const twin = this.topics().find((topic) => topic.name !== name && topic.name.replaceAll('.', '_') === plain)
    if (twin !== undefined) {
      throw new Refusal(errorCode.invalidTopic, `Topic '${name}' collides with existing topic: ${twin.name}`)
    }
    if (this.#topics.has(name)) throw new Refusal(errorCode.topicAlreadyExists, `Topic '${name}' already exists.`)
  }

  /** The replicas of the partitions from `from` to `to`; a topic that is not there yet begins at 0. Throws a `Refusal`. */
  placePartitions(topic: Topic | undefined, from: number, to: number, replicationFactor: number): number[][] {
    const ids = this.nodes.map(({ nodeId }) => nodeId)
    // The first leader moves on with each topic, so that small topics do not all end on the first node.
    const preferred = topic?.partitions[0]?.replicas[0]
    const first = preferred === undefined ? this.#topics.size : Math.max(0, ids.indexOf(preferred))
    return Array.from({ length: to - from }, (_, index) => placeReplicas(ids, first + from + index, replicationFactor))
  }

  /** Throws a `Refusal` for what Kafka refuses. */
  createTopic(name: string, spec: TopicSpec): Topic {
    const { partitions, configs = {}, replicationFactor = 1 } = typeof spec === 'number' ? { partitions: spec } : spec
    this.checkNewName(name)
    const checked = checkTopicConfigs(new Map(Object.entries(configs)))
    if (!Number.isInteger(partitions) || partitions < 1 || partitions > partitionsMax) {
      const expected = `Number of partitions must be between 1 and ${partitionsMax}`
      throw new Refusal(errorCode.invalidPartitions, `${expected}, got ${partitions}`)
    }
    return this.addTopic(name, checked, this.placePartitions(undefined, 0, partitions, replicationFactor))
  }

  /** Makes a topic of which everything was checked: one partition for each list of replicas. */
  addTopic(name: string, configs: ReadonlyMap<string, string>, replicas: readonly (readonly number[])[]): Topic {
    checkAssignments(
      replicas,
      this.nodes.map(({ nodeId }) => nodeId),
    )
    const topic: Topic = { name, id: randomUuid(this.#clock), configs, partitions: [] }
    this.#topics.set(name, topic)
    this.#topicsById.set(topic.id, topic)
    this.addPartitions(topic, replicas)
    return topic
  }

  addPartitions(topic: Topic, replicas: readonly (readonly number[])[]): void {
    checkAssignments(
      replicas,
      this.nodes.map(({ nodeId }) => nodeId),
    )
    const partitions = topic.partitions as Partition[]
    for (const each of replicas) {
      const leaderId = each[0] as number
      const log = new PartitionLog()
      partitions.push({ topic, index: partitions.length, leaderId, leaderEpoch: 0, replicas: each, log })
    }
  }

  deleteTopic(name: string): boolean {
    const topic = this.#topics.get(name)
    if (topic === undefined) return false
    this.#topics.delete(name)
    this.#topicsById.delete(topic.id)
    for (const partition of topic.partitions) partition.log.notify()
    return true
  }

  moveLeader(topic: string, index: number, nodeId: number): void {
    const partition = this.partition(topic, index)
    if (partition === undefined) throw new RangeError(`partition ${topic}-${index} does not exist`)
    if (this.node(nodeId) === undefined) throw new RangeError(`node ${nodeId} does not exist`)
    // A node without a replica gets that of the old leader, as in a reassignment.
    if (!partition.replicas.includes(nodeId)) {
      partition.replicas = partition.replicas.map((id) => (id === partition.leaderId ? nodeId : id))
    }
    partition.leaderId = nodeId
    partition.leaderEpoch += 1
    partition.log.startEpoch(partition.leaderEpoch)
    partition.log.notify()
  }

  /** The node that keeps a group (or a transactional id): by a hash of the name, unless it was moved or that node stopped. */
  coordinatorOf(key: string): BrokerNode {
    const moved = this.#coordinators.get(key)
    const hashed = this.registeredNodes[javaHash(key) % this.registeredNodes.length]
    const node = (moved === undefined ? hashed : this.node(moved)) as BrokerNode
    if (!this.#stopped.has(node.nodeId)) return node
    const heir = this.#nextUp(node.nodeId)
    if (heir === undefined) return node
    this.#coordinators.set(key, heir.nodeId)
    return heir
  }

  /** For `loadingMs` the new coordinator reads what it takes over and answers 14. */
  moveCoordinator(key: string, nodeId: number, loadingMs = 0): void {
    if (this.node(nodeId) === undefined) throw new RangeError(`node ${nodeId} does not exist`)
    if (!(loadingMs >= 0)) throw new RangeError(`a coordinator loads for 0 ms or more, got ${loadingMs}`)
    this.#coordinators.set(key, nodeId)
    this.#coordinatorEpochs.set(key, this.coordinatorEpoch(key) + 1)
    this.#loadedAtMs.set(key, this.#clock.monotonicMs() + loadingMs)
  }

  /** How often the coordinator of a group or a transactional id was moved. */
  coordinatorEpoch(key: string): number {
    return this.#coordinatorEpochs.get(key) ?? 0
  }

  /** Why `nodeId` may not answer for a group or a transactional id, or not yet; 0 if it may. */
  coordinatorProblem(key: string, nodeId: number): ErrorCode {
    if (this.coordinatorOf(key).nodeId !== nodeId) return errorCode.notCoordinator
    return this.isCoordinatorLoading(key) ? errorCode.coordinatorLoadInProgress : errorCode.none
  }

  isCoordinatorLoading(key: string): boolean {
    return (this.#loadedAtMs.get(key) ?? -Infinity) > this.#clock.monotonicMs()
  }

  /** Why `nodeId` may not answer for the partition as its leader, under the leader epoch that the client believes in (-1:
   *  none); 0 if it may. */
  leadershipProblem(partition: Partition, nodeId: number, currentLeaderEpoch: number): ErrorCode {
    const problem = this.replicaProblem(partition, nodeId, currentLeaderEpoch)
    if (problem !== errorCode.none) return problem
    return partition.leaderId === nodeId ? errorCode.none : errorCode.notLeaderOrFollower
  }

  /** The same for what a follower may answer too. A node that has no replica knows no epoch. */
  replicaProblem(partition: Partition, nodeId: number, currentLeaderEpoch: number): ErrorCode {
    if (!partition.replicas.includes(nodeId)) return errorCode.notLeaderOrFollower
    if (currentLeaderEpoch !== noEpoch && currentLeaderEpoch < partition.leaderEpoch) return errorCode.fencedLeaderEpoch
    return currentLeaderEpoch > partition.leaderEpoch ? errorCode.unknownLeaderEpoch : errorCode.none
  }
}

export function isInternalTopic(name: string): boolean {
  return internalTopics.includes(name)
}

/** Why a name is no topic name; undefined if it is one. */
export function topicNameProblem(name: string): string | undefined {
  const problem = 'Topic name is invalid:'
  if (name === '') return `${problem} the empty string is not allowed`
  if (name === '.' || name === '..') return `${problem} '${name}' is not allowed`
  if (name.length > topicNameLengthMax) {
    return `${problem} the length of '${name}' is longer than the max allowed length ${topicNameLengthMax}`
  }
  if (!/^[A-Za-z0-9._-]+$/.test(name)) {
    const expected = "ASCII alphanumerics, '.', '_' and '-'"
    return `${problem} '${name}' contains one or more characters other than ${expected}`
  }
  return undefined
}

/** Java's `String.hashCode`, made non-negative. */
export function javaHash(text: string): number {
  let hash = 0
  for (let index = 0; index < text.length; index++) hash = (Math.imul(hash, 31) + text.charCodeAt(index)) | 0
  return hash & 0x7fff_ffff
}
