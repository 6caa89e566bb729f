/** SASL OAUTHBEARER (RFC 7628) with unsecured tokens (a JWS with `alg` none), as Kafka's default validator takes them: no
 *  signature is ever checked, so this lets in whoever says a name. A token that is not legal is told by an error in JSON;
 *  the client answers with one byte, and only then the authentication has failed. */

import type { BrokerClock } from '../core/clock.ts'
import { type Exchange, noBytes, type Step } from './exchange.ts'

const invalidToken = '{"status":"invalid_token"}'
/** What a client sends to say that it has read the error. */
const acknowledgement = 0x01

/** Ends the header, each pair and the message. */
const separator = '\x01'
const header = /^n,(?:a=(?<authzid>(?:[^=,]|=2C|=3D)+))?,$/
const pair = /^(?<key>[A-Za-z]+)=(?<value>[\x21-\x7e \t\r\n]+)$/
const bearer = /^(?<scheme>\w+) +(?<token>[-_.A-Za-z0-9]+)$/

type Token = { readonly principal: string; readonly expiresAtMs: number }
type Claims = { readonly [name: string]: unknown }

export function oauthBearerExchange(clock: BrokerClock): Exchange {
  let hasToldError = false
  return (token): Step => {
    if (hasToldError && token.length === 1 && token[0] === acknowledgement) {
      return { outcome: 'refused', message: invalidToken }
    }
    hasToldError = false
    const first = readFirstMessage(token.toString('utf8'))
    const credentials = bearer.exec(first?.authorization ?? '')?.groups
    if (first === undefined || credentials === undefined) return { outcome: 'refused' }
    if (credentials['scheme']?.toLowerCase() !== 'bearer') return { outcome: 'broken' }
    const read = readToken(credentials['token'] ?? '', clock.epochMs())
    if (read === 'broken') return { outcome: 'broken' }
    if (read === undefined) {
      hasToldError = true
      return { outcome: 'continue', bytes: Buffer.from(invalidToken) }
    }
    const { authzid } = first
    if (authzid !== undefined && authzid !== read.principal) {
      const message = `Authentication failed: Client requested an authorization id (${authzid}) that is different from the token's principal name (${read.principal})`
      return { outcome: 'refused', message }
    }
    return { outcome: 'authenticated', bytes: noBytes, ...read }
  }
}

/** undefined if it is none. */
function readFirstMessage(
  text: string,
): { authzid: string | undefined; authorization: string | undefined } | undefined {
  const [start = '', ...rest] = text.split(separator)
  const opened = header.exec(start)
  const pairs = rest.slice(0, -2).map((each) => pair.exec(each)?.groups)
  if (opened === null || rest.slice(-2).join() !== ',' || pairs.includes(undefined)) return undefined
  const authorization = pairs.find((each) => each?.['key'] === 'auth')?.['value']
  return { authzid: opened.groups?.['authzid'], authorization }
}

/** undefined for a token that is not legal now; `broken` for one that names no algorithm, over which Kafka stumbles. */
function readToken(text: string, nowMs: number): Token | undefined | 'broken' {
  const parts = text.split('.')
  const [header, claims] = parts.slice(0, 2).map(readJson)
  if (parts.length !== 3 || parts[2] !== '' || header === undefined || claims === undefined) return undefined
  if (header['alg'] === undefined) return 'broken'
  if (header['alg'] !== 'none') return undefined
  const { sub, exp, iat, scope } = claims
  if (typeof sub !== 'string' || sub.trim() === '' || typeof exp !== 'number' || !isScope(scope)) return undefined
  if (iat !== undefined && (typeof iat !== 'number' || iat * 1_000 > nowMs || iat >= exp)) return undefined
  const expiresAtMs = Math.floor(exp * 1_000)
  return nowMs >= expiresAtMs ? undefined : { principal: sub, expiresAtMs }
}

function isScope(scope: unknown): boolean {
  if (scope === undefined || typeof scope === 'string') return true
  return Array.isArray(scope) && scope.every((each) => typeof each === 'string')
}

function readJson(part: string): Claims | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'))
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Claims) : undefined
  } catch {
    return undefined
  }
}
