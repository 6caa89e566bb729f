/** SASL SCRAM-SHA-256 and SCRAM-SHA-512 (RFC 5802, RFC 7677), the server's side. As in Kafka there is no channel binding,
 *  what the client says about it at the end is not looked at, and a delegation token (`tokenauth`) lets nobody in. */

import { createHash, createHmac } from 'node:crypto'

import type { Exchange, Step } from './exchange.ts'
import { otherAuthorizationId } from './plain.ts'
import { isSame, type SaslUsers, type ScramCredential, type ScramHash } from './sasl-users.ts'

const nonceBytes = 16

const clientFirst =
  /^n,(?:a=(?<authzid>(?:[^=,]|=2C|=3D)+))?,(?<bare>n=(?<name>(?:[^=,]|=2C|=3D)+),r=(?<nonce>[\x21-\x2b\x2d-\x7e]+)(?<extensions>(?:,[A-Za-z]+=[^,]+)*))$/
const clientFinal =
  /^(?<unproven>c=[A-Za-z0-9+/=]+,r=(?<nonce>[\x21-\x2b\x2d-\x7e]+)(?:,[A-Za-z]+=[^,]+)*?),p=(?<proof>[A-Za-z0-9+/]+={0,2})$/

type Challenge = {
  readonly credential: ScramCredential
  readonly principal: string
  readonly nonce: string
  /** The client's first message without its header, and the server's: the beginning of what both sides sign. */
  readonly signedSoFar: string
}

export function scramExchange(users: SaslUsers, hash: ScramHash): Exchange {
  let challenge: Challenge | undefined
  return (token): Step => {
    const text = token.toString('utf8')
    if (challenge !== undefined) return finish(text, challenge, hash)
    const first = clientFirst.exec(text)?.groups
    if (first === undefined || /,tokenauth=true/i.test(first['extensions'] ?? '')) return { outcome: 'refused' }
    const { authzid, bare = '', name = '', nonce: clientNonce = '' } = first
    const principal = unescape(name)
    const credential = users.scramCredential(principal, hash)
    if (credential === undefined) return { outcome: 'refused' }
    if (authzid !== undefined && unescape(authzid) !== principal) {
      return { outcome: 'refused', message: otherAuthorizationId }
    }
    const nonce = clientNonce + users.randomBytes(nonceBytes).toString('hex')
    const serverFirst = `r=${nonce},s=${credential.salt.toString('base64')},i=${credential.iterations}`
    challenge = { credential, principal, nonce, signedSoFar: `${bare},${serverFirst}` }
    return { outcome: 'continue', bytes: Buffer.from(serverFirst) }
  }
}

/** The client proves that it knows the password, and the server proves the same in return. */
function finish(text: string, { credential, principal, nonce, signedSoFar }: Challenge, hash: ScramHash): Step {
  const final = clientFinal.exec(text)?.groups
  if (final === undefined || final['nonce'] !== nonce) return { outcome: 'refused' }
  const signed = `${signedSoFar},${final['unproven']}`
  const signature = createHmac(hash, credential.storedKey).update(signed).digest()
  const proof = Buffer.from(final['proof'] ?? '', 'base64')
  if (proof.length !== signature.length) return { outcome: 'broken' }
  const clientKey = Buffer.from(proof.map((byte, index) => byte ^ (signature[index] as number)))
  if (!isSame(createHash(hash).update(clientKey).digest(), credential.storedKey)) return { outcome: 'refused' }
  const serverSignature = createHmac(hash, credential.serverKey).update(signed).digest('base64')
  return { outcome: 'authenticated', bytes: Buffer.from(`v=${serverSignature}`), principal }
}

/** Names carry their own commas and equals signs as `=2C` and `=3D`. */
function unescape(name: string): string {
  return name.replaceAll('=2C', ',').replaceAll('=3D', '=')
}
