/** The verbs of the engine. A flow decides by calling them on a sink that is passed in; the runtime's sink notes what to
 *  do and does it after the step, a test's collects them. An implementation may only note what it is told: calling back
 *  into a flow from here is an error. */
import type { Emit } from '../observe/events.ts'
import type { NextOffset } from '../model/next-offset.ts'
import type { Destination } from '../model/destination.ts'
import type { Outcome } from '../model/outcome.ts'
import type { TopicPartition } from '../model/topic-partition.ts'
import type { CommitMarks } from './commit-marks.ts'
import type { AbortReason, Entry } from './entry.ts'
import type { FetchOrder } from './fetch-session.ts'

/** What happens to the attempts of a subscription. */
export type AttemptEffects<R> = {
  /** Run the handler. */
  start(entry: Entry<R>): void
  /** Abort the attempt's signal; it may take its time to settle. */
  abort(entry: Entry<R>, reason: AbortReason): void
  timedOut(entry: Entry<R>): void
  zombie(entry: Entry<R>): void
  attemptFailed(entry: Entry<R>, error: unknown, retryInMs: number | null): void
  /** The record has its outcome. */
  ended(entry: Entry<R>, outcome: Outcome): void
  /** Write the record to where it goes; a `handedOff` or `handOffFailed` follows. */
  handOff(entry: Entry<R>, destination: Destination): void
  /** The entry is out of attempts and there is nowhere to send it. */
  blocked(entry: Entry<R>, error: unknown): void
}

/** Marks every request of a membership; an answer that carries an older stamp changes nothing. */
export type Stamp = number

export type CommitOffset = TopicPartition & {
  readonly offset: NextOffset
  readonly leaderEpoch: number
  readonly marks: CommitMarks
}

export type CommitResult = TopicPartition & { readonly offset: NextOffset; readonly errorCode: number }

/** A position that may not mean what it meant. */
export type LostPosition = {
  readonly at: TopicPartition
  readonly epoch: number
  readonly position: NextOffset
  /** Leader epoch of the last batch that was received; −1 before the first. */
  readonly lastFetchedEpoch: number
  /** The topic was deleted and made again. */
  readonly isOtherTopic: boolean
}

/** What the membership asks of the coordinator. */
export type MembershipEffects = {
  join(stamp: Stamp, memberId: string, claim: Claim): void
  sync(stamp: Stamp, answer: JoinAnswer): void
  /** `sentMs` comes back with the answer: it is from then on that an acknowledgement proves anything. */
  heartbeat(stamp: Stamp, identity: Identity, sentMs: number): void
  leave(memberId: string): void
  /** The known coordinator is wrong or gone. */
  forgetCoordinator(): void
  /** Going on is impossible; the app must fail. */
  fail(error: Error): void
}

/** Whom the coordinator takes us for at this moment. */
export type Identity = { readonly memberId: string; readonly generation: number }

/** What a member owns when it joins, and the generation that gave it; −1 with nothing. */
export type Claim = { readonly partitions: readonly TopicPartition[]; readonly generation: number }

export type JoinAnswer = {
  readonly errorCode: number
  readonly generationId: number
  readonly memberId: string
  readonly leader: string
  readonly protocolName: string | null
  /** Filled in for the leader only. */
  readonly members: readonly { readonly memberId: string; readonly metadata: Buffer }[]
}

export type MemberEffects<R> = AttemptEffects<R> &
  MembershipEffects & {
    /** Find out where to start on partitions that were just assigned. */
    resolvePositions(stamp: Stamp, identity: Identity, partitions: readonly TopicPartition[]): void
    fetch(order: FetchOrder): void
    commit(stamp: Stamp, identity: Identity, offsets: readonly CommitOffset[]): void
    /** The broker says that our position does not exist; ask it what does. */
    relocate(lost: LostPosition): void
    refreshMetadata(reason: string): void
    /** Everything that was running has ended or was given up; a stop may flush the producer now. */
    drained(): void
    /** The final commit was answered or given up and the group was left. */
    finished(result: { readonly uncommitted: number; readonly abandoned: number }): void
    readonly emit: Emit
  }
