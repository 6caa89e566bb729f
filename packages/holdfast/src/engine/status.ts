/** Reads a member and says how it stands, for health, page and `explain()`. Decides nothing and changes nothing. */
import type { PauseReason } from '../model/pause-reason.ts'
import { describeThrown } from '../model/errors.ts'
import type { OutcomeCounts } from '../model/outcome.ts'
import type { Entry } from './entry.ts'
import type { MemberFlow } from './member-flow.ts'
import type { MembershipPhase } from './membership.ts'
import type { PartitionFlow } from './partition-flow.ts'
import type { SubscriptionFlow } from './subscription-flow.ts'

export type PartitionStatus = {
  readonly topic: string
  readonly partition: number
  readonly epoch: number
  /** The next offset to fetch. */
  readonly position: number
  /** The next offset to commit: everything below it is done. */
  readonly committable: number
  /** What the last acknowledged commit says; null before the first. */
  readonly committed: number | null
  /** Where the readable log ends; −1 while unknown. */
  readonly endOffset: number
  /** Records between the committable offset and the end; −1 while unknown. */
  readonly lag: number
  readonly buffered: number
  /** Records of a delay topic that are read and not due. */
  readonly waiting: number
  readonly inFlight: number
  readonly parked: number
  readonly zombies: number
  readonly heldBytes: number
  readonly pausedFor: readonly PauseReason[]
  /** The oldest unfinished record when something above it is finished already, so that it alone holds the commit back. */
  readonly blockedBy: {
    readonly offset: number
    readonly attempt: number
    /** How long it has been as it is. */
    readonly forMs: number
    readonly why: string
  } | null
}

export type SubscriptionStatus = {
  readonly topic: string
  readonly concurrency: number
  readonly inFlight: number
  readonly maxInFlight: number
  readonly parked: number
  readonly zombies: number
  /** Attempts that were started after a wait in place. */
  readonly retriedInPlace: number
  /** Records of its delay topics that are read and not due. */
  readonly waiting: number
  /** How long after its due time a retry started, at most. */
  readonly latenessMaxMs: number
  /** Offsets that the broker had deleted before they were read. */
  readonly lostToRetention: number
  readonly counts: OutcomeCounts & { readonly accepted: number }
  readonly partitions: readonly PartitionStatus[]
}

export type MemberHealth = {
  readonly phase: MembershipPhase
  /** Whether it is in the group and works on what it was given, also while the group divides the rest anew. */
  readonly isWorking: boolean
  /** What is wrong enough to restart the process; empty when it is alive. */
  readonly failures: readonly string[]
  /** What somebody should know although no restart would help. */
  readonly warnings: readonly string[]
}

/** After this many attempt timeouts without any progress a subscription with work and free permits counts as stalled. */
const stalledAfterTimeouts = 3
/** With the pauses between them, that many failures in a row are half a minute without a record. */
const fetchFailuresMax = 10
/** R16: this many handlers that ignore their abort are more than a process should carry. */
const zombiesMax = 10

export function subscriptionStatus<R>(flow: MemberFlow<R>, topic: string, nowMs: number): SubscriptionStatus | null {
  const subscription = flow.subscriptions.get(topic)
  if (subscription === undefined) return null
  const owned = [...flow.partitions.values()].filter((partition) => subscription.topics.has(partition.topic))
  const partitions = owned.map((partition) => partitionStatus(partition, nowMs))
  return {
    topic,
    concurrency: subscription.concurrency,
    inFlight: subscription.running,
    maxInFlight: subscription.runningMax,
    parked: partitions.reduce((sum, partition) => sum + partition.parked, 0),
    zombies: subscription.zombies,
    retriedInPlace: subscription.retriedInPlace,
    waiting: partitions.reduce((sum, partition) => sum + partition.waiting, 0),
    latenessMaxMs: subscription.latenessMaxMs,
    lostToRetention: subscription.lostToRetention,
    counts: subscription.counts(owned),
    partitions,
  }
}

function partitionStatus<R>(flow: PartitionFlow<R>, nowMs: number): PartitionStatus {
  const { ledger, endOffset } = flow
  const committable = flow.committable()
  const blocker = ledger.finishedAbove > 0 && ledger.oldest?.state !== 'waiting' ? ledger.oldest : firstBlocked(flow)
  return {
    topic: flow.topic,
    partition: flow.partition,
    epoch: flow.epoch,
    position: flow.fetchPosition,
    committable,
    committed: flow.committed,
    endOffset,
    lag: lagOf(flow),
    buffered: ledger.size - flow.waiting,
    waiting: flow.waiting,
    inFlight: flow.running,
    parked: flow.parked,
    zombies: flow.zombies,
    heldBytes: flow.heldBytes,
    pausedFor: flow.pauses,
    blockedBy:
      blocker === null
        ? null
        : {
            offset: blocker.offset,
            attempt: blocker.attempt,
            forMs: nowMs - blocker.sinceMs,
            why: whyUnfinished(blocker, nowMs),
          },
  }
}

/** In a delay topic only what is due counts: what waits is no work (R23). */
function lagOf<R>(flow: PartitionFlow<R>): number {
  if (flow.delayMs !== null) return flow.ledger.size - flow.waiting
  return flow.endOffset < 0 ? -1 : Math.max(0, flow.endOffset - flow.committable())
}

/** The lowest record that is out of attempts: the one that somebody has to look at. */
function firstBlocked<R>(flow: PartitionFlow<R> | undefined): Entry<R> | null {
  if (flow === undefined || flow.blocked === 0) return null
  let entry = flow.ledger.oldest
  while (entry !== null && entry.state !== 'blocked') entry = entry.newer
  return entry
}

