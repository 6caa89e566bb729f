/** Everything that can happen to a member, and what its events carry. Stamps and epochs come back as they were sent, so that
 *  an answer of an older life can be told from one of this. */
import type { NextOffset } from '../model/next-offset.ts'
import type { TopicPartition } from '../model/topic-partition.ts'
import type { CommitResult, Identity, JoinAnswer, Stamp } from './effects.ts'
import type { Entry } from './entry.ts'
import type { FetchedPartition } from './fetches.ts'
import type { InheritedMarks } from './inherited-marks.ts'

/** Where to start on an assigned partition. `committed` is null when nothing was committed before. */
export type StartPosition = TopicPartition & {
  readonly position: NextOffset
  readonly committed: NextOffset | null
  readonly leaderEpoch: number
  /** Goes with every commit of this ownership. */
  readonly startMark: string
  /** What the last commit says about the records above it; null if it says nothing, or nothing to be believed. */
  readonly inherited: InheritedMarks | null
  /** Why what it says is not believed. */
  readonly ignoredMarks: string | null
  /** What was committed, if the log was cut below it and reading starts lower. */
  readonly cutFrom: NextOffset | null
}

export type Leader = TopicPartition & {
  readonly nodeId: number
  readonly leaderEpoch: number
  readonly topicId: string
}

export type MemberEvent<R> =
  | { readonly kind: 'start' }
  | { readonly kind: 'tick' }
  /** A JoinGroup or SyncGroup goes out: its coordinator was known, or has been found. */
  | { readonly kind: 'joinSent'; readonly stamp: Stamp }
  | { readonly kind: 'joined'; readonly stamp: Stamp; readonly answer: JoinAnswer }
  | {
      readonly kind: 'synced'
      readonly stamp: Stamp
      readonly errorCode: number
      readonly partitions: readonly TopicPartition[]
    }
  | { readonly kind: 'joinFailed'; readonly stamp: Stamp }
  | { readonly kind: 'heartbeatAnswered'; readonly stamp: Stamp; readonly sentMs: number; readonly errorCode: number }
  | { readonly kind: 'heartbeatFailed'; readonly stamp: Stamp; readonly sentMs: number }
  | { readonly kind: 'positioned'; readonly stamp: Stamp; readonly starts: readonly StartPosition[] }
  | { readonly kind: 'refused'; readonly stamp: Stamp; readonly errorCode: number; readonly what: string }
  | { readonly kind: 'leaders'; readonly leaders: readonly Leader[] }
  | { readonly kind: 'partitionsChanged'; readonly reason: string }
  | {
      readonly kind: 'fetched'
      readonly nodeId: number
      readonly stamp: number
      readonly sessionId: number
      readonly partitions: readonly FetchedPartition<R>[]
    }
  | {
      readonly kind: 'fetchFailed'
      readonly nodeId: number
      readonly stamp: number
      readonly reason: string
      readonly isSessionLost: boolean
    }
  | {
      readonly kind: 'relocated'
      readonly at: TopicPartition
      readonly epoch: number
      readonly position: NextOffset
      readonly reason: string
    }
  | {
      readonly kind: 'committed'
      readonly stamp: Stamp
      readonly identity: Identity
      readonly results: readonly CommitResult[]
    }
  | { readonly kind: 'handedOff'; readonly entry: Entry<R> }
  | { readonly kind: 'handOffFailed'; readonly entry: Entry<R>; readonly error: unknown; readonly isHopeless: boolean }
  | { readonly kind: 'commitFailed'; readonly stamp: Stamp; readonly reason: string }
  | { readonly kind: 'paused'; readonly topic: string }
  | { readonly kind: 'resumed'; readonly topic: string }
  | { readonly kind: 'drain'; readonly drainMs: number }
  | { readonly kind: 'leave'; readonly budgetMs: number }
