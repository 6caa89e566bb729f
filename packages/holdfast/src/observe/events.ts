/** The one typed list of everything that Holdfast tells about itself. Log, metrics, page and tests are listeners of this
 *  list and of nothing else, so that they can never disagree. Events carry no message bodies, header values or keys. */
import type { Outcome } from '../model/outcome.ts'
import type { PauseReason } from '../model/pause-reason.ts'
import type { TopicPartition } from '../model/topic-partition.ts'

export type HoldfastEvents = {
  'app.started': { readonly groups: readonly string[]; readonly brokers: readonly string[] }
  'app.stopping': { readonly reason: string }
  'app.stopped': { readonly clean: boolean; readonly uncommitted: number; readonly abandoned: number }
  'app.failed': { readonly error: Error }

  'connection.failed': { readonly node: string; readonly kind: string; readonly reason: string }
  'connection.insecure': { readonly reason: string }

  'group.joined': {
    readonly group: string
    readonly generation: number
    readonly memberId: string
    readonly isLeader: boolean
    /** Partitions that we had before and keep, that are new to us, and that we have yet to give back. */
    readonly retained: number
    readonly added: number
    readonly revoked: number
  }
  'group.rebalancing': { readonly group: string; readonly reason: string }
  'group.lost': { readonly group: string; readonly reason: string }
  'group.left': { readonly group: string }
  'group.stalled': { readonly group: string; readonly reason: string; readonly forMs: number }

  'partition.assigned': {
    readonly group: string
    readonly at: TopicPartition
    readonly epoch: number
    readonly from: number
  }
  'partition.revoked': {
    readonly group: string
    readonly at: TopicPartition
    readonly epoch: number
    readonly committed: number | null
    readonly abandoned: number
    /** Records whose failed attempts the next owner does not know of: it begins at attempt 1. */
    readonly forgottenAttempts: number
  }
  'partition.lost': {
    readonly group: string
    readonly at: TopicPartition
    readonly epoch: number
    readonly reason: string
  }
  'partition.paused': { readonly group: string; readonly at: TopicPartition; readonly reason: PauseReason }
  'partition.resumed': { readonly group: string; readonly at: TopicPartition; readonly reason: PauseReason }
  /** Records are gone before they were read: deleted by retention or cut off by a truncation. `missing` counts offsets. */
  'partition.reset': {
    readonly group: string
    readonly at: TopicPartition
    readonly from: number
    readonly to: number
    readonly reason: string
    readonly missing: number
  }
  /** A record used up its attempts and there is no dead-letter topic: the partition stands still until it is restarted. */
  'partition.blocked': {
    readonly group: string
    readonly at: TopicPartition
    readonly offset: number
    readonly error: Error
  }

  'attempt.failed': {
    readonly group: string
    readonly at: TopicPartition
    readonly offset: number
    readonly attempt: number
    readonly error: Error
    /** Whole milliseconds; the next attempt starts no earlier. Null: there is none, or this one did not count. */
    readonly retryInMs: number | null
  }
  'attempt.timedOut': {
    readonly group: string
    readonly at: TopicPartition
    readonly offset: number
    readonly attempt: number
    readonly timeoutMs: number
  }
  /** The handler ignored the abort: its permit is given back, its lane stays held. */
  'attempt.zombie': {
    readonly group: string
    readonly at: TopicPartition
    readonly offset: number
    readonly attempt: number
    readonly zombies: number
  }
  /** A result that came after its partition had left: dropped, never committed. */
  'attempt.stale': {
    readonly group: string
    readonly at: TopicPartition
    readonly offset: number
    readonly epoch: number
  }
  /** Once for each record that became work. Records that only pass by (`alreadyDone`, `stale`) or are handed back
   *  (`abandoned`) are counted in the status and told by no event of their own. */
  'record.ended': {
    readonly group: string
    readonly at: TopicPartition
    readonly offset: number
    readonly outcome: Outcome
  }

  /** A record was stored in a delay topic or among the dead letters; only now is it done where it was. */
  'record.handedOff': {
    readonly group: string
    readonly at: TopicPartition
    readonly offset: number
    readonly outcome: Outcome
    readonly to: string
    readonly attempts: number
  }
  /** It could not be stored there: its offset stays open, its partition pauses, it is written again. */
  'record.handOffFailed': {
    readonly group: string
    readonly at: TopicPartition
    readonly offset: number
    readonly to: string
    readonly reason: string
    readonly retryInMs: number
  }

  /** What the last commit says about the records above it is not believed; they are handled again. */
  'commit.marksIgnored': { readonly group: string; readonly at: TopicPartition; readonly reason: string }
  'commit.sent': { readonly group: string; readonly partitions: number }
  'commit.acknowledged': { readonly group: string; readonly partitions: number; readonly durationMs: number }
  'commit.failed': { readonly group: string; readonly reason: string; readonly retryInMs: number | null }

  'fetch.failed': { readonly group: string; readonly node: string; readonly reason: string; readonly retryInMs: number }
  'fetch.corrupt': {
    readonly group: string
    readonly at: TopicPartition
    readonly offset: number
    readonly reason: string
  }

  'produce.failed': {
    readonly at: TopicPartition
    readonly records: number
    readonly reason: string
    readonly ambiguous: boolean
  }
  'produce.retried': { readonly at: TopicPartition; readonly records: number; readonly reason: string }

  'health.changed': { readonly live: boolean; readonly ready: boolean; readonly reasons: readonly string[] }
}

export type HoldfastEventName = keyof HoldfastEvents

/** `emit` never throws: a listener that fails must not take a consumer down with it. */
export type Emit = <N extends HoldfastEventName>(name: N, event: HoldfastEvents[N]) => void
