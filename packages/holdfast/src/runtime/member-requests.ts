/** Carries out what the engine asks of Kafka on behalf of one member, and brings every answer back as an event, with the
 *  stamp of its question. Failures are answers too: nothing here rejects. */
import { exponentialDelayMs } from '../engine/backoff.ts'
import type { Claim, CommitOffset, Identity, JoinAnswer, LostPosition, Stamp } from '../engine/effects.ts'
import type { FetchOrder } from '../engine/fetch-session.ts'
import type { MemberEvent, MemberFlow } from '../engine/member-flow.ts'
import { HoldfastError } from '../model/errors.ts'
import type { KafkaRecord } from '../model/record.ts'
import type { GroupSettings } from '../model/settings.ts'
import { partitionName, type TopicPartition } from '../model/topic-partition.ts'
import type { Clock } from './clock.ts'
import type { Cluster } from './cluster.ts'
import type { OpenPort } from './environment.ts'
import { fetchFrom } from './fetching.ts'
import { GroupCalls } from './group-calls.ts'
import { NotNow, Positions, RefusedByCoordinator } from './positions.ts'
import { wait } from './wait.ts'

export type MemberRequestsParts = {
  readonly settings: GroupSettings
  readonly port: OpenPort
  readonly cluster: Cluster
  readonly clock: Clock
  /** Asked only whether an answer is still wanted. */
  readonly flow: MemberFlow<KafkaRecord>
  readonly step: (event: MemberEvent<KafkaRecord>) => void
  readonly onFailed: (error: Error) => void
}

const retryDelay = { firstMs: 100, maxMs: 5_000 }

export class MemberRequests {
  readonly settings: GroupSettings
  readonly #port: OpenPort
  readonly #cluster: Cluster
  readonly #clock: Clock
  readonly #flow: MemberFlow<KafkaRecord>
  readonly #step: (event: MemberEvent<KafkaRecord>) => void
  readonly #onFailed: (error: Error) => void
  readonly #positions: Positions
  readonly #calls: GroupCalls
  readonly #closing = new AbortController()

  constructor(parts: MemberRequestsParts) {
    this.settings = parts.settings
    this.#port = parts.port
    this.#cluster = parts.cluster
    this.#clock = parts.clock
    this.#flow = parts.flow
    this.#step = parts.step
    this.#onFailed = parts.onFailed
    this.#positions = new Positions(parts)
    this.#calls = new GroupCalls(parts)
  }

  /** Answers no longer matter and waits end. */
  close(): void {
    this.#closing.abort()
  }

