/** Settings are what options become: complete, validated, in plain units, frozen. Inside Holdfast there are only settings;
 *  defaults live in `api/options.ts` and nowhere else. */

/** The unit of order (R13): one lane per partition, one per key, or none. */
export type Order = 'partition' | 'key' | 'none'

/** Where a group starts on a partition that it never committed (R12). */
export type StartFrom = 'earliest' | 'latest' | 'fail' | { readonly timeMs: number }

/** May a follower of its lane pass a record that left for a delay topic (`overtake`), or does the lane wait (`block`, R15)? */
export type WhileRetrying = 'overtake' | 'block'

/** A topic of ours in which records wait for their next attempt (R22). */
export type DelayTopic = { readonly topic: string; readonly delayMs: number }

/** The topic of ours for records that nothing could be done with. */
export type DeadLetterTopic = {
  readonly topic: string
  /** False when nobody asked for it: it is used if it exists or may be created (R18). */
  readonly isRequired: boolean
}

/** What happens to topics of ours that are missing or were made differently (R18, R21). */
export type OwnTopicPolicy = 'create' | 'verify' | 'ignore'

/** One `consume` call. */
export type SubscriptionSettings = {
  readonly topic: string
  readonly order: Order
  /** Attempts that may run at once over all partitions. */
  readonly concurrency: number
  readonly attemptTimeoutMs: number
  /** How long a timed-out attempt may take to obey its abort before it counts as a zombie. */
  readonly abortGraceMs: number
  readonly from: StartFrom
  /** The longest wait before each attempt in place after the first; full jitter picks within it. Empty means no retry. */
  readonly inPlaceDelaysMs: readonly number[]
  /** How long to wait before each attempt after those in place: in a delay topic, or in place under `block`. */
  readonly delaysMs: readonly number[]
  /** Ascending by delay, without repetition: one for each of `delaysMs`, and those listed for `RetryAfterError`. Empty
   *  under `block`. */
  readonly delayTopics: readonly DelayTopic[]
  readonly whileRetrying: WhileRetrying
  /** Null: a record that is out of attempts stops its partition. */
  readonly deadLetters: DeadLetterTopic | null
  /** Decoded records per partition that wait or run. */
  readonly bufferedRecordsMax: number
  /** Records per partition that may wait in place for their next attempt. */
  readonly parkedRecordsMax: number
}

/** One member of one group in this process. */
export type GroupSettings = {
  readonly group: string
  /** Give everything back at each rebalance, or only what another member gets (R3). */
  readonly protocol: 'eager' | 'cooperative'
  readonly ownTopics: OwnTopicPolicy
  readonly subscriptions: readonly SubscriptionSettings[]
  readonly sessionTimeoutMs: number
  readonly heartbeatIntervalMs: number
  readonly rebalanceTimeoutMs: number
  /** The deadline of requests that should be answered at once. */
  readonly requestTimeoutMs: number
  readonly commitIntervalMs: number
  readonly commitRecords: number
  /** The shortest time between two commits that are triggered by `commitRecords`. */
  readonly commitGapMs: number
  readonly drainAtRevokeMs: number
  /** A loop that completed no tick for this long leaves the group and starts anew. */
  readonly loopTimeoutMs: number
  readonly fetch: FetchSettings
}

export type FetchSettings = {
  /** How long the broker may hold a fetch that has no records. */
  readonly maxWaitMs: number
  /** The same, while a partition of the node is out of the fetch and may come back at any moment. */
  readonly pressedWaitMs: number
  readonly requestBytesMax: number
  readonly partitionBytesMax: number
  /** Raw and decoded bytes that this group may hold, records in flight included: its share of what the process may. */
  readonly heldBytesMax: number
  readonly isolationLevel: 'readCommitted' | 'readUncommitted'
}

export type ProducerSettings = {
  /** How long a record may wait for others to share its batch. */
  readonly lingerMs: number
  readonly batchBytesMax: number
  /** Unsent and unacknowledged bytes; a `send` beyond it waits for room. */
  readonly heldBytesMax: number
  readonly requestTimeoutMs: number
  /** From `send` to its rejection, retries included. */
  readonly deliveryTimeoutMs: number
}

export type StopSettings = {
  readonly drainMs: number
  readonly finalCommitMs: number
}

export type AppSettings = {
  readonly clientId: string
  readonly startTimeoutMs: number
  readonly groups: readonly GroupSettings[]
  readonly producer: ProducerSettings
  readonly stop: StopSettings
}
