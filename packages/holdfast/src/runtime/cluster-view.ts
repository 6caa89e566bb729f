/** What is known about the brokers, topics and leaders of a cluster, put together from answers that may be older than
 *  what is known already: a broker that lags behind must not take us back to a leader that was deposed.
 *
 *  It decides which of two statements is newer. Whom to ask, and when, is decided in `cluster.ts`. */
import type { MetadataResponse, NodeAddress } from '../kafka/port.ts'

export type PartitionView = {
  readonly partition: number
  /** −1 while no leader is elected. */
  readonly leaderId: number
  /** −1 when no broker ever told. */
  readonly leaderEpoch: number
}

export type TopicView = {
  readonly name: string
  /** The nil UUID when no broker ever told. */
  readonly topicId: string
  /** What the last answer said about the topic, 0 when all is well. The partitions of better times stay listed. */
  readonly errorCode: number
  /** By ascending number. */
  readonly partitions: readonly PartitionView[]
}

export type LeaderView = { readonly nodeId: number; readonly address: NodeAddress; readonly leaderEpoch: number }

type TopicAnswer = MetadataResponse['topics'][number]

const nilId = '00000000-0000-0000-0000-000000000000'

export class ClusterView {
  readonly #topics = new Map<string, TopicView>()
  #nodes: ReadonlyMap<number, NodeAddress> = new Map()

  get nodes(): NodeAddress[] {
    return [...this.#nodes.values()]
  }

  addressOf(nodeId: number): NodeAddress | undefined {
    return this.#nodes.get(nodeId)
  }

  topic(name: string): TopicView | undefined {
    return this.#topics.get(name)
  }

  /** Undefined while no leader is elected or its address is not known. */
  leaderOf(topic: string, partition: number): LeaderView | undefined {
    const known = findPartition(this.#topics.get(topic)?.partitions, partition)
    const address = known === undefined ? undefined : this.#nodes.get(known.leaderId)
    if (known === undefined || address === undefined) return undefined
    return { nodeId: known.leaderId, address, leaderEpoch: known.leaderEpoch }
  }

  /** Takes over what is newer in the answer; tells whether anything changed. */
  merge(answer: MetadataResponse): boolean {
    const nodes = new Map(answer.brokers.map(({ nodeId, host, port }) => [nodeId, { host, port }]))
    let hasChanged = !sameNodes(nodes, this.#nodes)
    this.#nodes = nodes
    for (const topic of answer.topics) {
      const known = this.#topics.get(topic.name)
      const merged = mergeTopic(known, topic)
      if (known !== undefined && sameTopic(known, merged)) continue
      this.#topics.set(topic.name, merged)
      hasChanged = true
    }
    return hasChanged
  }

  /** One leader, told by the broker that no longer is it. Tells whether it was news: only a higher leader epoch is. */
  learnLeader(
    topic: string,
    partition: number,
    leader: { readonly nodeId: number; readonly leaderEpoch: number; readonly address?: NodeAddress | undefined },
  ): boolean {
    const view = this.#topics.get(topic)
    const known = findPartition(view?.partitions, partition)
    if (view === undefined || known === undefined || leader.leaderEpoch <= known.leaderEpoch) return false
    if (leader.address !== undefined) this.#nodes = new Map(this.#nodes).set(leader.nodeId, leader.address)
    const told = { partition, leaderId: leader.nodeId, leaderEpoch: leader.leaderEpoch }
    const partitions = view.partitions.map((other) => (other === known ? told : other))
    this.#topics.set(topic, { ...view, partitions })
    return true
  }
}

function mergeTopic(known: TopicView | undefined, answer: TopicAnswer): TopicView {
  // An answer that failed as a whole says nothing about partitions, and one without an id nothing about the topic's.
  const topicId = answer.topicId === nilId ? (known?.topicId ?? nilId) : answer.topicId
  // A topic that was deleted and created anew counts its leader epochs from 0 again, so nothing known of the old one helps.
  const isSame = known !== undefined && (known.topicId === topicId || known.topicId === nilId)
  const partitions = new Map<number, PartitionView>()
  if (isSame) for (const partition of known.partitions) partitions.set(partition.partition, partition)
  for (const { partitionIndex: partition, leaderId, leaderEpoch } of answer.partitions) {
    const before = partitions.get(partition)
    // −1 is "not told": without epochs the last answer is the best there is.
    const isOlder = before !== undefined && leaderEpoch >= 0 && leaderEpoch < before.leaderEpoch
    if (!isOlder) partitions.set(partition, { partition, leaderId, leaderEpoch })
  }
  return {
    name: answer.name,
    topicId,
    errorCode: answer.errorCode,
    partitions: [...partitions.values()].toSorted((one, other) => one.partition - other.partition),
  }
}

/** Partitions are numbered from 0 without gaps, so the number is nearly always the place. */
function findPartition(partitions: readonly PartitionView[] | undefined, partition: number): PartitionView | undefined {
  const guess = partitions?.[partition]
  return guess?.partition === partition ? guess : partitions?.find((other) => other.partition === partition)
}

function sameNodes(ones: ReadonlyMap<number, NodeAddress>, others: ReadonlyMap<number, NodeAddress>): boolean {
  if (ones.size !== others.size) return false
  for (const [nodeId, one] of ones) {
    const other = others.get(nodeId)
    if (one.host !== other?.host || one.port !== other.port) return false
  }
  return true
}

function sameTopic(one: TopicView, other: TopicView): boolean {
  return (
    one.topicId === other.topicId &&
    one.errorCode === other.errorCode &&
    one.partitions.length === other.partitions.length &&
    one.partitions.every((partition, index) => {
      const twin = other.partitions[index]
      return (
        twin !== undefined &&
        partition.partition === twin.partition &&
        partition.leaderId === twin.leaderId &&
        partition.leaderEpoch === twin.leaderEpoch
      )
    })
  )
}