  get #isClosed(): boolean {
    return this.#closing.signal.aborted
  }

  /** Whoever leads the group divided the partitions that there were; when there are more, it must divide again. */
  noticeNewPartitions(): void {
    if (!this.#flow.membership.isLeader || !this.#calls.isDivisionOutdated) return
    this.#step({ kind: 'partitionsChanged', reason: 'the number of partitions changed' })
  }

  leave(memberId: string): Promise<void> {
    return this.#calls.leave(memberId)
  }

  /** Where each of these partitions ends now; those that leave meanwhile are left out. */
  async endsOf(partitions: readonly TopicPartition[]): Promise<ReadonlyMap<string, number>> {
    const ends = new Map<string, number>()
    const look = (at: TopicPartition): Promise<void> =>
      this.#insist(
        () => this.#flow.partitions.has(partitionName(at)),
        async () => void ends.set(partitionName(at), await this.#positions.endOf(at)),
      )
    await Promise.all(partitions.map(look))
    return ends
  }

  async join(stamp: Stamp, memberId: string, claim: Claim): Promise<void> {
    try {
      const answer = await this.#calls.join(memberId, claim, () => this.#mayJoin(stamp))
      this.#step({ kind: 'joined', stamp, answer })
    } catch (error) {
      this.#callFailed(error, () => this.#step({ kind: 'joinFailed', stamp }))
    }
  }

  /** Finding the coordinator may have taken long: what goes out must still be wanted, and keeps our place from now on. */
  #mayJoin(stamp: Stamp): boolean {
    if (this.#isClosed || stamp !== this.#flow.membership.stamp) return false
    this.#step({ kind: 'joinSent', stamp })
    return stamp === this.#flow.membership.stamp
  }

  async sync(stamp: Stamp, answer: JoinAnswer): Promise<void> {
    try {
      const { errorCode, partitions } = await this.#calls.sync(answer, () => this.#mayJoin(stamp))
      this.#step({ kind: 'synced', stamp, errorCode, partitions })
      this.noticeNewPartitions()
    } catch (error) {
      this.#callFailed(error, () => this.#step({ kind: 'joinFailed', stamp }))
    }
  }

  async heartbeat(stamp: Stamp, identity: Identity, sentMs: number): Promise<void> {
    try {
      const errorCode = await this.#calls.heartbeat(identity)
      this.#step({ kind: 'heartbeatAnswered', stamp, sentMs, errorCode })
    } catch (error) {
      this.#callFailed(error, () => this.#step({ kind: 'heartbeatFailed', stamp, sentMs }))
    }
  }

  async commit(stamp: Stamp, identity: Identity, offsets: readonly CommitOffset[]): Promise<void> {
    try {
      const results = await this.#calls.commit(identity, offsets, () => this.#mayStillCommit(stamp))
      this.#step({ kind: 'committed', stamp, identity, results })
    } catch (error) {
      this.#callFailed(error, (reason) => this.#step({ kind: 'commitFailed', stamp, reason }))
    }
  }

  /** Finding the coordinator may have taken long; what is written must be true at that moment (R1, R5). */
  #mayStillCommit(stamp: Stamp): boolean {
    const { membership } = this.#flow
    return stamp === membership.stamp && membership.mayCommit(this.#clock.monotonicMs())
  }

  async fetch(order: FetchOrder): Promise<void> {
    const event = await fetchFrom({ order, port: this.#port, cluster: this.#cluster, settings: this.settings.fetch })
    this.#step(event)
  }

  /** Repeats until it knows, or until the assignment is of another generation. */
  async resolvePositions(stamp: Stamp, identity: Identity, partitions: readonly TopicPartition[]): Promise<void> {
    const isCurrent = (): boolean => stamp === this.#flow.membership.stamp && this.#flow.membership.hasAssignment
    await this.#insist(
      isCurrent,
      async () => {
        const mayCommit = (): boolean => isCurrent() && this.#mayStillCommit(stamp)
        const starts = await this.#positions.resolve(identity, partitions, mayCommit)
        this.#step({ kind: 'positioned', stamp, starts })
      },
      (error) => this.#step({ kind: 'refused', stamp, errorCode: error.errorCode, what: error.message }),
    )
  }

  async relocate(lost: LostPosition): Promise<void> {
    const isCurrent = (): boolean => this.#flow.partitions.get(partitionName(lost.at))?.epoch === lost.epoch
    await this.#insist(isCurrent, async () => {
      const { position, reason } = await this.#positions.relocate(lost)
      this.#step({ kind: 'relocated', at: lost.at, epoch: lost.epoch, position, reason })
    })
  }

  /** Tries again after everything that passes, while `isWanted`. */
  async #insist(
    isWanted: () => boolean,
    attempt: () => Promise<void>,
    onRefused?: (error: RefusedByCoordinator) => void,
  ): Promise<void> {
    for (let failures = 1; isWanted() && !this.#isClosed; failures++) {
      try {
        await attempt()
        return
      } catch (error) {
        if (error instanceof RefusedByCoordinator && onRefused !== undefined) {
          onRefused(error)
          return
        }
        if (error instanceof HoldfastError && !error.retriable) {
          this.#onFailed(error)
          return
        }
        if (!(error instanceof NotNow)) {
          this.#cluster.forgetCoordinator(this.settings.group)
          void this.#cluster.refresh('a request about positions failed')
        }
        await this.pause(exponentialDelayMs(retryDelay, failures, () => this.#clock.random()))
      }
    }
  }

  /** Resolves after `delayMs`, or at once when closed. */
  pause(delayMs: number): Promise<void> {
    return wait(this.#clock, delayMs, this.#closing.signal)
  }

  /** An error that is not of the port or the coordinator look-up is a mistake of ours and must not pass as bad weather. */
  #callFailed(error: unknown, onFailed: (reason: string) => void): void {
    if (this.#isClosed) return
    if (error instanceof HoldfastError && !error.retriable && error.code !== 'STOPPED') this.#onFailed(error)
    else onFailed(error instanceof Error ? error.message : String(error))
  }
}
