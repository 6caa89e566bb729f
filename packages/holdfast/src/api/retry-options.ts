/** What one `consume` call says about failed attempts: waits in place, waits in delay topics, dead letters. The names of the
 *  topics are given by `own-topic-names.ts`. */

import { parseDuration, formatDuration } from '../model/duration.ts'
import type { SettingsIssue } from '../model/errors.ts'
import type { DeadLetterTopic, DelayTopic, SubscriptionSettings } from '../model/settings.ts'
import { numberProblem, OptionReader, rangeOf } from './option-reader.ts'
import { delaysRule, delayTopicsMax, inPlaceRule, unbuiltRetryOptions, type WaitsRule } from './option-rules.ts'
import { inPlaceDefaults, standardDelays, wordDefaults } from './options.ts'
import type { OwnTopicNames } from './own-topic-names.ts'
import { shown } from './shown.ts'

export type RetrySettings = Pick<
  SubscriptionSettings,
  'inPlaceDelaysMs' | 'delaysMs' | 'delayTopics' | 'whileRetrying' | 'deadLetters'
>

/** Whose failed records these are, and how the topics for them are called. */
export type RetryPlace = {
  readonly group: string
  readonly topic: string
  readonly names: OwnTopicNames
  /** Somebody in this app reads the dead letters, so their topic must be there. */
  readonly isWatched: boolean
}

type Waits = {
  readonly inPlaceMs: readonly number[]
  readonly delaysMs: readonly number[]
  readonly bucketsMs: readonly number[]
}

/** `place` is null if group or topic have no name that anything could be named after; that was told already. */
export function resolveRetry(options: OptionReader, issues: SettingsIssue[], place: RetryPlace | null): RetrySettings {
  const { inPlaceMs, delaysMs, bucketsMs } = resolveWaits(options, issues)
  const whileRetrying = options.choice('whileRetrying', ['overtake', 'block'], wordDefaults.whileRetrying)
  const deadLetters = options.value('deadLetters')
  if (deadLetters !== undefined && typeof deadLetters !== 'boolean') {
    options.report('deadLetters', `expected true or false, got ${shown(deadLetters)}`, 'Choose true, false or nothing.')
  }
  if (whileRetrying === 'block' && bucketsMs.length > 0) {
    options.report(
      'retry.buckets',
      "delay topics let others overtake, got whileRetrying: 'block'",
      'Leave them out: under block every wait is in place, also that of a RetryAfterError.',
    )
  }
  return {
    inPlaceDelaysMs: inPlaceMs,
    delaysMs,
    delayTopics: whileRetrying === 'block' ? noDelayTopics : delayTopics(options, place, [...delaysMs, ...bucketsMs]),
    whileRetrying,
    deadLetters: deadLetters === false ? null : deadLetterTopic(options, place, deadLetters === true),
  }
}

/** Dead letters are the end of the road: their handler may try again in place, and they stay where they are. */
export function resolveRetryOfDeadLetters(options: OptionReader, issues: SettingsIssue[]): RetrySettings {
  const { inPlaceMs, delaysMs, bucketsMs } = resolveWaits(options, issues)
  if (delaysMs.length > 0 || bucketsMs.length > 0) {
    options.report('retry', 'dead letters cannot wait in delay topics', 'Use retry.inPlace only.')
  }
  const whileRetrying = options.choice('whileRetrying', ['overtake', 'block'], wordDefaults.whileRetrying)
  const deadLetters = options.value('deadLetters')
  if (deadLetters !== undefined && deadLetters !== false) {
    options.report('deadLetters', 'dead letters have no dead letters', 'Leave it out.')
  }
  return { inPlaceDelaysMs: inPlaceMs, delaysMs: [], delayTopics: noDelayTopics, whileRetrying, deadLetters: null }
}

const noDelayTopics: readonly DelayTopic[] = Object.freeze([])

