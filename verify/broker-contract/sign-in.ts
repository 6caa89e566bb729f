/** How rows sign in: a listener that demands SASL on either kind of cluster, and the tokens of each mechanism, written from
 *  the RFCs and not with the broker's own code. */

import { createHash, createHmac, pbkdf2Sync } from 'node:crypto'
import { EmbeddedKafka } from '../../packages/broker/src/index.ts'
import { saslUsers, shortSessionMs } from '../../scripts/kafka/broker-config.ts'
import { type DecodedResponse } from '../../packages/broker/src/protocol/apis.ts'
import { type Ground, type Wire } from './row.ts'
import { openWire } from './wire.ts'

export type Mechanism = 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512' | 'OAUTHBEARER'
export type Authenticated = DecodedResponse<'SaslAuthenticate'>
/** Opens one more connection to the listener. */
export type Door = () => Promise<Wire>

const mechanisms: readonly Mechanism[] = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512', 'OAUTHBEARER']
export const alicePlain = `\0alice\0${saslUsers['alice']}`
export const sessionMs = shortSessionMs

/** Runs `use` with a listener that demands SASL; its sessions last for ever or `sessionMs`. */
export async function atDoor(
  ground: Ground,
  sessions: 'endless' | 'short',
  use: (door: Door) => Promise<void>,
): Promise<void> {
  const wires: Wire[] = []
  const own = ground.kind === 'embedded' ? await guarded(sessions) : undefined
  const port = own === undefined ? await kafkaPort(ground, sessions) : Number(own.bootstrap.split(':')[1])
  try {
    await use(async () => {
      const wire = await openWire({ nodeId: 1, host: '127.0.0.1', port })
      wires.push(wire)
      return wire
    })
  } finally {
    for (const wire of wires) wire.close()
    await own?.stop()
  }
}

function guarded(sessions: 'endless' | 'short'): Promise<EmbeddedKafka> {
  const sessionLifetimeMs = sessions === 'short' ? sessionMs : undefined
  return EmbeddedKafka.start({ sasl: { users: saslUsers, mechanisms, sessionLifetimeMs } })
}

/** The brokers of `scripts/kafka` have such listeners beside the plain one. */
async function kafkaPort(ground: Ground, sessions: 'endless' | 'short'): Promise<number> {
  const wire = await ground.node()
  const resources = [{ resourceType: 4, resourceName: String(wire.nodeId), configurationKeys: ['listeners'] }]
  const { results } = await wire.call('DescribeConfigs', 1, { resources })
  const listeners = results[0]?.configs[0]?.value ?? ''
  const name = sessions === 'short' ? 'SASL_SHORT' : 'SASL_PLAINTEXT'
  const port = new RegExp(`${name}://127\\.0\\.0\\.1:(\\d+)`).exec(listeners)?.[1]
  if (port === undefined) throw new Error(`this Kafka has no listener ${name}: start it anew by npm run kafka`)
  return Number(port)
}

export function handshake(wire: Wire, mechanism: string): Promise<DecodedResponse<'SaslHandshake'>> {
  return wire.call('SaslHandshake', 1, { mechanism })
}

export function sendToken(wire: Wire, token: string, version = 2): Promise<Authenticated> {
  return wire.call('SaslAuthenticate', version, { authBytes: Buffer.from(token) })
}

/** Handshake and one token. */
export async function signIn(wire: Wire, token = alicePlain, mechanism: Mechanism = 'PLAIN'): Promise<Authenticated> {
  await handshake(wire, mechanism)
  return sendToken(wire, token)
}

export type ScramWishes = {
  readonly user?: string
  readonly password?: string
  /** What the client says of channel binding and authorization. */
  readonly header?: string
  /** What the client takes for the nonce of both, and signs. */
  readonly nonce?: (honest: string) => string
  readonly final?: (honest: string) => string
}

/** A whole exchange by RFC 5802; throws if the broker cannot prove that it knows the password. */
export async function scramSignIn(
  wire: Wire,
  mechanism: 'SCRAM-SHA-256' | 'SCRAM-SHA-512',
  wishes: ScramWishes = {},
): Promise<Authenticated> {
  const honestly = (text: string): string => text
  const { user = 'alice', password = saslUsers['alice'] ?? '', header = 'n,,' } = wishes
  const { nonce: taken = honestly, final = honestly } = wishes
  const [hash, length] = mechanism === 'SCRAM-SHA-256' ? (['sha256', 32] as const) : (['sha512', 64] as const)
  await handshake(wire, mechanism)
  const bare = `n=${user},r=nonce-of-client`
  const challenged = await sendToken(wire, header + bare)
  if (challenged.errorCode !== 0) return challenged
  const challenge = challenged.authBytes.toString()
  const [, nonce = '', salt = '', iterations = ''] = /^r=([^,]+),s=([^,]+),i=(\d+)$/.exec(challenge) ?? []
  const salted = pbkdf2Sync(password, Buffer.from(salt, 'base64'), Number(iterations), length, hash)
  const hmac = (key: Buffer, text: string): Buffer => createHmac(hash, key).update(text).digest()
  const clientKey = hmac(salted, 'Client Key')
  const unproven = `c=${Buffer.from(header).toString('base64')},r=${taken(nonce)}`
  const signed = `${bare},${challenge},${unproven}`
  const signature = hmac(createHash(hash).update(clientKey).digest(), signed)
  const proof = Buffer.from(clientKey.map((byte, index) => byte ^ (signature[index] ?? 0)))
  const answer = await sendToken(wire, final(`${unproven},p=${proof.toString('base64')}`))
  const proven = `v=${hmac(hmac(salted, 'Server Key'), signed).toString('base64')}`
  if (answer.errorCode === 0 && answer.authBytes.toString() !== proven) throw new Error('the broker proved nothing')
  return answer
}

/** The first message of OAUTHBEARER with an unsecured token of `carol`. */
export function bearer(claims: object = {}, header: object = { alg: 'none' }): string {
  const nowS = Date.now() / 1_000
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const token = `${part(header)}.${part({ sub: 'carol', iat: nowS - 10, exp: nowS + 3_600, ...claims })}.`
  return `n,,\x01auth=Bearer ${token}\x01\x01`
}
