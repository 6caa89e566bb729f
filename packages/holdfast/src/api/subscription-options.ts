/** The options of one `consume` call: read, checked, completed. */

import { type SettingsIssue } from '../model/errors.ts'
import { type StartFrom, type SubscriptionSettings } from '../model/settings.ts'
import { numberProblem, OptionReader } from './option-reader.ts'
import {
  consumeOptions,
  consumeRules,
  inPlaceRule,
  unbuiltConsumeOptions,
  unbuiltRetryOptions,
} from './option-rules.ts'
import { consumeDefaults, type ConsumeNumber, inPlaceDefaults, wordDefaults } from './options.ts'
import { parseDuration } from '../model/duration.ts'
import { nearestName } from './nearest-name.ts'
import { shown } from './shown.ts'
import { type Topic, topicIssues } from './topic.ts'

export function subscriptionReader(topic: unknown, options: unknown, issues: SettingsIssue[]): OptionReader {
  return new OptionReader(`consume(${labelOf(topic)}).`, options, issues)
}

export function resolveSubscription(
  topic: unknown,
  options: OptionReader,
  issues: SettingsIssue[],
): SubscriptionSettings {
  issues.push(...topicIssues(topic))
  options.refuseOthers(consumeOptions, unbuiltConsumeOptions)
  options.choice('onStuck', ['hold'], wordDefaults.onStuck)
  options.function('filter', '(message) => message.value.total > 0')
  return Object.freeze({
    topic: nameOf(topic),
    order: options.choice('order', ['partition', 'key', 'none'], wordDefaults.order),
    concurrency: numberOf(options, 'concurrency'),
    attemptTimeoutMs: numberOf(options, 'attemptTimeout'),
    abortGraceMs: numberOf(options, 'abortGrace'),
    from: resolveFrom(options),
    inPlaceDelaysMs: resolveInPlace(options, issues),
    delaysMs: [],
    delayTopics: [],
    whileRetrying: 'overtake',
    deadLetters: null,
    bufferedRecordsMax: numberOf(options, 'bufferedRecords'),
    parkedRecordsMax: numberOf(options, 'parkedRecords'),
  })
}

export function checkHandler(handler: unknown, options: OptionReader): void {
  if (typeof handler === 'function') return
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
  if (/^[\w.-]{1,249}$/.test(name)) return name
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

function resolveInPlace(options: OptionReader, issues: SettingsIssue[]): readonly number[] {
  const retry = new OptionReader(`${options.prefix}retry.`, options.value('retry'), issues)
  retry.refuseOthers(['inPlace'], unbuiltRetryOptions)
  const waits = retry.value('inPlace')
  if (waits === undefined) return inPlaceDefaults
  if (!Array.isArray(waits)) {
    retry.report('inPlace', `expected a list of durations, got ${shown(waits)}`, "Write for example ['100ms', '1s'].")
    return inPlaceDefaults
  }
  if (waits.length > inPlaceRule.waitsMax) {
    retry.report(
      'inPlace',
      `expected at most ${inPlaceRule.waitsMax} waits, got ${waits.length}`,
      'Retry less often; the record holds its lane all the time.',
    )
    return inPlaceDefaults
  }
  // Array.from, because a list with holes must not hide them.
  const problems = Array.from(waits, (wait: unknown) => numberProblem(wait, inPlaceRule))
  problems.forEach((problem, index) => {
    if (problem !== undefined) retry.report(`inPlace[${index}]`, problem, 'Choose a duration from 0ms to 1h.')
  })
  if (problems.some((problem) => problem !== undefined)) return inPlaceDefaults
  return Object.freeze(waits.map((wait: unknown) => parseDuration(wait)))
}
