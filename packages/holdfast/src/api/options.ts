/** What users may set: names, meanings, units, ranges and defaults. This is the only place where defaults live; what is
 *  checked stands in `option-rules.ts`, and what comes out of it in `model/settings.ts`. */

import type { Duration } from '../model/duration.ts'
import type { Message } from '../model/message.ts'
import type { Order, OwnTopicPolicy, WhileRetrying } from '../model/settings.ts'
import type { Logger, LogLevel } from '../observe/log.ts'
import type { KafkaOptions, TestKafka } from './kafka-options.ts'
import type { Naming } from './own-topic-names.ts'

/** Options of `createHoldfast`. Every duration is a number of milliseconds or a text such as `'30s'`. */
export type AppOptions = {
  /** Where Kafka is: `'host:9092,host2:9092'`, a list, connection options, or a Kafka of `holdfast/testing`.
   *  @default KAFKA_BROKERS and the other KAFKA_ variables of the environment */
  readonly kafka?: string | readonly string[] | KafkaOptions | TestKafka | undefined
  /** Consumer group of every `consume` call that names no other. Required to consume. @default KAFKA_GROUP_ID */
  readonly group?: string | undefined
  /** Which defaults apply: `'test'` has short timeouts, for tests against a broker on the same machine.
   *  @default 'production' */
  readonly profile?: 'production' | 'test' | undefined
  /** Where events and handlers log: a logger such as pino, the lowest level of the built-in one, or `false` for none.
   *  @default HOLDFAST_LOG_LEVEL, else 'info' */
  readonly log?: Logger | LogLevel | false | undefined

  /** Longest wait in `start()` for a connection and the topics. 100 ms to 10 min. @default '30s' */
  readonly startTimeout?: Duration | undefined
  /** Silence after which the broker gives our partitions to others. 6 s to 30 min. @default '45s' */
  readonly sessionTimeout?: Duration | undefined
  /** Pause between two heartbeats. 100 ms to a third of `sessionTimeout`. @default '3s' */
  readonly heartbeatInterval?: Duration | undefined
  /** How long the broker waits for all members to join again. `sessionTimeout` to 1 h. @default '1m' */
  readonly rebalanceTimeout?: Duration | undefined
  /** Deadline of requests that are answered at once. 100 ms to below `sessionTimeout`. @default '10s' */
  readonly requestTimeout?: Duration | undefined
  /** How partitions move when members come and go: everything is given back and dealt out again (`'eager'`, which kafkajs
   *  needs), or only what another member gets is (`'cooperative'`). The same in all members of a group. @default 'eager' */
  readonly protocol?: 'eager' | 'cooperative' | undefined

  /** What to do about missing delay and dead-letter topics: create them, refuse to start without them (`'verify'`, which also
   *  refuses such that would lose records), or not even look.
   *  @default 'verify' if NODE_ENV is production, else 'create' */
  readonly topics?: OwnTopicPolicy | undefined
  /** Other names for delay and dead-letter topics. Change it only when the old topics are empty: nobody reads them then.
   *  @default '{group}.{topic}.retry.{delay}' and '{group}.{topic}.dlq' */
  readonly naming?: Naming | undefined

  /** Pause between two commits while something is finished. 10 ms to 10 min. @default '1s' */
  readonly commitInterval?: Duration | undefined
  /** Finished records that trigger a commit before its time. 1 to 1,000,000. @default 1_000 */
  readonly commitRecords?: number | undefined
  /** Time for running attempts when partitions are taken away. 0 to half of `rebalanceTimeout`. @default '10s' */
  readonly drainAtRevoke?: Duration | undefined
  /** Time for running attempts in `stop()`. 0 to 1 h. @default '20s' */
  readonly drainAtStop?: Duration | undefined
  /** Time for the last commit in `stop()`. 100 ms to 1 min. @default '3s' */
  readonly finalCommit?: Duration | undefined

  /** How long the broker may hold a fetch that has no records. 1 ms to below `requestTimeout`, and at least 5 s below
   *  `sessionTimeout`. @default '500ms' */
  readonly fetchMaxWait?: Duration | undefined
  /** Bytes of one fetch answer. 1 KiB to `heldBytes`. @default 8_388_608 */
  readonly fetchBytes?: number | undefined
  /** Bytes of one partition in a fetch answer; a larger batch still comes. 1 KiB to `fetchBytes`. @default 1_048_576 */
  readonly partitionFetchBytes?: number | undefined
  /** Bytes that all consumers of the process hold, running attempts included. 1 MiB to 16 GiB. @default 67_108_864 */
  readonly heldBytes?: number | undefined
  /** Whether records of transactions that are not committed are seen. @default 'readCommitted' */
  readonly isolationLevel?: 'readCommitted' | 'readUncommitted' | undefined

  /** How long a sent record may wait for others to share its batch, while others are under way; the first record of a
   *  producer at rest leaves at once, with whatever is sent in the same turn. 0 to 10 s. @default '5ms' */
  readonly linger?: Duration | undefined
  /** Bytes of one sent batch; a larger record travels alone. 1 KiB to `unsentBytes`. @default 1_048_576 */
  readonly batchBytes?: number | undefined
  /** Bytes sent but not acknowledged; `send` waits when they are reached. 1 KiB to 4 GiB. @default 33_554_432 */
  readonly unsentBytes?: number | undefined
  /** From `send` to its rejection, with all retries. `linger` + `requestTimeout` to 1 h. @default '30s' */
  readonly deliveryTimeout?: Duration | undefined
}

