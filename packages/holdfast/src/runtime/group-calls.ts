/** The requests of one member to its coordinator, as calls that answer with values. It finds the coordinator and knows the
 *  deadlines (R31); what an answer means is the engine's business. */
import { type CommitOffset, type CommitResult, type Identity, type JoinAnswer } from '../engine/effects.ts'
import { assignorNamed, assignorNames } from '../kafka/assignors.ts'
import { decodeAssignment, decodeSubscription, encodeAssignment, encodeSubscription } from '../kafka/group-protocol.ts'
import { type CallOptions, type KafkaApi, type KafkaPort, type RequestOf, type ResponseOf } from '../kafka/port.ts'
import { HoldfastError } from '../model/errors.ts'
import { type GroupSettings, type SubscriptionSettings } from '../model/settings.ts'
import { type TopicPartition } from '../model/topic-partition.ts'
import { type Clock } from './clock.ts'
import { type Cluster } from './cluster.ts'
import { commitText } from './commit-text.ts'
import { NotNow } from './positions.ts'

/** A join waits for the slowest member and then a little more. */
const joinSlackMs = 5_000
const heartbeatTimeoutMsMax = 5_000

export class GroupCalls {
  readonly #port: KafkaPort
  readonly #cluster: Cluster
  readonly #clock: Clock
  readonly #settings: GroupSettings
  /** Partitions by topic, when this member last divided them. */
  #divided: ReadonlyMap<string, number> = new Map()

  constructor(given: { port: KafkaPort; cluster: Cluster; clock: Clock; settings: GroupSettings }) {
    this.#clock = given.clock
    this.#port = given.port
    this.#cluster = given.cluster
    this.#settings = given.settings
  }

