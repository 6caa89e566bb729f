/** What users write to demand SASL, and the settings that follow from it. */

import type { BrokerClock } from '../core/clock.ts'
import { type MechanismName, mechanismNames } from './exchange.ts'
import { SaslUsers } from './sasl-users.ts'

export type SaslOptions = {
  /** Passwords by user name, for PLAIN and SCRAM. @default none, which only OAUTHBEARER allows */
  readonly users?: Readonly<Record<string, string>> | undefined
  /** How clients may sign in. OAUTHBEARER takes unsecured tokens, as Kafka does by default: it lets in whoever says a name,
   *  and so has to be asked for. @default PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512 */
  readonly mechanisms?: readonly MechanismName[] | undefined
  /** How long a session lasts before the client must authenticate again on the open connection (KIP-368), in milliseconds,
   *  at least 1: `connections.max.reauth.ms`. An OAUTHBEARER session ends with its token if that is sooner.
   *  @default for ever */
  readonly sessionLifetimeMs?: number | undefined
}

export type SaslSettings = {
  readonly users: SaslUsers
  readonly mechanisms: readonly MechanismName[]
  readonly sessionLifetimeMs: number | undefined
}

const defaultMechanisms: readonly MechanismName[] = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512']

/** Throws a `RangeError` or `TypeError` that names the option and never a password. */
export function resolveSasl(options: SaslOptions, clock: BrokerClock): SaslSettings {
  const { users = {}, mechanisms = defaultMechanisms, sessionLifetimeMs } = options
  if ('username' in options) throw new TypeError('sasl takes users by name: { users: { name: password } }')
  if (mechanisms.length === 0) throw new RangeError('sasl.mechanisms is empty: nobody could sign in')
  for (const name of mechanisms) {
    if (!mechanismNames.includes(name)) {
      throw new RangeError(`sasl.mechanisms must be some of ${mechanismNames.join(', ')}, got ${String(name)}`)
    }
  }
  for (const [name, password] of Object.entries(users)) {
    if (name === '') throw new RangeError('sasl.users has a user without a name')
    if (typeof password !== 'string' || password === '') {
      throw new RangeError(`sasl.users: the password of ${name} must be a text that is not empty`)
    }
  }
  if (Object.keys(users).length === 0 && mechanisms.some((name) => name !== 'OAUTHBEARER')) {
    throw new RangeError('sasl.users is empty: PLAIN and SCRAM need at least one user')
  }
  if (sessionLifetimeMs !== undefined && (!Number.isSafeInteger(sessionLifetimeMs) || sessionLifetimeMs < 1)) {
    throw new RangeError(`sasl.sessionLifetimeMs must be a whole number ≥ 1, got ${sessionLifetimeMs}`)
  }
  return { users: new SaslUsers(users, clock), mechanisms: [...new Set(mechanisms)], sessionLifetimeMs }
}
