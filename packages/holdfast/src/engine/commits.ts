/** Decides what a commit says and what its answer means (R1, R2, R8). When it is sent, `CommitRhythm` decides. A commit
 *  holds only partitions whose ownership goes on, never a lower offset than the last acknowledged one, and is stamped with
 *  the generation of the moment. */
import type { GroupSettings } from '../model/settings.ts'
import { partitionName } from '../model/topic-partition.ts'
import { CommitRhythm } from './commit-rhythm.ts'
import type { CommitMarks } from './commit-marks.ts'
import type { CommitOffset, CommitResult, Identity, MemberEffects, Stamp } from './effects.ts'
import { kafkaErrorName, kafkaErrors } from '../model/kafka-errors.ts'
import { isCoordinatorElsewhere } from './group-codes.ts'
import type { PartitionFlow } from './partition-flow.ts'

/** The broker's default of `offset.metadata.max.bytes`. */
const metadataLengthDefault = 4_096

type Sent = {
  readonly epoch: number
  readonly changes: number
  readonly finished: number
  readonly marks: CommitMarks
}

/** What a refusal means for the membership: a rebalance has begun, or the code with which it ended; null when nothing. */
type Refusal = 'rebalance' | number | null

const fencing: ReadonlySet<number> = new Set([
  kafkaErrors.ILLEGAL_GENERATION,
  kafkaErrors.UNKNOWN_MEMBER_ID,
  kafkaErrors.GROUP_ID_NOT_FOUND,
  kafkaErrors.FENCED_INSTANCE_ID,
])

export class Commits<R> {
  readonly rhythm: CommitRhythm
  #sentAtMs = 0
  #sentUnder: Stamp = -1
  /** The brokers take metadata of at most this many UTF-16 units; halved when they say that it is too long. */
  #metadataLengthMax = metadataLengthDefault
  /** What the request in flight says, by partition: an acknowledgement counts for that ownership only. */
  #sent = new Map<string, Sent>()

  constructor(settings: GroupSettings, random: () => number) {
    this.rhythm = new CommitRhythm(settings, random)
  }

  get nextWakeMs(): number {
    return this.rhythm.nextWakeMs
  }

  /** Sends what is dirty, all partitions in one request; nothing when nothing is. */
  send(
    partitions: Iterable<PartitionFlow<R>>,
    stamp: Stamp,
    identity: Identity,
    group: string,
    nowMs: number,
    effects: MemberEffects<R>,
  ): void {
    if (this.rhythm.isInFlight) return
    const offsets: CommitOffset[] = []
    this.#sent = new Map()
    for (const flow of partitions) {
      if (!flow.isDirty) continue
      const { topic, partition, epoch, changes } = flow
      const marks = flow.marks(this.#metadataLengthMax)
      const { finished } = flow.ledger
      offsets.push({ topic, partition, offset: flow.committable(), leaderEpoch: flow.committableEpoch, marks })
      this.#sent.set(partitionName(flow), { epoch, changes, finished, marks })
    }
    if (offsets.length === 0) {
      this.rhythm.settle()
      return
    }
    this.#sentAtMs = nowMs
    this.#sentUnder = stamp
    this.rhythm.sent(nowMs)
    effects.emit('commit.sent', { group, partitions: offsets.length })
    effects.commit(stamp, identity, offsets)
  }

  /** Whether this is the answer to the request in flight, and not to one of an older life. */
  isAwaited(stamp: Stamp): boolean {
    return this.rhythm.isInFlight && stamp === this.#sentUnder
  }

  /** Takes the answer in, partition by partition. */
  answered(
    results: readonly CommitResult[],
    partitions: ReadonlyMap<string, PartitionFlow<R>>,
    group: string,
    nowMs: number,
    effects: MemberEffects<R>,
  ): Refusal {
    let isTooLong = false
    let refusedWith = 0
    let acknowledged = 0
    for (const result of results) {
      const name = partitionName(result)
      const flow = partitions.get(name)
      if (result.errorCode === kafkaErrors.OFFSET_METADATA_TOO_LARGE) isTooLong = true
      if (result.errorCode !== 0) {
        refusedWith = refusedWith === 0 || fencing.has(result.errorCode) ? result.errorCode : refusedWith
        continue
      }
      const sent = this.#sent.get(name)
      if (flow === undefined || sent === undefined || flow.epoch !== sent.epoch) continue
      flow.committed = result.offset
      flow.markedChanges = sent.changes
      flow.told = sent.finished
      flow.markedFailures = new Map(sent.marks.failed.map(({ offset, attempts }) => [offset, attempts]))
      acknowledged += 1
    }
    // Once for the request, not once for each of its partitions.
    if (isTooLong) this.#metadataLengthMax = Math.floor(this.#metadataLengthMax / 2)
    if (acknowledged > 0) {
      effects.emit('commit.acknowledged', { group, partitions: acknowledged, durationMs: nowMs - this.#sentAtMs })
    }
    if (refusedWith === 0) {
      this.rhythm.acknowledged()
      for (const flow of partitions.values()) if (flow.isDirty) this.rhythm.note(0, nowMs)
      return null
    }
    if (isCoordinatorElsewhere(refusedWith)) effects.forgetCoordinator()
    this.failed(kafkaErrorName(refusedWith), group, nowMs, effects)
    if (refusedWith === kafkaErrors.REBALANCE_IN_PROGRESS) return 'rebalance'
    return fencing.has(refusedWith) ? refusedWith : null
  }

  /** No answer came, or a bad one: nobody knows what was stored, so what is true then is sent again later. */
  failed(reason: string, group: string, nowMs: number, effects: MemberEffects<R>): void {
    const retryInMs = this.rhythm.failed(nowMs)
    effects.emit('commit.failed', { group, reason, retryInMs })
  }
}