function delayTopics(
  options: OptionReader,
  place: RetryPlace | null,
  delays: readonly number[],
): readonly DelayTopic[] {
  const distinct = [...new Set(delays)].toSorted((a, b) => a - b)
  if (distinct.length > delayTopicsMax) {
    options.report(
      'retry.delays',
      `expected at most ${delayTopicsMax} different delays, buckets included, got ${distinct.length}`,
      'Each is a topic of its own; let some of them be the same.',
    )
    return noDelayTopics
  }
  if (place === null) return noDelayTopics
  const { group, topic, names } = place
  const topics = distinct.flatMap((delayMs) => {
    const named = names.delay(group, topic, delayMs)
    if ('problem' in named) {
      if (named.problem !== null) options.report('retry.delays', named.problem, nameRemedy)
      return []
    }
    const words = `the delay topic ${formatDuration(delayMs)} of ${group} for ${topic}`
    names.use({ name: named.name, words, kind: 'delay', report: reporter(options, 'retry.delays') })
    return [Object.freeze({ topic: named.name, delayMs })]
  })
  return Object.freeze(topics)
}

const nameRemedy = 'Pass `naming` to createHoldfast.'

function deadLetterTopic(options: OptionReader, place: RetryPlace | null, isAskedFor: boolean): DeadLetterTopic | null {
  if (place === null) return null
  const { group, topic, names, isWatched } = place
  const isRequired = isAskedFor || isWatched
  const named = names.deadLetters(group, topic)
  if ('name' in named) {
    useDeadLetters(options, 'deadLetters', place, named.name)
    return Object.freeze({ topic: named.name, isRequired })
  }
  if (named.problem !== null && isRequired) options.report('deadLetters', named.problem, nameRemedy)
  // Whoever asked for nothing must not be stopped by a name that nobody chose.
  else if (named.problem !== null) {
    names.warnings.push(
      `${options.prefix}deadLetters: ${named.problem}; a record that is out of attempts stops its partition instead. ` +
        'Pass `naming` to createHoldfast, or deadLetters: false.',
    )
  }
  return null
}

export function useDeadLetters(
  options: OptionReader,
  option: string,
  { group, topic, names }: Pick<RetryPlace, 'group' | 'topic' | 'names'>,
  name: string,
): void {
  const words = `the dead-letter topic of ${group} for ${topic}`
  names.use({ name, words, kind: 'deadLetters', report: reporter(options, option) })
}

function reporter(options: OptionReader, option: string): (problem: string, remedy: string) => void {
  return (problem, remedy) => options.report(option, problem, remedy)
}

function resolveWaits(options: OptionReader, issues: SettingsIssue[]): Waits {
  const given = options.value('retry')
  if (given === 'standard') return { inPlaceMs: inPlaceDefaults, delaysMs: standardDelays, bucketsMs: noWaits }
  if (typeof given === 'string') {
    options.report('retry', `expected 'standard' or waits of your own, got ${shown(given)}`, "Choose 'standard'.")
    return { inPlaceMs: inPlaceDefaults, delaysMs: noWaits, bucketsMs: noWaits }
  }
  const retry = new OptionReader(`${options.prefix}retry.`, given, issues)
  retry.refuseOthers(['inPlace', 'delays', 'buckets'], unbuiltRetryOptions)
  const inPlaceMs = readWaits(retry, 'inPlace', inPlaceRule)
  const delaysMs = readWaits(retry, 'delays', delaysRule) ?? noWaits
  const bucketsMs = readWaits(retry, 'buckets', delaysRule) ?? noWaits
  return { inPlaceMs: inPlaceMs ?? (delaysMs.length > 0 ? noWaits : inPlaceDefaults), delaysMs, bucketsMs }
}

const noWaits: readonly number[] = Object.freeze([])

/** Undefined if nothing (or nothing usable) was given. */
function readWaits(retry: OptionReader, name: string, rule: WaitsRule): readonly number[] | undefined {
  const waits = retry.value(name)
  if (waits === undefined) return undefined
  if (!Array.isArray(waits)) {
    retry.report(name, `expected a list of durations, got ${shown(waits)}`, "Write for example ['100ms', '1s'].")
    return undefined
  }
  if (waits.length > rule.waitsMax) {
    retry.report(name, `expected at most ${rule.waitsMax} waits, got ${waits.length}`, 'Retry less often.')
    return undefined
  }
  // Array.from, because a list with holes must not hide them.
  const problems = Array.from(waits, (wait: unknown) => numberProblem(wait, rule))
  problems.forEach((problem, index) => {
    if (problem !== undefined) retry.report(`${name}[${index}]`, problem, `Choose a duration ${rangeOf(rule)}.`)
  })
  if (problems.some((problem) => problem !== undefined)) return undefined
  return Object.freeze(waits.map((wait: unknown) => parseDuration(wait)))
}
