/** SASL PLAIN (RFC 4616): authorization id, user name and password in one token, separated by NUL. The refusals are worded
 *  as Kafka 4.3 words them, because clients show them. */

import { type Exchange, noBytes, type Step } from './exchange.ts'
import type { SaslUsers } from './sasl-users.ts'

const partsOfToken = 3

export function plainExchange(users: SaslUsers): Exchange {
  return (token): Step => {
    // The third separator and what follows it is one part too many, however much it is.
    const parts = token.toString('utf8').split('\0', partsOfToken + 1)
    const [authorizationId = '', username = '', password = ''] = parts
    if (parts.length !== partsOfToken) {
      return refused(`Invalid SASL/PLAIN response: expected ${partsOfToken} tokens, got ${parts.length}`)
    }
    if (username === '') return refused('Authentication failed: username not specified')
    if (password === '') return refused('Authentication failed: password not specified')
    if (!users.isPassword(username, password)) return refused('Authentication failed: Invalid username or password')
    if (authorizationId !== '' && authorizationId !== username) return refused(otherAuthorizationId)
    return { outcome: 'authenticated', bytes: noBytes, principal: username }
  }
}

export const otherAuthorizationId =
  'Authentication failed: Client requested an authorization id that is different from username'

function refused(message: string): Step {
  return { outcome: 'refused', message }
}
