/** Turns options into settings: complete, validated together, frozen. Every problem of every option is told at once, with
 *  what was expected, what came and what to do; nothing that is wrong gets through, and nothing else is thrown. */

import { describeThrown, SettingsError, type SettingsIssue } from '../model/errors.ts'
import type {
  AppSettings,
  FetchSettings,
  GroupSettings,
  OwnTopicPolicy,
  SubscriptionSettings,
} from '../model/settings.ts'
import type { Logger, LogLevel } from '../observe/log.ts'
import { type AppNumbers, resolveAppNumbers } from './app-numbers.ts'
import { EnvironmentReader, type EnvironmentVariables } from './environment-variables.ts'
import { type KafkaTarget, resolveKafka } from './kafka-options.ts'
import { resolveLog } from './log-options.ts'
import { OptionReader } from './option-reader.ts'
import { appOptions, unbuiltAppOptions } from './option-rules.ts'
import { type AppOptions, fixedSettings, wordDefaults } from './options.ts'
import { OwnTopicNames } from './own-topic-names.ts'
import { shown } from './shown.ts'
import { checkHandler, resolveSubscription, subscriptionReader, watchedKey } from './subscription-options.ts'

/** One `consume` call, as it was written. */
export type Subscription = {
  readonly topic: unknown
  readonly options: unknown
  readonly handler: unknown
}

export type ResolvedSettings = {
  readonly settings: AppSettings
  /** The group of each `consume` call, in their order. */
  readonly groupOf: readonly string[]
  /** The settings of each `consume` call, in their order. */
  readonly subscriptionOf: readonly SubscriptionSettings[]
  readonly kafka: KafkaTarget
  /** The user's logger, or null for the built-in one at `level`, or none at all if that is `silent`. */
  readonly log: { readonly logger: Logger | null; readonly level: LogLevel | 'silent' }
  /** Things that are allowed and probably not meant, one sentence each. */
  readonly warnings: readonly string[]
}

/** Throws one `SettingsError` with all problems, or returns settings that fit together. */
export function resolveSettings(
  app: AppOptions | undefined,
  subscriptions: readonly Subscription[],
  variables: EnvironmentVariables,
): ResolvedSettings {
  const issues: SettingsIssue[] = []
  try {
    return resolveAll(app, subscriptions, variables, issues)
  } catch (error) {
    if (error instanceof SettingsError) throw error
    // Only an object that defends itself against being looked at, such as a Proxy, leads here.
    issues.push({
      option: 'createHoldfast(options)',
      problem: `reading the options throws ${shown(describeThrown(error))}`,
      remedy: 'Pass plain objects.',
    })
    throw new SettingsError(issues)
  }
}

function resolveAll(
  app: AppOptions | undefined,
  subscriptions: readonly Subscription[],
  variables: EnvironmentVariables,
  issues: SettingsIssue[],
): ResolvedSettings {
  const environment = new EnvironmentReader(variables, issues)
  const options = new OptionReader('', app, issues)
  options.refuseOthers(appOptions, unbuiltAppOptions)
  const kafka = resolveKafka(options.value('kafka'), environment, issues)
  const log = resolveLog(options, environment)
  const numbers = resolveAppNumbers(
    options,
    environment,
    options.choice('profile', ['production', 'test'], wordDefaults.profile),
  )
  const protocol = options.choice('protocol', ['eager', 'cooperative'], wordDefaults.protocol)
  const isolationLevel = options.choice(
    'isolationLevel',
    ['readCommitted', 'readUncommitted'],
    wordDefaults.isolationLevel,
  )
  const usualPolicy = environment.text('NODE_ENV') === 'production' ? 'verify' : 'create'
  const ownTopics: OwnTopicPolicy = options.choice('topics', ['create', 'verify', 'ignore'], usualPolicy)
  const names = new OwnTopicNames(options.value('naming'), issues)
  const { byGroup, groupOf, subscriptionOf } = resolveSubscriptions(options, subscriptions, environment, names, issues)
  if (issues.length > 0) throw new SettingsError(issues)
  // The process holds so many bytes, not each of its groups (G4).
  const heldBytesMax = Math.floor(numbers.heldBytes / Math.max(1, byGroup.size))
  const groups = [...byGroup].map(([group, ofGroup]) =>
    groupSettings(group, ofGroup, { ...numbers, heldBytes: heldBytesMax }, { isolationLevel, ownTopics, protocol }),
  )
  return Object.freeze({
    settings: appSettings(kafka.clientId, numbers, groups),
    groupOf: Object.freeze(groupOf),
    subscriptionOf: Object.freeze(subscriptionOf),
    kafka,
    log,
    warnings: Object.freeze([...environment.strangers(), ...names.warnings]),
  })
}

