/** Finds out where a member starts on the partitions it was given (R12), and where it goes on when the broker says that
 *  its position does not exist. It asks; what happened to the ownership meanwhile is for the engine to judge.
 *
 *  A crash between the look-up and the first commit is harmless: nothing was handled yet, and the next owner looks up the
 *  same or, for `latest`, a later start. That is why a start that nobody committed is committed before anything runs. */
import type { LostPosition, Identity } from '../engine/effects.ts'
import { kafkaErrorName, kafkaErrors } from '../model/kafka-errors.ts'
import { isCoordinatorElsewhere } from '../engine/group-codes.ts'
import type { StartPosition } from '../engine/member-flow.ts'
import type { KafkaPort, ResponseOf } from '../kafka/port.ts'
import { HoldfastError } from '../model/errors.ts'
import { type NextOffset, startAt } from '../model/next-offset.ts'
import type { GroupSettings, StartFrom } from '../model/settings.ts'
import { partitionName, type TopicPartition } from '../model/topic-partition.ts'
import type { Clock } from './clock.ts'
import type { Cluster, LeaderView } from './cluster.ts'
import { hasStartMark, readCommitText, startMark } from './commit-text.ts'

/** Answers of the coordinator that say that we are no longer who we think we are. */
export class RefusedByCoordinator extends Error {
  override readonly name = 'RefusedByCoordinator'
  readonly errorCode: number

  constructor(what: string, errorCode: number) {
    super(`${what} was refused with ${kafkaErrorName(errorCode)}`)
    this.errorCode = errorCode
  }
}

/** Something that passes: look at the metadata or the coordinator again and repeat. */
export class NotNow extends Error {
  override readonly name = 'NotNow'
}

const earliestTimestamp = -2
const latestTimestamp = -1
const unstableOffsetCommit = 88
const noEpoch = -1

/** The group has moved on without us, or is about to. */
const identityCodes: ReadonlySet<number> = new Set([
  kafkaErrors.ILLEGAL_GENERATION,
  kafkaErrors.UNKNOWN_MEMBER_ID,
  kafkaErrors.GROUP_ID_NOT_FOUND,
  kafkaErrors.REBALANCE_IN_PROGRESS,
  kafkaErrors.FENCED_INSTANCE_ID,
])

type Marks = Pick<StartPosition, 'inherited' | 'ignoredMarks'>

const noMarks: Marks = { inherited: null, ignoredMarks: null }

function ignored(reason: string): Marks {
  return { inherited: null, ignoredMarks: reason }
}

type Committed = { readonly offset: number; readonly leaderEpoch: number; readonly metadata: string | null }

export class Positions {
  readonly #port: KafkaPort
  readonly #cluster: Cluster
  readonly #clock: Clock
  readonly #settings: GroupSettings
  readonly #from: ReadonlyMap<string, StartFrom>

  constructor(given: { port: KafkaPort; cluster: Cluster; clock: Clock; settings: GroupSettings }) {
    this.#clock = given.clock
    this.#port = given.port
    this.#cluster = given.cluster
    this.#settings = given.settings
    this.#from = new Map(given.settings.subscriptions.map((each) => [each.topic, each.from]))
  }

