/** The options of one `consume` call: read, checked, completed. */

import type { SettingsIssue } from '../model/errors.ts'
import type { StartFrom, SubscriptionSettings } from '../model/settings.ts'
import { watchedBy, type WatchedDeadLetters } from './dead-letters.ts'
import { flawsOf } from './definition-flaws.ts'
import { numberProblem, OptionReader } from './option-reader.ts'
import { consumeOptions, consumeRules, unbuiltConsumeOptions } from './option-rules.ts'
import { consumeDefaults, type ConsumeNumber, wordDefaults } from './options.ts'
import { nearestName } from './nearest-name.ts'
import type { OwnTopicNames } from './own-topic-names.ts'
import { resolveRetry, resolveRetryOfDeadLetters, type RetrySettings, useDeadLetters } from './retry-options.ts'
import { shown } from './shown.ts'
import { type Topic, topicIssues, topicNameProblem } from './topic.ts'

export function subscriptionReader(topic: unknown, options: unknown, issues: SettingsIssue[]): OptionReader {
  return new OptionReader(`consume(${labelOf(topic)}).`, options, issues)
}

/** What a `consume` call needs to know of the app around it. */
export type SubscriptionPlace = {
  /** Undefined if there is none, which was told already; then topics of ours have no names. */
  readonly group: string | undefined
  readonly names: OwnTopicNames
  /** `deadLettersKey` of all dead letters that somebody in this app reads. */
  readonly watchedKeys: ReadonlySet<string>
}

/** Of the dead letters that a `consume` call reads; undefined if it reads an ordinary topic. */
export function watchedKey(topic: unknown, group: string): string | undefined {
  const watched = watchedBy(topic)
  return watched === undefined ? undefined : deadLettersKey(watched.group ?? group, nameOf(watched.topic))
}

function deadLettersKey(group: string, topic: string): string {
  return JSON.stringify([group, topic])
}

export function resolveSubscription(
  topic: unknown,
  options: OptionReader,
  issues: SettingsIssue[],
  place: SubscriptionPlace,
): SubscriptionSettings {
  const watched = watchedBy(topic)
  issues.push(...(watched === undefined ? topicIssues(topic) : watchedIssues(topic, watched)))
  const { name, retry } =
    watched === undefined
      ? ofSource(nameOf(topic), options, issues, place)
      : ofDeadLetters(watched, options, issues, place)
  options.refuseOthers(consumeOptions, unbuiltConsumeOptions)
  options.choice('onStuck', ['hold'], wordDefaults.onStuck)
  options.function('filter', '(message) => message.value.total > 0')
  return Object.freeze({
    topic: name,
    order: options.choice('order', ['partition', 'key', 'none'], wordDefaults.order),
    concurrency: numberOf(options, 'concurrency'),
    attemptTimeoutMs: numberOf(options, 'attemptTimeout'),
    abortGraceMs: numberOf(options, 'abortGrace'),
    from: resolveFrom(options),
    ...retry,
    bufferedRecordsMax: numberOf(options, 'bufferedRecords'),
    parkedRecordsMax: numberOf(options, 'parkedRecords'),
  })
}

type Resolved = { readonly name: string; readonly retry: RetrySettings }

function ofSource(
  name: string,
  options: OptionReader,
  issues: SettingsIssue[],
  { group, names, watchedKeys }: SubscriptionPlace,
): Resolved {
  const report = (problem: string, remedy: string): void => options.report('topic', problem, remedy)
  if (group === undefined || topicNameProblem(name) !== undefined) {
    return { name, retry: resolveRetry(options, issues, null) }
  }
  const isWatched = watchedKeys.has(deadLettersKey(group, name))
  names.use({ name, words: `the topic ${name}`, kind: 'source', report })
  return { name, retry: resolveRetry(options, issues, { group, topic: name, names, isWatched }) }
}

