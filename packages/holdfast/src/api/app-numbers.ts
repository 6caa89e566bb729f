/** The numbers of an app: read from options, variables and defaults, then checked against each other.
 *
 *  Options bound each other: a heartbeat must fit into its session three times. Whoever shortens the session need not
 *  think of the heartbeat, because a default gives way to what was given; an issue never names an option that nobody
 *  wrote. */

import type { EnvironmentReader } from './environment-variables.ts'
import { type OptionReader, quantity } from './option-reader.ts'
import { appRules } from './option-rules.ts'
import { appDefaults, type AppNumber, fixedSettings, testProfile } from './options.ts'

/** In milliseconds, bytes and counts. */
export type AppNumbers = Readonly<Record<AppNumber, number>>

type Given = Partial<Record<AppNumber, number>>

/** Where a number came from, in the words of whoever has to change it. */
type Sources = Partial<Record<AppNumber, (problem: string, remedy: string) => void>>

export function resolveAppNumbers(
  options: OptionReader,
  environment: EnvironmentReader,
  profile: 'production' | 'test',
): AppNumbers {
  const given: Given = {}
  const report: Sources = {}
  for (const name of Object.keys(appRules) as AppNumber[]) {
    const rule = appRules[name]
    const { variable } = rule
    const isInCode = options.value(name) !== undefined
    const value = isInCode
      ? options.number(name, rule)
      : variable === undefined
        ? undefined
        : environment.milliseconds(variable, rule)
    if (value === undefined) continue
    given[name] = value
    report[name] =
      isInCode || variable === undefined
        ? (problem, remedy) => options.report(name, problem, remedy)
        : (problem, remedy) => environment.report(variable, problem, remedy)
  }
  const numbers = complete(given, profile === 'test' ? testProfile : appDefaults)
  for (const bound of bounds) {
    const value = numbers[bound.option]
    const problem = bound.expected(numbers)
    if (problem === undefined || options.isFlawed(bound.by)) continue
    const got = quantity(value, appRules[bound.option].unit)
    report[bound.option]?.(`expected ${problem}, got ${got}`, `Change it, or ${bound.by}.`)
  }
  return numbers
}

/** Fills in the defaults, each bent to what was given and to what was filled in above it. */
function complete(given: Given, defaults: AppNumbers): AppNumbers {
  const sessionTimeout = given.sessionTimeout ?? defaults.sessionTimeout
  const requestTimeout = given.requestTimeout ?? Math.min(defaults.requestTimeout, sessionTimeout - 1)
  const rebalanceTimeout = given.rebalanceTimeout ?? Math.max(defaults.rebalanceTimeout, sessionTimeout)
  const fetchWaitMax = Math.min(Math.floor(requestTimeout / 2), sessionTimeout - fixedSettings.fetchSlackMs - 1)
  const linger = given.linger ?? defaults.linger
  const heldBytes = given.heldBytes ?? defaults.heldBytes
  const fetchBytes = given.fetchBytes ?? Math.min(defaults.fetchBytes, heldBytes)
  const batchBytes = given.batchBytes ?? Math.min(defaults.batchBytes, given.unsentBytes ?? defaults.unsentBytes)
  return Object.freeze({
    ...defaults,
    heartbeatInterval: Math.min(defaults.heartbeatInterval, Math.floor(sessionTimeout / 3)),
    drainAtRevoke: Math.min(defaults.drainAtRevoke, Math.floor(rebalanceTimeout / 2)),
    fetchMaxWait: Math.min(defaults.fetchMaxWait, fetchWaitMax),
    partitionFetchBytes: Math.min(defaults.partitionFetchBytes, fetchBytes),
    unsentBytes: Math.max(defaults.unsentBytes, batchBytes),
    deliveryTimeout: Math.max(defaults.deliveryTimeout, linger + requestTimeout),
    ...given,
    sessionTimeout,
    requestTimeout,
    rebalanceTimeout,
    linger,
    heldBytes,
    fetchBytes,
    batchBytes,
  })
}

type Bound = {
  readonly option: AppNumber
  /** The other side of the bound. */
  readonly by: AppNumber
  /** What was expected, if the bound does not hold. */
  readonly expected: (numbers: AppNumbers) => string | undefined
}

const atMost = (option: AppNumber, by: AppNumber, share: number, words: string): Bound => ({
  option,
  by,
  expected: (n) =>
    n[option] <= n[by] / share ? undefined : `at most ${words} (${quantity(n[by], appRules[by].unit)})`,
})

const bounds: readonly Bound[] = [
  // Two heartbeats may get lost before the broker gives up on us.
  atMost('heartbeatInterval', 'sessionTimeout', 3, 'a third of sessionTimeout'),
  // The other half is for the other members, and for joining.
  atMost('drainAtRevoke', 'rebalanceTimeout', 2, 'half of rebalanceTimeout'),
  atMost('partitionFetchBytes', 'fetchBytes', 1, 'fetchBytes'),
  atMost('fetchBytes', 'heldBytes', 1, 'heldBytes'),
  atMost('batchBytes', 'unsentBytes', 1, 'unsentBytes'),
  {
    // A member that still counts as alive must be waited for.
    option: 'rebalanceTimeout',
    by: 'sessionTimeout',
    expected: (n) =>
      n.rebalanceTimeout >= n.sessionTimeout
        ? undefined
        : `at least sessionTimeout (${quantity(n.sessionTimeout, 'ms')})`,
  },
  {
    // A request that takes longer than the session is waited for by somebody who is no member any more.
    option: 'requestTimeout',
    by: 'sessionTimeout',
    expected: (n) =>
      n.requestTimeout < n.sessionTimeout
        ? undefined
        : `less than sessionTimeout (${quantity(n.sessionTimeout, 'ms')})`,
  },
  {
    option: 'fetchMaxWait',
    by: 'requestTimeout',
    expected: (n) =>
      n.fetchMaxWait < n.requestTimeout ? undefined : `less than requestTimeout (${quantity(n.requestTimeout, 'ms')})`,
  },
  {
    // R31: a fetch has its wait and 5 s to be answered, and must be over before the session is.
    option: 'fetchMaxWait',
    by: 'sessionTimeout',
    expected: (n) =>
      n.fetchMaxWait + fixedSettings.fetchSlackMs < n.sessionTimeout
        ? undefined
        : `at least ${quantity(fixedSettings.fetchSlackMs, 'ms')} less than sessionTimeout (${quantity(n.sessionTimeout, 'ms')})`,
  },
  {
    option: 'deliveryTimeout',
    by: 'requestTimeout',
    expected: (n) => {
      const least = n.linger + n.requestTimeout
      return n.deliveryTimeout >= least ? undefined : `at least linger + requestTimeout (${quantity(least, 'ms')})`
    },
  },
]