/** Options of one `consume` call. */
export type ConsumeOptions<Out = unknown> = {
  /** Consumer group, if not the one of the app. @default the `group` of `createHoldfast` */
  readonly group?: string | undefined
  /** Attempts that run at once, over all partitions. 1 to 100,000. @default 64 */
  readonly concurrency?: number | undefined
  /** What keeps its order: all messages of a partition, those of a key, or nothing. @default 'key' */
  readonly order?: Order | undefined
  /** Longest time of one attempt; then its signal aborts. 1 ms to 1 d. @default '30s' */
  readonly attemptTimeout?: Duration | undefined
  /** How long an attempt may take to obey the abort before it counts as a zombie. 0 to 10 min. @default '5s' */
  readonly abortGrace?: Duration | undefined
  /** What happens when an attempt ignores the abort: its lane is held until it settles. @default 'hold' */
  readonly onStuck?: 'hold' | undefined
  /** Where a group starts on a partition that it never committed. @default 'earliest' */
  readonly from?: FromOption | undefined
  /** Says which messages are for this handler; the others count as filtered and are committed. @default all */
  readonly filter?: ((message: Message<Out>) => boolean) | undefined
  /** What happens after a failed attempt. `'standard'` waits in place (100 ms, 1 s, 5 s), then in delay topics (30 s, 5 min,
   *  30 min). @default { inPlace: ['100ms', '1s', '5s'] } */
  readonly retry?: RetryOptions | 'standard' | undefined
  /** May later messages of a lane pass one that waits in a delay topic (`'overtake'`), or does everything wait in place and
   *  the lane with it (`'block'`)? @default 'overtake' */
  readonly whileRetrying?: WhileRetrying | undefined
  /** Where a message goes that is out of attempts or cannot be decoded. `true`: to the dead-letter topic, which must exist
   *  or be created at the start. `false`: nowhere, its partition stops. Not given: to the dead-letter topic if it exists
   *  or may be created when the first one dies, else its partition stops. */
  readonly deadLetters?: boolean | undefined
  /** Decoded records per partition, waiting or running. 1 to 100,000. @default 256 */
  readonly bufferedRecords?: number | undefined
  /** Records per partition that wait for their next attempt. 1 to 100,000. @default 256 */
  readonly parkedRecords?: number | undefined
}

export type FromOption = 'earliest' | 'latest' | 'fail' | { readonly time: Date | number | string }

export type RetryOptions = {
  /** The longest wait before each further attempt; the actual one is random, up to it. The record keeps its lane and
   *  gives back its permit. At most 20 waits of up to 1 h; `[]` means a single attempt.
   *  @default ['100ms', '1s', '5s'], or none if there are `delays` */
  readonly inPlace?: readonly Duration[] | undefined
  /** The wait before each attempt after those in place. The record waits in a topic of its own for each length, where it
   *  holds up nobody; with `whileRetrying: 'block'` it waits in place. At most 20 waits of 10 ms to 7 d. @default none */
  readonly delays?: readonly Duration[] | undefined
  /** Further delay topics, for waits that a `RetryAfterError` asks for: it goes to the shortest one that is long enough.
   *  10 ms to 7 d; together with `delays` at most 16 different lengths. @default none */
  readonly buckets?: readonly Duration[] | undefined
}

