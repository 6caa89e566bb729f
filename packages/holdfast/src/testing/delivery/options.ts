/** What can be said to `expectDelivery`, and how it becomes settings: everything that is wrong is told at once. */

import type { TopicSpec } from '@holdfast/broker'
import { type Outgoing, SettingsError, type SettingsIssue, type Topic } from '../../index.ts'
import { type Duration, parseDuration } from '../../model/duration.ts'
import { describeThrown } from '../../model/errors.ts'
import { type DeliveryFault, deliveryFaults } from './plan.ts'

/** What there is to look at when a run is over. */
export type DeliveryOutcome<In, D> = {
  readonly downstream: D
  /** What was sent in this run, in its order. While a failure is shortened that is less than `records` said. */
  readonly sent: readonly Outgoing<In>[]
  /** The values that lie in a topic, partition after partition. Throws a RangeError if it does not exist. */
  readonly valuesIn: (topic: string) => readonly (Buffer | null)[]
}

export type DeliveryOptions<In, Out, D> = {
  /** Where the records come. */
  readonly topic: Topic<In, Out>
  /** What is sent to it, in this order; or what makes each of `count` messages. */
  readonly records: readonly Outgoing<In>[] | ((index: number) => Outgoing<In>)
  /** How many, if `records` makes them. 1 to 10,000. @default 40 */
  readonly count?: number | undefined
  /** Partitions of the topic. 1 to 100. @default 3 */
  readonly partitions?: number | undefined
  /** Other topics that must exist, with their number of partitions. */
  readonly topics?: Readonly<Record<string, TopicSpec>> | undefined
  /** Makes what survives a crash, anew for each run: your database, the service that you call. @default nothing */
  readonly downstream?: (() => D) | undefined
  /** Called at the end of each run, when everything is committed and stopped. Throws if something is not as it must
   *  be. */
  readonly check?: ((outcome: DeliveryOutcome<In, D>) => void | Promise<void>) | undefined
  /** What goes wrong. @default all of them */
  readonly faults?: readonly DeliveryFault[] | undefined
  /** May messages become dead letters? No attempt that could be a message's last is disturbed, so one that dies has
   *  a handler that fails by itself. @default 'refused' */
  readonly deadLetters?: 'refused' | 'allowed' | undefined
  /** How many runs, each with faults of its own. 1 to 1,000,000. @default 50 */
  readonly runs?: number | undefined
  /** Of the first run; each further one has the next. A whole number from 0 up. @default 1 */
  readonly seed?: number | undefined
  /** Virtual time after which a run that is not over counts as stuck; 5 s for each message and four times all waits
   *  of the retry policy are added. @default '15m' */
  readonly limit?: Duration | undefined
}

export type DeliverySettings<In, Out, D> = {
  readonly topic: Topic<In, Out>
  readonly messages: readonly Outgoing<In>[]
  readonly partitions: number
  readonly topics: Readonly<Record<string, TopicSpec>>
  readonly newDownstream: () => D
  readonly check: (outcome: DeliveryOutcome<In, D>) => void | Promise<void>
  readonly faults: readonly DeliveryFault[]
  /** Faults that were asked for by name. */
  readonly wanted: readonly DeliveryFault[]
  readonly allowsDeadLetters: boolean
  readonly runs: number
  readonly seed: number
  readonly limitMs: number
}

const names = 'topic records count partitions topics downstream check faults deadLetters runs seed limit'.split(' ')
const seedMax = 2 ** 32 - 1