function ofDeadLetters(
  { topic, group }: WatchedDeadLetters,
  options: OptionReader,
  issues: SettingsIssue[],
  place: SubscriptionPlace,
): Resolved {
  const retry = resolveRetryOfDeadLetters(options, issues)
  const owner = group ?? place.group
  if (owner === undefined || topicNameProblem(nameOf(topic)) !== undefined) return { name: '', retry }
  const of = { group: owner, topic: nameOf(topic), names: place.names }
  const named = place.names.deadLetters(of.group, of.topic)
  if ('problem' in named) {
    if (named.problem !== null) options.report('topic', named.problem, 'Pass `naming` to createHoldfast.')
    return { name: '', retry }
  }
  useDeadLetters(options, 'topic', of, named.name)
  return { name: named.name, retry }
}

function watchedIssues(definition: unknown, { topic }: WatchedDeadLetters): readonly SettingsIssue[] {
  const flaws = typeof definition === 'object' && definition !== null ? flawsOf(definition) : []
  if (watchedBy(topic) === undefined) return [...topicIssues(topic), ...flaws]
  return [
    ...flaws,
    { option: nameOf(definition), problem: 'dead letters have no dead letters', remedy: 'Name the topic.' },
  ]
}

export function checkHandler(handler: unknown, options: OptionReader): void {
  if (typeof handler === 'function') {
    for (const { option, problem, remedy } of flawsOf(handler)) options.report(`handler: ${option}`, problem, remedy)
    return
  }
  options.report(
    'handler',
    `expected a function, got ${shown(handler)}`,
    'Write consume(topic, options, async (message) => { … }).',
  )
}

/** For changing it while the consumer runs. Throws a RangeError with expected and got. */
export function checkConcurrency(value: unknown): number {
  const problem = numberProblem(value, consumeRules.concurrency)
  if (problem !== undefined) throw new RangeError(`concurrency: ${problem}`)
  return value as number
}

function numberOf(options: OptionReader, name: ConsumeNumber): number {
  return options.number(name, consumeRules[name]) ?? consumeDefaults[name]
}

function nameOf(topic: unknown): string {
  const name = typeof topic === 'object' && topic !== null ? (topic as Partial<Topic<unknown>>).name : undefined
  return typeof name === 'string' ? name : ''
}

function labelOf(topic: unknown): string {
  const name = nameOf(topic)
  if (/^[\w.-]{1,249}$/.test(name) || watchedBy(topic) !== undefined) return name
  return name === '' ? shown(topic) : shown(name)
}

const startingPoints = ['earliest', 'latest', 'fail'] as const

function resolveFrom(options: OptionReader): StartFrom {
  const from = options.value('from')
  if (from === undefined) return wordDefaults.from
  const point = startingPoints.find((one) => one === from)
  if (point !== undefined) return point
  if (typeof from === 'object' && from !== null && Object.keys(from).join() === 'time') {
    const { time } = from as { readonly time: unknown }
    const timeMs = readTime(time)
    if (timeMs !== undefined) return Object.freeze({ timeMs })
    options.report(
      'from.time',
      `expected a Date, milliseconds since 1970 or an ISO 8601 text, got ${shown(time)}`,
      "Write for example { time: '2026-01-31T12:00:00Z' }.",
    )
    return wordDefaults.from
  }
  const meant = typeof from === 'string' ? nearestName(from, startingPoints) : undefined
  options.report(
    'from',
    `expected 'earliest', 'latest', 'fail' or { time }, got ${shown(from)}`,
    meant === undefined ? 'Choose one of them.' : `Did you mean ${meant}?`,
  )
  return wordDefaults.from
}

/** The day must be there: `Date.parse` makes a year of nearly every number. */
const isoForm = /^\d{4}-\d\d-\d\d([T ]|$)/

function readTime(time: unknown): number | undefined {
  const ms = time instanceof Date ? time.getTime() : typeof time === 'string' ? readIso(time) : time
  return typeof ms === 'number' && Number.isSafeInteger(ms) && ms >= 0 ? ms : undefined
}

function readIso(text: string): number {
  return isoForm.test(text) ? Date.parse(text) : Number.NaN
}