  /** Rejects with `NotNow`, `RefusedByCoordinator`, a `PortError`, or a `HoldfastError` when it is hopeless. `mayCommit` is
   *  asked when a start is about to be committed, because by then the group may have moved on. */
  async resolve(
    identity: Identity,
    partitions: readonly TopicPartition[],
    mayCommit: () => boolean,
  ): Promise<StartPosition[]> {
    const committed = await this.#committed(partitions)
    const known = partitions.filter((at) => committed.has(partitionName(at)))
    const unknown = partitions.filter((at) => !committed.has(partitionName(at)))
    // What is cached may be the id of a topic that was deleted meanwhile. Under that id nothing could be read, and it would
    // look as if the topic that there is now had been made after the commit: it would be read from its start.
    if (known.length > 0) await this.#cluster.refresh('committed positions are to be trusted')
    const [continued, begun] = await Promise.all([
      Promise.all(known.map((at) => this.#continue(at, committed.get(partitionName(at))))),
      this.#begin(unknown, committed, identity),
    ])
    if (begun.length > 0) await this.#commitStarts(identity, begun, mayCommit)
    return [...continued, ...begun.map((start) => ({ ...start, committed: start.position }))]
  }

  /** Where reading may go on, with the reason why it cannot go on where it was. */
  async relocate(lost: LostPosition): Promise<{ position: NextOffset; reason: string }> {
    const { at, position } = lost
    const first = startAt(await this.#offsetAt(at, earliestTimestamp))
    if (lost.isOtherTopic) return { position: first, reason: 'the topic was deleted and made again' }
    if (position < first) {
      if (this.#from.get(at.topic) === 'fail') throw lostToRetention(at, position, first)
      return { position: first, reason: 'the records were deleted before they were read' }
    }
    const cutAt = lost.lastFetchedEpoch < 0 ? null : await this.#endOfEpoch(at, lost.lastFetchedEpoch)
    const end = await this.#offsetAt(at, latestTimestamp)
    const reachable = Math.min(cutAt ?? end, end)
    if (position <= reachable) return { position, reason: 'the position is valid' }
    return { position: startAt(Math.max(first, reachable)), reason: 'the log was cut below what was read' }
  }

  /** Where the readable log of a partition ends now. */
  endOf(at: TopicPartition): Promise<number> {
    return this.#offsetAt(at, latestTimestamp)
  }

  // ── the coordinator ──

  async #committed(partitions: readonly TopicPartition[]): Promise<Map<string, Committed>> {
    const { group, requestTimeoutMs } = this.#settings
    const topics = [...new Set(partitions.map((at) => at.topic))].map((name) => ({
      name,
      partitionIndexes: this.#indexesOf(name, partitions),
    }))
    const coordinator = await this.#cluster.coordinatorOf(group)
    const answer = await this.#port.call(
      coordinator,
      'OffsetFetch',
      { groups: [{ groupId: group, memberId: null, memberEpoch: noEpoch, topics }], requireStable: true },
      { channel: 'main', timeoutMs: requestTimeoutMs },
    )
    const found = answer.groups[0]
    this.#check('OffsetFetch', found?.errorCode ?? 0)
    const committed = new Map<string, Committed>()
    for (const topic of found?.topics ?? []) {
      for (const each of topic.partitions) {
        this.#check('OffsetFetch', each.errorCode)
        if (each.committedOffset < 0) continue
        const at = { topic: topic.name, partition: each.partitionIndex }
        const { committedOffset: offset, committedLeaderEpoch: leaderEpoch, metadata } = each
        committed.set(partitionName(at), { offset, leaderEpoch, metadata })
      }
    }
    return committed
  }

  /** All partitions of the topic, because those of others tell how old the group is, and ours whatever the metadata says. */
  #indexesOf(topic: string, assigned: readonly TopicPartition[]): number[] {
    const known = this.#cluster.topic(topic)?.partitions.map((each) => each.partition) ?? []
    const ours = assigned.filter((at) => at.topic === topic).map((at) => at.partition)
    return [...new Set([...known, ...ours])]
  }

  #check(what: string, errorCode: number): void {
    if (errorCode === 0) return
    if (isCoordinatorElsewhere(errorCode)) {
      this.#cluster.forgetCoordinator(this.#settings.group)
      throw new NotNow(`${what}: ${kafkaErrorName(errorCode)}`)
    }
    if (errorCode === unstableOffsetCommit) throw new NotNow('a transaction that commits our offsets is still open')
    if (errorCode === kafkaErrors.GROUP_AUTHORIZATION_FAILED || errorCode === kafkaErrors.TOPIC_AUTHORIZATION_FAILED) {
      throw new HoldfastError('AUTHORIZATION_FAILED', `${what} was refused with ${kafkaErrorName(errorCode)}`, {
        remedy: `Grant the principal Read on the group ${this.#settings.group} and on its topics.`,
      })
    }
    if (identityCodes.has(errorCode)) throw new RefusedByCoordinator(what, errorCode)
    throw new NotNow(`${what}: ${kafkaErrorName(errorCode)}`)
  }