/** Throws a SettingsError with everything that is wrong. */
export function deliverySettings<In, Out, D>(
  build: unknown,
  options: DeliveryOptions<In, Out, D>,
): DeliverySettings<In, Out, D> {
  const issues: SettingsIssue[] = []
  const report = (name: string, problem: string, remedy: string): void => {
    issues.push({ option: `expectDelivery${name}`, problem, remedy })
  }
  if (typeof build !== 'function') {
    const problem = `expected a function that builds an app, got ${typeof build}`
    report('(app, …)', problem, 'Pass ({ kafka }) => createHoldfast({ kafka, … }): each crash needs an app of its own.')
  }
  if (typeof options !== 'object' || options === null) {
    report('(…, options)', `expected an object, got ${typeof options}`, 'Pass at least { topic, records }.')
    throw new SettingsError(issues)
  }
  for (const name of Object.keys(options)) {
    if (!names.includes(name)) report(`.${name}`, 'no such option', `Use ${names.join(', ')}.`)
  }
  const number = (
    name: 'count' | 'partitions' | 'runs' | 'seed',
    min: number,
    max: number,
    fallback: number,
  ): number => {
    const value = options[name] ?? fallback
    if (Number.isInteger(value) && value >= min && value <= max) return value
    report(
      `.${name}`,
      `expected a whole number from ${min} to ${max}, got ${String(value)}`,
      'Choose one in this range.',
    )
    return fallback
  }
  if (typeof options.topic?.name !== 'string')
    report('.topic', 'expected a topic', "Pass what topic('orders') returns.")
  for (const name of ['downstream', 'check'] as const) {
    const value = options[name]
    if (value === undefined || typeof value === 'function') continue
    report(
      `.${name}`,
      `expected a function, got ${typeof value}`,
      name === 'downstream' ? 'Pass () => it.' : 'Pass one.',
    )
  }
  const count = number('count', 1, 10_000, 40)
  const settings = {
    topic: options.topic,
    messages: messagesOf(options.records, count, report),
    partitions: number('partitions', 1, 100, 3),
    topics: options.topics ?? {},
    newDownstream: options.downstream ?? (() => undefined as D),
    check: options.check ?? (() => undefined),
    faults: faultsOf(options.faults, report),
    wanted: options.faults ?? [],
    allowsDeadLetters: allowsDeadLetters(options.deadLetters, report),
    runs: number('runs', 1, 1_000_000, 50),
    seed: number('seed', 0, seedMax, 1),
    limitMs: limitOf(options.limit, report),
  }
  if (issues.length > 0) throw new SettingsError(issues)
  return settings
}

type Report = (name: string, problem: string, remedy: string) => void

function messagesOf<In>(
  records: DeliveryOptions<In, unknown, unknown>['records'] | undefined,
  count: number,
  report: Report,
): readonly Outgoing<In>[] {
  if (Array.isArray(records) && records.length > 0) return records
  if (typeof records === 'function') return Array.from({ length: count }, (_, index) => records(index))
  const got = Array.isArray(records) ? 'an empty list' : typeof records
  report('.records', `expected messages or a function that makes them, got ${got}`, 'Pass (index) => ({ value: … }).')
  return []
}

function faultsOf(faults: readonly DeliveryFault[] | undefined, report: Report): readonly DeliveryFault[] {
  if (faults === undefined) return deliveryFaults
  const all = deliveryFaults.join(', ')
  if (!Array.isArray(faults)) {
    report('.faults', `expected a list, got ${typeof faults}`, `Choose some of ${all}.`)
    return []
  }
  const unknown = faults.filter((fault) => !deliveryFaults.includes(fault))
  if (unknown.length > 0) report('.faults', `expected faults, got ${unknown.join(', ')}`, `Choose some of ${all}.`)
  return faults
}

function allowsDeadLetters(value: unknown, report: Report): boolean {
  if (value !== undefined && value !== 'refused' && value !== 'allowed') {
    report('.deadLetters', `expected 'refused' or 'allowed', got ${String(value)}`, 'Choose one of them.')
  }
  return value === 'allowed'
}

function limitOf(limit: Duration | undefined, report: Report): number {
  try {
    return parseDuration(limit ?? '15m', 'limit')
  } catch (error) {
    report('.limit', describeThrown(error), "Pass a duration such as '15m'.")
    return 0
  }
}
