/** Which nodes, topics and partitions exist, who leads a partition and who coordinates a group. */

import { PartitionLog } from '../log/partition-log.ts'
import { errorCode, type ErrorCode, Refusal } from '../protocol/error-code.ts'
import { type BrokerClock, randomUuid } from './clock.ts'
import { configProblem } from './topic-configs.ts'

export type BrokerNode = { readonly nodeId: number; readonly host: string; readonly port: number }

export type TopicSpec = number | { readonly partitions: number; readonly configs?: Record<string, string> }

export type Partition = {
  readonly topic: Topic
  readonly index: number
  leaderId: number
  leaderEpoch: number
  readonly log: PartitionLog
}

export type Topic = {
  readonly name: string
  readonly id: string
  readonly configs: ReadonlyMap<string, string>
  readonly partitions: readonly Partition[]
}

/** Kafka's own limit, which keeps file names short. */
const topicNameLengthMax = 249
/** A typing error in a test should not allocate a million logs. */
const partitionsMax = 10_000

export class Cluster {
  /** All nodes, those that are stopped too. */
  readonly registeredNodes: readonly BrokerNode[]
  readonly clusterId: string
  readonly #clock: BrokerClock
  readonly #topics = new Map<string, Topic>()
  readonly #topicsById = new Map<string, Topic>()
  readonly #coordinators = new Map<string, number>()
  readonly #stopped = new Set<number>()
  readonly #coordinatorEpochs = new Map<string, number>()

  constructor(nodes: readonly BrokerNode[], clock: BrokerClock) {
    if (nodes.length === 0) throw new RangeError('a cluster needs at least one node, got none')
    this.registeredNodes = nodes
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

  /** What it led moves on to the node after it that is up, and stays there when it comes back: Kafka's preferred leaders
   *  return minutes later at the earliest. Without any other node its partitions wait for it. */
  stopNode(nodeId: number): { readonly moved: readonly Partition[] } {
    this.#stopped.add(nodeId)
    const heir = this.#nextUp(nodeId)
    if (heir === undefined) return { moved: [] }
    const moved = this.topics().flatMap(({ partitions }) => partitions.filter(({ leaderId }) => leaderId === nodeId))
    for (const { topic, index } of moved) this.moveLeader(topic.name, index, heir.nodeId)
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

  /** Throws a `Refusal` with the code that Kafka answers, before anything is made. */
  checkNewTopic(name: string, partitions: number, configs: ReadonlyMap<string, string | null>): void {
    const problem = topicNameProblem(name)
    if (problem !== undefined) throw new Refusal(errorCode.invalidTopic, problem)
    if (this.#topics.has(name)) throw new Refusal(errorCode.topicAlreadyExists, `Topic '${name}' already exists.`)
    // Metrics treat '.' and '_' alike, so Kafka refuses names that differ in nothing else.
    const twin = this.topics().find((topic) => topic.name.replaceAll('.', '_') === name.replaceAll('.', '_'))
    if (twin !== undefined) {
      throw new Refusal(errorCode.invalidTopic, `Topic '${name}' collides with existing topic: ${twin.name}`)
    }
    if (!Number.isInteger(partitions) || partitions < 1 || partitions > partitionsMax) {
      throw new Refusal(
        errorCode.invalidPartitions,
        `Number of partitions must be between 1 and ${partitionsMax}, got ${partitions}`,
      )
    }
    for (const [key, value] of configs) {
      const issue = configProblem(key, value)
      if (issue !== undefined) throw new Refusal(errorCode.invalidConfig, issue)
    }
  }

  createTopic(name: string, spec: TopicSpec): Topic {
    const { partitions: count, configs = {} } = typeof spec === 'number' ? { partitions: spec } : spec
    const configMap = new Map(Object.entries(configs))
    this.checkNewTopic(name, count, configMap)
    const partitions: Partition[] = []
    const topic: Topic = { name, id: randomUuid(this.#clock), configs: configMap, partitions }
    // The first leader moves on with each topic, so that small topics do not all end on the first node.
    const firstNode = this.#topics.size
    for (let index = 0; index < count; index++) {
      const leaderId = (this.nodes[(firstNode + index) % this.nodes.length] as BrokerNode).nodeId
      partitions.push({ topic, index, leaderId, leaderEpoch: 0, log: new PartitionLog() })
    }
    this.#topics.set(name, topic)
    this.#topicsById.set(topic.id, topic)
    return topic
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

  moveCoordinator(key: string, nodeId: number): void {
    if (this.node(nodeId) === undefined) throw new RangeError(`node ${nodeId} does not exist`)
    this.#coordinators.set(key, nodeId)
    this.#coordinatorEpochs.set(key, this.coordinatorEpoch(key) + 1)
  }

  /** How often the coordinator of a group or a transactional id was moved. */
  coordinatorEpoch(key: string): number {
    return this.#coordinatorEpochs.get(key) ?? 0
  }

  /** Why `nodeId` may not serve the partition under the leader epoch that the client believes in; 0 if it may. */
  leadershipProblem(partition: Partition, nodeId: number, currentLeaderEpoch: number): ErrorCode {
    if (currentLeaderEpoch >= 0 && currentLeaderEpoch < partition.leaderEpoch) return errorCode.fencedLeaderEpoch
    if (currentLeaderEpoch > partition.leaderEpoch) return errorCode.unknownLeaderEpoch
    return partition.leaderId === nodeId ? errorCode.none : errorCode.notLeaderOrFollower
  }
}

/** Why a name is no topic name; undefined if it is one. */
export function topicNameProblem(name: string): string | undefined {
  if (name === '') return 'Topic name is invalid: the empty string is not allowed'
  if (name === '.' || name === '..') return `Topic name is invalid: '.' or '..' is not allowed`
  if (name.length > topicNameLengthMax) {
    return `Topic name is invalid: the length of '${name}' is longer than the max allowed length ${topicNameLengthMax}`
  }
  if (!/^[A-Za-z0-9._-]+$/.test(name)) {
    return `Topic name '${name}' is illegal, it contains a character other than ASCII alphanumerics, '.', '_' and '-'`
  }
  return undefined
}

/** Java's `String.hashCode`, made non-negative. */
function javaHash(text: string): number {
  let hash = 0
  for (let index = 0; index < text.length; index++) hash = (Math.imul(hash, 31) + text.charCodeAt(index)) | 0
  return hash & 0x7fff_ffff
}