/** An earlier owner told how often it failed, not with what. */
function after<R>({ error }: Entry<R>): string {
  return error === undefined ? 'after a failure in an earlier ownership' : `after ${describeThrown(error, 200)}`
}

/** One half-sentence about the state of an entry. */
function whyUnfinished<R>(entry: Entry<R>, nowMs: number): string {
  switch (entry.state) {
    case 'running':
      return entry.phase === 'timed'
        ? 'its handler is running'
        : `its handler was aborted (${entry.abortReason}) and has not settled`
    case 'parked':
      return `it waits ${seconds(Math.max(0, entry.dueMs - nowMs))} for attempt ${entry.attempt + 1} ${after(entry)}`
    case 'blocked':
      return `it failed ${timesOf(entry.attempt)}, last with ${describeThrown(entry.error, 200)}, and there is no dead-letter topic`
    case 'queued':
      return 'it waits for its lane or a permit'
    case 'waiting':
      return `it is due in ${seconds(Math.max(0, entry.dueMs - nowMs))}`
    case 'leaving':
      return whyLeaving(entry)
    case 'finished':
      return 'it is finished'
  }
}

function whyLeaving<R>({ owner, destination }: Entry<R>): string {
  const { failures, problem } = owner.handOffs
  const written = `it is being written to ${destination?.topic}`
  return failures === 0 ? written : `${written}, which failed ${timesOf(failures)}: ${describeThrown(problem, 200)}`
}

/** One sentence for each partition that does not simply move. */
export function explain<R>(flow: MemberFlow<R>, topic: string, nowMs: number): readonly string[] {
  const status = subscriptionStatus(flow, topic, nowMs)
  const sentences: string[] = []
  const { membership } = flow
  if (!membership.isMember && !membership.isWorking) sentences.push(`${topic}: not in the group (${membership.phase})`)
  for (const partition of status?.partitions ?? []) {
    const name = `${partition.topic}/${partition.partition}`
    const { blockedBy } = partition
    if (blockedBy !== null) {
      sentences.push(
        `${name}: offset ${blockedBy.offset} holds the commit for ${seconds(blockedBy.forMs)}: ${blockedBy.why}`,
      )
    }
    const owned = flow.partitions.get(name)
    if (owned !== undefined && owned.fetchProblem !== null) {
      sentences.push(`${name}: cannot be fetched (${owned.fetchFailures} failures in a row): ${owned.fetchProblem}`)
    }
    const blocked = firstBlocked(owned)
    if (blocked !== null && blocked.offset !== blockedBy?.offset)
      sentences.push(`${name}: stands still because of offset ${blocked.offset}: ${whyUnfinished(blocked, nowMs)}`)
    if (partition.pausedFor.length > 0) sentences.push(`${name}: paused (${partition.pausedFor.join(', ')})`)
    if (partition.zombies > 0) sentences.push(`${name}: ${partition.zombies} handlers ignore their abort`)
  }
  return sentences
}

/** Alive means progress, never "the broker can be reached": a broker's outage is no reason to restart every consumer. */
export function memberHealth<R>(flow: MemberFlow<R>, nowMs: number): MemberHealth {
  const failures: string[] = []
  const warnings: string[] = []
  for (const subscription of new Set(flow.subscriptions.values())) {
    const { topic } = subscription.settings
    if (subscription.lostToRetention > 0) {
      warnings.push(`${topic}: ${subscription.lostToRetention} offsets were deleted before they were read`)
    }
    if (subscription.zombies >= zombiesMax)
      failures.push(`${topic}: ${subscription.zombies} handlers ignore their abort`)
    const stalledForMs = stalledFor(flow, subscription, nowMs)
    if (stalledForMs > 0) {
      failures.push(`${topic}: work is waiting and nothing ended for ${seconds(stalledForMs)}`)
    }
  }
  for (const partition of flow.partitions.values()) {
    const name = `${partition.topic}/${partition.partition}`
    if (partition.unreadable !== null) {
      failures.push(
        `${name}: the bytes behind offset ${partition.ledger.position} cannot be read: ${partition.unreadable}`,
      )
    }
    if (partition.fetchProblem !== null && partition.fetchFailures >= fetchFailuresMax) {
      failures.push(`${name}: ${partition.fetchFailures} fetches failed in a row: ${partition.fetchProblem}`)
    }
    const { handOffs } = partition
    if (handOffs.failures > 0) {
      warnings.push(`${name}: records cannot be written where they go: ${describeThrown(handOffs.problem, 200)}`)
    }
    const blocked = firstBlocked(partition)
    if (blocked === null) continue
    failures.push(`${name}: stands still because of offset ${blocked.offset}: ${whyUnfinished(blocked, nowMs)}`)
  }
  const { phase, isWorking } = flow.membership
  return { phase, isWorking, failures, warnings }
}

/** How long work has waited with a permit free, 0 while that is no stall. Without the lease nothing may start, and that is
 *  the broker's outage, not ours. */
function stalledFor<R>(flow: MemberFlow<R>, subscription: SubscriptionFlow<R>, nowMs: number): number {
  const isFree = subscription.running < subscription.concurrency
  if (!subscription.hasReady || !isFree || !flow.membership.holdsLease(nowMs)) return 0
  const forMs = nowMs - Math.max(subscription.progressAtMs, flow.membership.leaseSinceMs)
  return forMs > stalledAfterTimeouts * subscription.settings.attemptTimeoutMs ? forMs : 0
}

function seconds(ms: number): string {
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`
}

function timesOf(count: number): string {
  return count === 1 ? 'once' : `${count} times`
}