  async join(memberId: string): Promise<JoinAnswer> {
    const { group, sessionTimeoutMs, rebalanceTimeoutMs, subscriptions } = this.#settings
    const metadata = encodeSubscription({ topics: topicsOf(subscriptions) })
    return this.#call(
      'JoinGroup',
      {
        groupId: group,
        sessionTimeoutMs,
        rebalanceTimeoutMs,
        memberId,
        groupInstanceId: null,
        protocolType: 'consumer',
        protocols: assignorNames.map((name) => ({ name, metadata })),
        reason: null,
      },
      { channel: 'join', timeoutMs: rebalanceTimeoutMs + joinSlackMs },
    )
  }

  /** The leader divides the partitions first. */
  async sync(joined: JoinAnswer): Promise<{ errorCode: number; partitions: readonly TopicPartition[] }> {
    const isLeader = joined.leader === joined.memberId
    const answer = await this.#call(
      'SyncGroup',
      {
        groupId: this.#settings.group,
        generationId: joined.generationId,
        memberId: joined.memberId,
        groupInstanceId: null,
        protocolType: 'consumer',
        protocolName: joined.protocolName ?? '',
        assignments: isLeader ? await this.#divide(joined) : [],
      },
      { channel: 'join', timeoutMs: this.#settings.rebalanceTimeoutMs + joinSlackMs },
    )
    if (answer.errorCode !== 0) return { errorCode: answer.errorCode, partitions: [] }
    const partitions = answer.assignment.length === 0 ? [] : decodeAssignment(answer.assignment)
    const topics = new Set(topicsOf(this.#settings.subscriptions))
    return { errorCode: 0, partitions: partitions.filter((at) => topics.has(at.topic)) }
  }

  async #divide(joined: JoinAnswer): Promise<{ memberId: string; assignment: Buffer }[]> {
    const members = joined.members.map((member) => ({
      memberId: member.memberId,
      topics: decodeSubscription(member.metadata).topics,
    }))
    const topics = [...new Set(members.flatMap((member) => member.topics))]
    const unknown = topics.filter((topic) => this.#cluster.topic(topic) === undefined)
    if (unknown.length > 0) {
      this.#cluster.track(unknown)
      await this.#cluster.refresh('topics of other members')
    }
    const counts = this.#countsOf(topics)
    this.#divided = counts
    const assign = assignorNamed(joined.protocolName ?? '')
    if (assign === undefined) throw unknownAssignor(joined.protocolName)
    return [...assign(members, counts)].map(([memberId, partitions]) => ({
      memberId,
      assignment: encodeAssignment(partitions),
    }))
  }

  #countsOf(topics: Iterable<string>): Map<string, number> {
    return new Map([...topics].map((topic) => [topic, this.#cluster.topic(topic)?.partitions.length ?? 0]))
  }

  /** Whether there are other partitions now than when this member, as leader, divided them. */
  get isDivisionOutdated(): boolean {
    return [...this.#countsOf(this.#divided.keys())].some(([topic, count]) => count !== this.#divided.get(topic))
  }

  async heartbeat({ memberId, generation }: Identity): Promise<number> {
    const { group, sessionTimeoutMs } = this.#settings
    const answer = await this.#call(
      'Heartbeat',
      { groupId: group, generationId: generation, memberId, groupInstanceId: null },
      { channel: 'main', timeoutMs: Math.min(sessionTimeoutMs / 3, heartbeatTimeoutMsMax) },
    )
    return answer.errorCode
  }

  /** Never rejects: a coordinator that does not hear it finds out when the session ends. */
  async leave(memberId: string): Promise<void> {
    if (memberId === '') return
    const members = [{ memberId, groupInstanceId: null, reason: null }]
    const timeoutMs = this.#settings.requestTimeoutMs
    const request = { groupId: this.#settings.group, members }
    await this.#call('LeaveGroup', request, { channel: 'main', timeoutMs }).catch(() => undefined)
  }

  async commit(
    { memberId, generation }: Identity,
    offsets: readonly CommitOffset[],
    isWanted: () => boolean,
  ): Promise<CommitResult[]> {
    const answer = await this.#call(
      'OffsetCommit',
      {
        groupId: this.#settings.group,
        generationIdOrMemberEpoch: generation,
        memberId,
        groupInstanceId: null,
        topics: [...Map.groupBy(offsets, (each) => each.topic)].map(([name, each]) => ({
          name,
          partitions: each.map(({ partition, offset, leaderEpoch, marks }) => ({
            partitionIndex: partition,
            committedOffset: offset,
            committedLeaderEpoch: leaderEpoch,
            committedMetadata: commitText(offset, marks, this.#clock),
          })),
        })),
      },
      { channel: 'main', timeoutMs: this.#settings.requestTimeoutMs },
      isWanted,
    )
    const codes = new Map<string, number>()
    for (const { name, partitions } of answer.topics) {
      for (const each of partitions) codes.set(`${name}/${each.partitionIndex}`, each.errorCode)
    }
    // A partition that the answer leaves out was not acknowledged; −1 is Kafka's own "unknown server error".
    return offsets.map((each) => ({ ...each, errorCode: codes.get(`${each.topic}/${each.partition}`) ?? -1 }))
  }

  async #call<A extends KafkaApi>(
    api: A,
    request: RequestOf<A>,
    options: CallOptions,
    isWanted: () => boolean = () => true,
  ): Promise<ResponseOf<A>> {
    const coordinator = await this.#cluster.coordinatorOf(this.#settings.group)
    if (!isWanted()) throw new NotNow(`${api} is out of date`)
    return this.#port.call(coordinator, api, request, options)
  }
}

/** A member reads its topics and all their delay topics. */
function topicsOf(subscriptions: readonly SubscriptionSettings[]): string[] {
  return subscriptions.flatMap(({ topic, delayTopics }) => [topic, ...delayTopics.map((each) => each.topic)])
}

function unknownAssignor(name: string | null): HoldfastError {
  return new HoldfastError('KAFKA_ERROR', `expected one of ${assignorNames.join(', ')} to be chosen, got ${name}`)
}
