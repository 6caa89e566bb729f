/** Reads options that may be anything at all: users of plain JavaScript pass texts, NaN, null and typing mistakes. What is
 *  wrong becomes an issue with expected, got and remedy; what is right comes back as a value. It never throws. */

import type { SettingsIssue } from '../model/errors.ts'
import { durationForm, formatDuration, parseDuration } from '../model/duration.ts'
import { nearestName } from './nearest-name.ts'
import type { NumberRule, UnbuiltOption } from './option-rules.ts'
import { shown } from './shown.ts'

/** A bag of options: one object that a user passed. */
export class OptionReader {
  /** What stands before the name of an option in issues, such as `consume(orders).`. */
  readonly prefix: string
  /** False if what was given is no object at all; then that is the only issue worth telling. */
  readonly isReadable: boolean
  readonly #values: ReadonlyMap<string, unknown>
  readonly #issues: SettingsIssue[]
  readonly #flawed = new Set<string>()

  constructor(prefix: string, options: unknown, issues: SettingsIssue[]) {
    this.prefix = prefix
    this.#issues = issues
    this.isReadable =
      options === undefined || (typeof options === 'object' && options !== null && !Array.isArray(options))
    this.#values = this.#open(options)
  }

  /** What was given; undefined counts as not given. */
  value(name: string): unknown {
    return this.#values.get(name)
  }

  report(name: string, problem: string, remedy: string): void {
    this.#flawed.add(name)
    this.#issues.push({ option: `${this.prefix}${plainName.test(name) ? name : shown(name)}`, problem, remedy })
  }

  /** Whether an issue names this option; then nothing that builds on it is worth a second one. */
  isFlawed(name: string): boolean {
    return this.#flawed.has(name)
  }

  number(name: string, rule: NumberRule): number | undefined {
    const value = this.value(name)
    if (value === undefined) return undefined
    const problem = numberProblem(value, rule)
    if (problem === undefined) return rule.unit === 'ms' ? parseDuration(value) : (value as number)
    this.report(name, problem, `Choose a value ${rangeOf(rule)}.`)
    return undefined
  }

  choice<C extends string>(name: string, choices: readonly C[], fallback: C): C {
    const value = this.value(name)
    if (value === undefined) return fallback
    const chosen = choices.find((choice) => choice === value)
    if (chosen !== undefined) return chosen
    const list = choices.map((choice) => `'${choice}'`).join(choices.length > 2 ? ', ' : ' or ')
    this.report(name, `expected ${list}, got ${shown(value)}`, meantRemedy(value, choices) ?? `Choose ${list}.`)
    return fallback
  }

  /** Names are what Kafka would accept, without what is certainly a mistake: blanks around, control characters. */
  name(name: string): string | undefined {
    const value = this.value(name)
    if (value === undefined) return undefined
    const problem = nameProblem(value)
    if (problem === undefined) return value as string
    this.report(name, problem, nameRemedy)
    return undefined
  }

  function(name: string, example: string): void {
    const value = this.value(name)
    if (value === undefined || typeof value === 'function') return
    this.report(name, `expected a function, got ${shown(value)}`, `Write for example \`${example}\`.`)
  }

  /** Reports every option that does not exist or is not built. */
  refuseOthers(known: readonly string[], unbuilt: Readonly<Record<string, UnbuiltOption>> = {}): void {
    for (const [name, value] of this.#values) {
      if (known.includes(name)) continue
      const missing = Object.hasOwn(unbuilt, name) ? unbuilt[name] : undefined
      if (missing === undefined) {
        this.report(name, 'there is no such option', meantRemedy(name, known) ?? `Known are ${known.join(', ')}.`)
      } else if (value !== false && value !== null) {
        this.report(name, `${missing.what}: not built yet`, missing.instead)
      }
    }
  }

  #open(options: unknown): ReadonlyMap<string, unknown> {
    const values = new Map<string, unknown>()
    if (!this.isReadable) {
      this.#issues.push({
        option: this.prefix.replace(/\.$/, '') || 'createHoldfast(options)',
        problem: `expected an object with options, got ${shown(options)}`,
        remedy: 'Write `{ name: value }`.',
      })
      return values
    }
    if (typeof options !== 'object' || options === null) return values
    for (const key of Object.keys(options)) {
      try {
        const value: unknown = Reflect.get(options, key)
        if (value !== undefined) values.set(key, value)
      } catch {
        this.report(key, 'reading it throws', 'Pass a plain value.')
      }
    }
    return values
  }
}

/** Why a value does not satisfy a rule; undefined if it does. */
export function numberProblem(value: unknown, rule: NumberRule): string | undefined {
  if (rule.unit !== 'ms') {
    if (typeof value === 'number' && Number.isInteger(value) && value >= rule.min && value <= rule.max) return undefined
    return `expected a whole number of ${rule.unit} ${rangeOf(rule)}, got ${shown(value)}`
  }
  try {
    const ms = parseDuration(value)
    return ms >= rule.min && ms <= rule.max ? undefined : `expected a duration ${rangeOf(rule)}, got ${shown(value)}`
  } catch {
    return `expected ${durationForm}, got ${shown(value)}`
  }
}

export function rangeOf({ unit, min, max }: NumberRule): string {
  return `from ${quantity(min, unit)} to ${quantity(max, unit)}`
}

/** `45s`, `8 MiB`, `1,000`: a number with its unit, for messages and documents. */
export function quantity(value: number, unit: NumberRule['unit']): string {
  if (unit === 'ms') return formatDuration(value)
  if (unit === 'bytes') {
    const scale = [30, 20, 10].find((bits) => value >= 2 ** bits && value % 2 ** bits === 0)
    if (scale !== undefined) return `${value / 2 ** scale} ${{ 10: 'KiB', 20: 'MiB', 30: 'GiB' }[scale]}`
  }
  return value.toLocaleString('en')
}

const nameLengthMax = 249
/** A name as options have them; others are put into quotes. */
const plainName = /^[\w.[\]]{1,60}$/
export const nameRemedy = 'Choose 1 to 249 printable characters without blanks around them.'

/** Why Kafka or its operators could not live with a name; undefined if they can. */
export function nameProblem(value: unknown): string | undefined {
  if (typeof value !== 'string') return `expected a name, got ${shown(value)}`
  if (value === '') return 'expected a name, got an empty text'
  if (value.length > nameLengthMax) return `expected at most ${nameLengthMax} characters, got ${value.length}`
  if (value !== value.trim() || /\p{Cc}/u.test(value)) return `expected a printable name, got ${shown(value)}`
  return undefined
}

function meantRemedy(given: unknown, known: readonly string[]): string | undefined {
  const meant = typeof given === 'string' ? nearestName(given, known) : undefined
  return meant === undefined ? undefined : `Did you mean ${meant}?`
}