  /** Committed before the first dispatch, so that a crash before the first record cannot move the start. */
  async #commitStarts(identity: Identity, starts: readonly StartPosition[], mayCommit: () => boolean): Promise<void> {
    const { group, requestTimeoutMs } = this.#settings
    const byTopic = Map.groupBy(starts, (start) => start.topic)
    const coordinator = await this.#cluster.coordinatorOf(group)
    if (!mayCommit()) throw new NotNow('the group has moved on before the start was committed')
    const answer = await this.#port.call(
      coordinator,
      'OffsetCommit',
      {
        groupId: group,
        generationIdOrMemberEpoch: identity.generation,
        memberId: identity.memberId,
        groupInstanceId: null,
        topics: [...byTopic].map(([name, each]) => ({
          name,
          partitions: each.map((start) => ({
            partitionIndex: start.partition,
            committedOffset: start.position,
            committedLeaderEpoch: start.leaderEpoch,
            committedMetadata: start.startMark,
          })),
        })),
      },
      { channel: 'main', timeoutMs: requestTimeoutMs },
    )
    for (const topic of answer.topics) for (const each of topic.partitions) this.#check('OffsetCommit', each.errorCode)
  }

  // ── the leaders ──

  /** A committed offset counts unless the log was cut below it. */
  async #continue(at: TopicPartition, committed: Committed | undefined): Promise<StartPosition> {
    if (committed === undefined) throw new RangeError(`nothing is committed for ${partitionName(at)}`)
    const position = startAt(committed.offset)
    const { leaderEpoch } = committed
    const cutAt = leaderEpoch < 0 ? null : await this.#endOfEpoch(at, leaderEpoch)
    const known = { ...at, startMark: '', leaderEpoch }
    if (cutAt !== null && cutAt < position) {
      return { ...known, ...noMarks, position: startAt(cutAt), committed: null, cutFrom: position }
    }
    return { ...known, ...(await this.#marksOf(at, committed)), position, committed: position, cutFrom: null }
  }

  /** What the commit says about the records above it, if it was made for this very log (R10): a text that was carried over
   *  to another topic, or that outlived a reset or a cut, must never make us skip a record. */
  async #marksOf(at: TopicPartition, { offset, metadata }: Committed): Promise<Marks> {
    const written = readCommitText(metadata, this.#clock)
    if (written === null) return noMarks
    if (typeof written === 'string') return ignored(written)
    if (written.committedOffset !== offset) return ignored('it was made for another offset')
    if (this.#cluster.topic(at.topic)?.topicId !== written.topicId) return ignored('it was made for another topic')
    const end = written.leaderEpoch < 0 ? null : await this.#endOfEpoch(at, written.leaderEpoch)
    if (end === null || end <= written.highest) return ignored('the log was cut below what it speaks of')
    return { inherited: written.inherited, ignoredMarks: null }
  }

  /** Where to start on partitions that the group never committed. A partition that appeared after the group began starts
   *  at its beginning whatever `from` says, or the records before it was noticed would be lost. The group began in this
   *  very generation if all that it has committed of the topic is starts of this generation. */
  async #begin(
    partitions: readonly TopicPartition[],
    committed: ReadonlyMap<string, Committed>,
    identity: Identity,
  ): Promise<StartPosition[]> {
    return Promise.all(
      partitions.map(async (at) => {
        const ofTopic = [...committed].filter(([name]) => name.startsWith(`${at.topic}/`))
        const hasJustBegun = ofTopic.every(([, each]) => hasStartMark(each.metadata, identity.generation))
        const position = startAt(await this.#startOf(at, hasJustBegun))
        const mark = startMark(identity.generation)
        return { ...at, ...noMarks, position, committed: null, leaderEpoch: noEpoch, startMark: mark, cutFrom: null }
      }),
    )
  }

  async #startOf(at: TopicPartition, hasJustBegun: boolean): Promise<number> {
    const from = hasJustBegun ? (this.#from.get(at.topic) ?? 'earliest') : 'earliest'
    if (from === 'fail') throw nothingCommitted(at, this.#settings.group)
    if (from === 'earliest') return this.#offsetAt(at, earliestTimestamp)
    if (from === 'latest') return this.#offsetAt(at, latestTimestamp)
    // The end first: a record that is written between the two questions must not be skipped.
    const end = await this.#offsetAt(at, latestTimestamp)
    const found = await this.#offsetAt(at, from.timeMs)
    return found < 0 ? end : found
  }

  /** −1 when no record is at or after the timestamp. */
  async #offsetAt(at: TopicPartition, timestamp: number): Promise<number> {
    const leader = this.#leader(at)
    const isolationLevel = this.#settings.fetch.isolationLevel === 'readCommitted' ? 1 : 0
    const partition = { partitionIndex: at.partition, currentLeaderEpoch: leader.leaderEpoch, timestamp }
    const answer = await this.#port.call(
      leader.address,
      'ListOffsets',
      { isolationLevel, topics: [{ name: at.topic, partitions: [partition] }] },
      { channel: 'main', timeoutMs: this.#settings.requestTimeoutMs },
    )
    const found = onlyPartition(answer)
    if (found === undefined || found.errorCode !== 0) throw this.#moved(at, found?.errorCode)
    return found.offset
  }

  /** Where the records of a leader epoch end, null when the broker cannot say. */
  async #endOfEpoch(at: TopicPartition, leaderEpoch: number): Promise<number | null> {
    const leader = this.#leader(at)
    const partition = { partition: at.partition, currentLeaderEpoch: leader.leaderEpoch, leaderEpoch }
    const answer = await this.#port.call(
      leader.address,
      'OffsetForLeaderEpoch',
      { topics: [{ topic: at.topic, partitions: [partition] }] },
      { channel: 'main', timeoutMs: this.#settings.requestTimeoutMs },
    )
    const found = answer.topics[0]?.partitions[0]
    if (found === undefined || found.errorCode !== 0) throw this.#moved(at, found?.errorCode)
    return found.endOffset < 0 ? null : found.endOffset
  }

  #leader(at: TopicPartition): LeaderView {
    const leader = this.#cluster.leaderOf(at.topic, at.partition)
    if (leader === undefined) throw this.#moved(at, undefined)
    return leader
  }

  #moved(at: TopicPartition, errorCode: number | undefined): NotNow {
    void this.#cluster.refresh(`${partitionName(at)} is not where it was`)
    return new NotNow(`${partitionName(at)}: ${errorCode === undefined ? 'no leader' : kafkaErrorName(errorCode)}`)
  }
}

function onlyPartition(answer: ResponseOf<'ListOffsets'>): { errorCode: number; offset: number } | undefined {
  return answer.topics[0]?.partitions[0]
}

function nothingCommitted(at: TopicPartition, group: string): HoldfastError {
  return new HoldfastError(
    'KAFKA_ERROR',
    `expected a committed offset of ${group} for ${partitionName(at)} because from is 'fail', got none`,
    { remedy: "Commit a start for the group, or choose another `from`, such as 'earliest'." },
  )
}

function lostToRetention(at: TopicPartition, position: number, first: number): HoldfastError {
  return new HoldfastError(
    'KAFKA_ERROR',
    `expected offset ${position} of ${partitionName(at)}, but its log begins at ${first} and from is 'fail'`,
    { remedy: 'Reset the group to an existing offset, raise the retention, or choose another `from`.' },
  )
}
