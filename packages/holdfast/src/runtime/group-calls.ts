/** The requests of one member to its coordinator, as calls that answer with values. It finds the coordinator and knows the
 *  deadlines (R31); what an answer means is the engine's business. */
import type { Claim, CommitOffset, CommitResult, Identity, JoinAnswer } from '../engine/effects.ts'
import { assignorNamed, assignorNames } from '../kafka/assignment-protocols.ts'
import { decodeAssignment, decodeSubscription, encodeAssignment, encodeSubscription } from '../kafka/group-protocol.ts'
import type { CallOptions, KafkaApi, KafkaPort, RequestOf, ResponseOf } from '../kafka/port.ts'
import { HoldfastError } from '../model/errors.ts'
import type { GroupSettings } from '../model/settings.ts'
import type { TopicPartition } from '../model/topic-partition.ts'
import type { Clock } from './clock.ts'
import type { Cluster } from './cluster.ts'
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
  /** What we subscribe to: the sources, and the topics in which their records wait. */
  readonly #topics: readonly string[]
  readonly #delayTopics: ReadonlyMap<string, readonly string[]>
  /** Partitions by topic, when this member last divided them. */
  #divided: ReadonlyMap<string, number> = new Map()

  constructor(given: { port: KafkaPort; cluster: Cluster; clock: Clock; settings: GroupSettings }) {
    this.#clock = given.clock
    this.#port = given.port
    this.#cluster = given.cluster
    this.#settings = given.settings
    const { subscriptions } = given.settings
    this.#delayTopics = new Map(subscriptions.map((each) => [each.topic, each.delayTopics.map(({ topic }) => topic)]))
    this.#topics = [...this.#delayTopics].flatMap(([source, delays]) => [source, ...delays])
  }

  /** `mayGo` is asked when the coordinator is known. */
  async join(memberId: string, claim: Claim, mayGo: () => boolean): Promise<JoinAnswer> {
    const { group, protocol, sessionTimeoutMs, rebalanceTimeoutMs } = this.#settings
    const metadata = encodeSubscription({
      topics: this.#topics,
      ownedPartitions: claim.partitions,
      generationId: claim.generation,
    })
    return this.#call(
      'JoinGroup',
      {
        groupId: group,
        sessionTimeoutMs,
        rebalanceTimeoutMs,
        memberId,
        groupInstanceId: null,
        protocolType: 'consumer',
        protocols: assignorNames(protocol).map((name) => ({ name, metadata })),
        reason: null,
      },
      { channel: 'join', timeoutMs: rebalanceTimeoutMs + joinSlackMs },
      mayGo,
    )
  }

  /** The leader divides the partitions first. */
  async sync(
    joined: JoinAnswer,
    mayGo: () => boolean,
  ): Promise<{ errorCode: number; partitions: readonly TopicPartition[] }> {
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
      mayGo,
    )
    if (answer.errorCode !== 0) return { errorCode: answer.errorCode, partitions: [] }
    const partitions = answer.assignment.length === 0 ? [] : decodeAssignment(answer.assignment)
    return { errorCode: 0, partitions: partitions.filter((at) => this.#topics.includes(at.topic)) }
  }

  async #divide(joined: JoinAnswer): Promise<{ memberId: string; assignment: Buffer }[]> {
    const members = joined.members.map(({ memberId, metadata }) => {
      const { topics, ownedPartitions: owned, generationId: generation } = decodeSubscription(metadata)
      return { memberId, topics, owned, generation }
    })
    const topics = [...new Set(members.flatMap((member) => member.topics))]
    const unknown = topics.filter((topic) => this.#cluster.topic(topic) === undefined)
    if (unknown.length > 0) {
      this.#cluster.track(unknown)
      await this.#cluster.refresh('topics of other members')
    }
    const counts = this.#countsOf(topics)
    this.#divided = counts
    const assign = assignorNamed(joined.protocolName ?? '', this.#delayTopics)
    if (assign === undefined) throw unknownAssignor(joined.protocolName, assignorNames(this.#settings.protocol))
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

function unknownAssignor(name: string | null, known: readonly string[]): HoldfastError {
  return new HoldfastError('KAFKA_ERROR', `expected one of ${known.join(', ')} to be chosen, got ${name}`)
}