/** Options of `createHoldfast` that become one number. */
export type AppNumber =
  | 'startTimeout'
  | 'sessionTimeout'
  | 'heartbeatInterval'
  | 'rebalanceTimeout'
  | 'requestTimeout'
  | 'commitInterval'
  | 'commitRecords'
  | 'drainAtRevoke'
  | 'drainAtStop'
  | 'finalCommit'
  | 'fetchMaxWait'
  | 'fetchBytes'
  | 'partitionFetchBytes'
  | 'heldBytes'
  | 'linger'
  | 'batchBytes'
  | 'unsentBytes'
  | 'deliveryTimeout'

/** Options of `consume` that become one number. */
export type ConsumeNumber = 'concurrency' | 'attemptTimeout' | 'abortGrace' | 'bufferedRecords' | 'parkedRecords'

/** In milliseconds, bytes and counts. A default gives way to what was given: `heartbeatInterval` shrinks with a short
 *  `sessionTimeout`, and so on (`app-numbers.ts`). */
export const appDefaults: Readonly<Record<AppNumber, number>> = Object.freeze({
  startTimeout: 30_000,
  sessionTimeout: 45_000,
  heartbeatInterval: 3_000,
  rebalanceTimeout: 60_000,
  requestTimeout: 10_000,
  commitInterval: 1_000,
  commitRecords: 1_000,
  drainAtRevoke: 10_000,
  drainAtStop: 20_000,
  finalCommit: 3_000,
  fetchMaxWait: 500,
  fetchBytes: 8 * 1_024 * 1_024,
  partitionFetchBytes: 1_024 * 1_024,
  heldBytes: 64 * 1_024 * 1_024,
  linger: 5,
  // Just below the broker's default message.max.bytes.
  batchBytes: 1_024 * 1_024,
  unsentBytes: 32 * 1_024 * 1_024,
  deliveryTimeout: 30_000,
})

/** R31: how long a test against a broker on the same machine should wait, and no longer. */
export const testProfile: Readonly<Record<AppNumber, number>> = Object.freeze({
  ...appDefaults,
  sessionTimeout: 6_000,
  heartbeatInterval: 2_000,
  rebalanceTimeout: 6_000,
  requestTimeout: 5_000,
  finalCommit: 500,
})

export const consumeDefaults: Readonly<Record<ConsumeNumber, number>> = Object.freeze({
  concurrency: 64,
  attemptTimeout: 30_000,
  abortGrace: 5_000,
  bufferedRecords: 256,
  parkedRecords: 256,
})

/** R18: how long the attempts after the first may wait in place. */
export const inPlaceDefaults: readonly number[] = Object.freeze([100, 1_000, 5_000])

/** R18: the delays of `retry: 'standard'`. */
export const standardDelays: readonly number[] = Object.freeze([30_000, 300_000, 1_800_000])

export const wordDefaults: {
  readonly profile: 'production'
  readonly protocol: 'eager'
  readonly isolationLevel: 'readCommitted'
  readonly order: 'key'
  readonly onStuck: 'hold'
  readonly whileRetrying: 'overtake'
  readonly from: 'earliest'
  readonly log: LogLevel
  readonly clientId: string
} = Object.freeze({
  profile: 'production',
  protocol: 'eager',
  isolationLevel: 'readCommitted',
  order: 'key',
  onStuck: 'hold',
  whileRetrying: 'overtake',
  from: 'earliest',
  log: 'info',
  clientId: 'holdfast',
})

/** Numbers that the rules need and that nobody has had a reason to set. */
export const fixedSettings: {
  readonly commitGapMs: number
  readonly loopTimeoutMs: number
  readonly fetchPressedWaitMs: number
  /** R31: a fetch is answered at most this long after its longest wait. */
  readonly fetchSlackMs: number
} = Object.freeze({ commitGapMs: 100, loopTimeoutMs: 30_000, fetchPressedWaitMs: 20, fetchSlackMs: 5_000 })
