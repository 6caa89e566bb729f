/** What happens on a fresh connection before anybody may use it: versions are asked for, then the user is authenticated. */

import * as client from '@platformatic/kafka'
import { kafkaErrors, kafkaErrorName } from '../../model/kafka-errors.ts'
import type { Handshake, Link, Session, VersionRange } from '../link.ts'
import { PortError } from '../port.ts'
import { type Credentials, secretOf } from '../sasl.ts'
import { type ClientApi, exchange } from './exchange.ts'

/** Shown by broker tools; Kafka allows letters, digits, dashes and dots. */
const software = ['holdfast', '0.1.0'] as const

type ApiVersionsAnswer = client.apiVersionsV3.ApiVersionsResponse
type SaslHandshakeAnswer = client.saslHandshakeV1.SaslHandshakeResponse
type SaslAuthenticateAnswer = client.saslAuthenticateV2.SaslAuthenticateResponse

/** Newest first. */
const authenticateVersions: readonly (readonly [version: number, api: ClientApi])[] = [
  [2, client.saslAuthenticateV2.api],
  [1, client.saslAuthenticateV1.api],
  [0, client.saslAuthenticateV0.api],
]

export function createHandshake(credentials: Credentials | undefined): Handshake {
  return async (link, timeoutMs) => {
    const versions = await askVersions(link, timeoutMs)
    const lifetimeMs = credentials === undefined ? null : await authenticate(link, credentials, versions, timeoutMs)
    return { versions, lifetimeMs }
  }
}

async function askVersions(link: Link, timeoutMs: number): Promise<Session['versions']> {
  let answer = (await exchange(link, client.apiVersionsV3.api, software, { timeoutMs })) as ApiVersionsAnswer
  if (answer.errorCode === kafkaErrors.UNSUPPORTED_VERSION) {
    answer = (await exchange(link, client.apiVersionsV0.api, [], { timeoutMs })) as ApiVersionsAnswer
  }
  if (answer.errorCode !== 0) {
    throw new PortError(
      'unsupported',
      link.node,
      `the broker does not tell its versions: ${kafkaErrorName(answer.errorCode)}`,
    )
  }
  return new Map(
    answer.apiKeys.map(({ apiKey, minVersion, maxVersion }) => [apiKey, { min: minVersion, max: maxVersion }]),
  )
}

/** SASL PLAIN. Answers how long the session lasts; `null` for ever. */
async function authenticate(
  link: Link,
  { username, password }: Credentials,
  versions: ReadonlyMap<number, VersionRange>,
  timeoutMs: number,
): Promise<number | null> {
  const handshake = (await exchange(link, client.saslHandshakeV1.api, ['PLAIN'], { timeoutMs })) as SaslHandshakeAnswer
  if (handshake.errorCode !== 0) {
    const offered = handshake.mechanisms?.join(', ') || 'nothing'
    const reason = `the broker refused SASL PLAIN (${kafkaErrorName(handshake.errorCode)}); it offers ${offered}`
    throw new PortError('auth', link.node, reason)
  }
  const { min, max } = versions.get(client.saslAuthenticateV2.api.key) ?? { min: 0, max: 0 }
  const api = authenticateVersions.find(([version]) => version >= min && version <= max)?.[1]
  if (api === undefined) throw new PortError('unsupported', link.node, 'no common version of SaslAuthenticate')
  const token = Buffer.from(`\0${username}\0${await secretOf(password)}`)
  const answer = (await exchange(link, api, [token], { timeoutMs })) as SaslAuthenticateAnswer
  if (answer.errorCode !== 0) {
    const reason = answer.errorMessage ?? kafkaErrorName(answer.errorCode)
    throw new PortError('auth', link.node, `the broker refused the credentials of user ${username}: ${reason}`)
  }
  return answer.sessionLifetimeMs > 0n ? Number(answer.sessionLifetimeMs) : null
}
