/** What each option must be on its own: its unit, its range, the environment variable that sets it too. How options bound
 *  each other is in `app-numbers.ts`. */

import type { AppNumber, AppOptions, ConsumeNumber, ConsumeOptions } from './options.ts'

export type NumberRule = {
  readonly unit: 'ms' | 'bytes' | 'records' | 'attempts'
  readonly min: number
  readonly max: number
  /** Counts if the option is not given in code. */
  readonly variable?: string
}

const second = 1_000
const minute = 60 * second
const hour = 60 * minute
const day = 24 * hour
const kibi = 1_024
const mebi = 1_024 * kibi
const gibi = 1_024 * mebi

export const appRules: Readonly<Record<AppNumber, NumberRule>> = {
  startTimeout: { unit: 'ms', min: 100, max: 10 * minute },
  // Brokers refuse sessions outside group.min and group.max.session.timeout.ms; these are the defaults of both.
  sessionTimeout: { unit: 'ms', min: 6 * second, max: 30 * minute, variable: 'KAFKA_SESSION_TIMEOUT_MS' },
  heartbeatInterval: { unit: 'ms', min: 100, max: 10 * minute, variable: 'KAFKA_HEARTBEAT_INTERVAL_MS' },
  rebalanceTimeout: { unit: 'ms', min: 6 * second, max: hour },
  requestTimeout: { unit: 'ms', min: 100, max: 30 * minute, variable: 'KAFKA_REQUEST_TIMEOUT_MS' },
  commitInterval: { unit: 'ms', min: 10, max: 10 * minute },
  commitRecords: { unit: 'records', min: 1, max: 1_000_000 },
  drainAtRevoke: { unit: 'ms', min: 0, max: 30 * minute },
  drainAtStop: { unit: 'ms', min: 0, max: hour },
  finalCommit: { unit: 'ms', min: 100, max: minute },
  fetchMaxWait: { unit: 'ms', min: 1, max: 10 * minute },
  fetchBytes: { unit: 'bytes', min: kibi, max: gibi },
  partitionFetchBytes: { unit: 'bytes', min: kibi, max: gibi },
  heldBytes: { unit: 'bytes', min: mebi, max: 16 * gibi },
  linger: { unit: 'ms', min: 0, max: 10 * second },
  batchBytes: { unit: 'bytes', min: kibi, max: gibi },
  unsentBytes: { unit: 'bytes', min: kibi, max: 4 * gibi },
  deliveryTimeout: { unit: 'ms', min: 100, max: hour },
}

export const consumeRules: Readonly<Record<ConsumeNumber, NumberRule>> = {
  concurrency: { unit: 'attempts', min: 1, max: 100_000 },
  attemptTimeout: { unit: 'ms', min: 1, max: day },
  abortGrace: { unit: 'ms', min: 0, max: 10 * minute },
  bufferedRecords: { unit: 'records', min: 1, max: 100_000 },
  parkedRecords: { unit: 'records', min: 1, max: 100_000 },
}

/** A list of waits. */
export type WaitsRule = NumberRule & { readonly waitsMax: number }

export const inPlaceRule: WaitsRule = { unit: 'ms', min: 0, max: hour, waitsMax: 20 }
/** A wait shorter than 10 ms takes longer to write than to wait; after 7 d nobody remembers what it was for. */
export const delaysRule: WaitsRule = { unit: 'ms', min: 10, max: 7 * day, waitsMax: 20 }
/** Each is a topic with as many partitions as its source, and every member reads them all. */
export const delayTopicsMax = 16

/** A record, not an array, so that the compiler misses none. */
const appOptionNames: Record<keyof AppOptions, true> = {
  ...allOf(appRules),
  kafka: true,
  group: true,
  profile: true,
  log: true,
  protocol: true,
  isolationLevel: true,
  topics: true,
  naming: true,
}
const consumeOptionNames: Record<keyof ConsumeOptions, true> = {
  ...allOf(consumeRules),
  group: true,
  order: true,
  onStuck: true,
  from: true,
  filter: true,
  retry: true,
  whileRetrying: true,
  deadLetters: true,
}

export const appOptions: readonly string[] = Object.keys(appOptionNames)
export const consumeOptions: readonly string[] = Object.keys(consumeOptionNames)

function allOf<K extends string>(rules: Readonly<Record<K, NumberRule>>): Record<K, true> {
  return Object.fromEntries(Object.keys(rules).map((name) => [name, true])) as Record<K, true>
}

/** Options of the design that are not built yet. They are refused with what to do meanwhile, because an option that is
 *  silently ignored is worse than one that does not exist. */
export type UnbuiltOption = { readonly what: string; readonly instead: string }

export const unbuiltAppOptions: Readonly<Record<string, UnbuiltOption>> = {
  groupInstanceId: {
    what: 'static membership',
    instead: 'Leave it out: a clean stop leaves the group at once, so a restart does not wait for the session to end.',
  },
  transactionalId: {
    what: 'transactions',
    instead: 'Leave it out: sends are idempotent and acknowledged by all replicas.',
  },
}

export const unbuiltConsumeOptions: Readonly<Record<string, UnbuiltOption>> = {
  batch: { what: 'batches (consumeBatch)', instead: 'Consume messages one by one; concurrency shares the work.' },
  executor: { what: 'executors', instead: 'Leave it out: handlers run on the main thread.' },
}

export const unbuiltRetryOptions: Readonly<Record<string, UnbuiltOption>> = {
  policy: {
    what: 'computed retries',
    instead: 'List the waits in retry.inPlace and retry.delays, or throw a RetryAfterError for a wait of your own.',
  },
}