/** R7: the `consume` calls of one group form one member with one subscription. */
function resolveSubscriptions(
  app: OptionReader,
  subscriptions: readonly Subscription[],
  environment: EnvironmentReader,
  names: OwnTopicNames,
  issues: SettingsIssue[],
): SubscriptionsByGroup {
  const groupOfApp = app.value('group') === undefined ? undefined : app.name('group')
  const byGroup = new Map<string, SubscriptionSettings[]>()
  const groupOf: string[] = []
  const subscriptionOf: SubscriptionSettings[] = []
  const read = subscriptions.map(({ topic, options, handler }) => {
    const reader = subscriptionReader(topic, options, issues)
    const group = reader.name('group') ?? groupOfApp ?? environment.name('KAFKA_GROUP_ID')
    return { topic, handler, reader, group }
  })
  const watchedKeys = new Set(read.flatMap(({ topic, group }) => watchedKey(topic, group ?? '') ?? []))
  let isGroupMissing = false
  for (const { topic, handler, reader, group } of read) {
    const settings = resolveSubscription(topic, reader, issues, { group, names, watchedKeys })
    checkHandler(handler, reader)
    if (group === undefined) {
      isGroupMissing ||= !reader.isFlawed('group') && !app.isFlawed('group')
      continue
    }
    const ofGroup = byGroup.get(group) ?? []
    if (ofGroup.some((other) => other.topic === settings.topic)) {
      reader.report(
        'topic',
        `the group ${group} consumes this topic twice`,
        'Consume it once and branch in the handler, or give one of them a group of its own.',
      )
    }
    byGroup.set(group, [...ofGroup, settings])
    groupOf.push(group)
    subscriptionOf.push(settings)
  }
  names.checkUses()
  if (isGroupMissing) {
    app.report(
      'group',
      'no consumer group is given',
      "Pass createHoldfast({ group: 'billing' }) or set KAFKA_GROUP_ID.",
    )
  }
  return { byGroup, groupOf, subscriptionOf }
}

type SubscriptionsByGroup = {
  readonly byGroup: ReadonlyMap<string, readonly SubscriptionSettings[]>
  readonly groupOf: string[]
  readonly subscriptionOf: SubscriptionSettings[]
}

function groupSettings(
  group: string,
  subscriptions: readonly SubscriptionSettings[],
  numbers: AppNumbers,
  words: Pick<FetchSettings, 'isolationLevel'> & Pick<GroupSettings, 'ownTopics' | 'protocol'>,
): GroupSettings {
  return Object.freeze({
    group,
    protocol: words.protocol,
    ownTopics: words.ownTopics,
    subscriptions: Object.freeze(subscriptions),
    sessionTimeoutMs: numbers.sessionTimeout,
    heartbeatIntervalMs: numbers.heartbeatInterval,
    rebalanceTimeoutMs: numbers.rebalanceTimeout,
    requestTimeoutMs: numbers.requestTimeout,
    commitIntervalMs: numbers.commitInterval,
    commitRecords: numbers.commitRecords,
    commitGapMs: fixedSettings.commitGapMs,
    drainAtRevokeMs: numbers.drainAtRevoke,
    loopTimeoutMs: fixedSettings.loopTimeoutMs,
    fetch: Object.freeze({
      maxWaitMs: numbers.fetchMaxWait,
      pressedWaitMs: Math.min(fixedSettings.fetchPressedWaitMs, numbers.fetchMaxWait),
      requestBytesMax: Math.min(numbers.fetchBytes, numbers.heldBytes),
      partitionBytesMax: Math.min(numbers.partitionFetchBytes, numbers.heldBytes),
      heldBytesMax: numbers.heldBytes,
      isolationLevel: words.isolationLevel,
    }),
  })
}

function appSettings(clientId: string, numbers: AppNumbers, groups: readonly GroupSettings[]): AppSettings {
  return Object.freeze({
    clientId,
    startTimeoutMs: numbers.startTimeout,
    groups: Object.freeze(groups),
    producer: Object.freeze({
      lingerMs: numbers.linger,
      batchBytesMax: numbers.batchBytes,
      heldBytesMax: numbers.unsentBytes,
      requestTimeoutMs: numbers.requestTimeout,
      deliveryTimeoutMs: numbers.deliveryTimeout,
    }),
    stop: Object.freeze({ drainMs: numbers.drainAtStop, finalCommitMs: numbers.finalCommit }),
  })
}
