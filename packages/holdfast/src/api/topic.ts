/** A topic is a typed value: its name, how its values become bytes and back, and which key belongs to a value. It decides
 *  nothing about consuming or producing, and making one connects to nothing. Whether it makes sense is checked together
 *  with all other settings (`topicIssues`), so that modules may define topics without being able to throw. */

import type { SettingsIssue } from '../model/errors.ts'
import { bytes, type Codec } from './codec.ts'
import { flawsOf, noteFlaw } from './definition-flaws.ts'
import { nearestName } from './nearest-name.ts'
import { shown } from './shown.ts'

/** `In` is what `send` takes, `Out` what handlers get. */
export type Topic<In, Out = In> = {
  readonly name: string
  readonly value: Codec<In, Out>
  /** The key of a value that is sent without one; null means that messages have no key unless `send` is given one. */
  readonly key: KeyOf<In> | null
}

export type KeyOf<In> = (value: In) => string | Uint8Array | null

export type TopicOptions<In, Out = In> = {
  /** How values are encoded and decoded: `json(schema)`, `json()`, `text()`, `bytes()`, or your own. */
  readonly value: Codec<In, Out>
  /** The key of a value, for sending. Messages with the same key keep their order. @default no key */
  readonly key?: KeyOf<In> | undefined
}

/** Names a topic whose values stay bytes. */
export function topic(name: string): Topic<Uint8Array>
/** Names a topic and says what is in it. */
export function topic<In, Out>(name: string, options: TopicOptions<In, Out>): Topic<In, Out>
export function topic(name: string, options: unknown = {}): Topic<never, unknown> {
  const given = typeof options === 'object' && options !== null ? (options as Partial<TopicOptions<unknown>>) : {}
  const definition: Topic<never, unknown> = Object.freeze({
    name,
    value: given.value ?? (bytes() as Codec<unknown>),
    key: given.key ?? null,
  })
  if (given !== options) {
    noteFlaw(definition, {
      option: `topic(${shown(name)})`,
      problem: `expected options as an object, got ${shown(options)}`,
      remedy: 'Write `topic(name, { value: json() })`, or only `topic(name)` for bytes.',
    })
  }
  for (const unknown of Object.keys(given).filter((option) => !topicOptionNames.includes(option))) {
    const meant = nearestName(unknown, topicOptionNames)
    noteFlaw(definition, {
      option: `topic(${shown(name)}).${unknown}`,
      problem: 'there is no such option',
      remedy: meant === undefined ? `Known are ${topicOptionNames.join(' and ')}.` : `Did you mean ${meant}?`,
    })
  }
  return definition
}

const topicOptionNames = ['value', 'key']

/** Kafka's own limits. */
const topicNameLengthMax = 249
const topicNameForm = /^[a-zA-Z0-9._-]+$/

/** Everything that is wrong with a topic, by whatever means it was made. */
export function topicIssues(candidate: unknown): readonly SettingsIssue[] {
  if (candidate instanceof RegExp) return [patternNotBuilt]
  if (typeof candidate !== 'object' || candidate === null) return [notATopic(candidate)]
  const { name, value, key } = candidate as Partial<Topic<unknown>>
  const issues = [...topicNameIssues(name), ...flawsOf(candidate)]
  const option = `topic(${shown(name)})`
  if (isCodec(value)) {
    issues.push(...flawsOf(value).map((flaw) => ({ ...flaw, option: `${option}.value: ${flaw.option}` })))
  } else {
    issues.push({
      option: `${option}.value`,
      problem: `expected a codec, got ${shown(value)}`,
      remedy: 'Use json(schema), json(), text(), bytes(), or an object with the functions decode and encode.',
    })
  }
  if (key !== null && key !== undefined && typeof key !== 'function') {
    issues.push({
      option: `${option}.key`,
      problem: `expected a function from the value to its key, got ${shown(key)}`,
      remedy: 'Write for example `key: (order) => order.id`.',
    })
  }
  return issues
}

function isCodec(value: unknown): value is Codec<unknown> {
  if (typeof value !== 'object' || value === null) return false
  const { decode, encode } = value as Partial<Codec<unknown>>
  return typeof decode === 'function' && typeof encode === 'function'
}

function topicNameIssues(name: unknown): SettingsIssue[] {
  const problem = topicNameProblem(name)
  if (problem === undefined) return []
  return [
    {
      option: `topic(${shown(name)})`,
      problem,
      remedy: 'Use 1 to 249 letters (a-z, A-Z), digits, dots, underscores and hyphens, and neither "." nor "..".',
    },
  ]
}

/** Why Kafka would refuse the name of a topic; undefined if it does not. */
export function topicNameProblem(name: unknown): string | undefined {
  if (name instanceof RegExp) return patternNotBuilt.problem
  if (typeof name !== 'string') return `expected a name, got ${shown(name)}`
  if (name === '') return 'expected a name, got an empty text'
  if (name.length > topicNameLengthMax) return `expected at most ${topicNameLengthMax} characters, got ${name.length}`
  if (name === '.' || name === '..') return `Kafka does not allow the name ${name}`
  if (!topicNameForm.test(name)) return `Kafka does not allow all characters of ${shown(name)}`
  return undefined
}

const patternNotBuilt: SettingsIssue = {
  option: 'consume(pattern)',
  problem: 'topics by pattern (a regular expression) are not built yet',
  remedy: 'Name each topic and call consume once for each.',
}

function notATopic(got: unknown): SettingsIssue {
  return {
    option: 'consume(topic)',
    problem: `expected a topic, got ${shown(got)}`,
    remedy: typeof got === 'string' ? `Write consume(topic(${shown(got)}), …).` : 'Make one with topic(name, options).',
  }
}
