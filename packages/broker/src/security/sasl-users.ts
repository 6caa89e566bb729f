/** The users that may sign in, and what SCRAM keeps of their passwords. Nothing here can be printed: passwords live in
 *  private fields, which neither `inspect` nor JSON shows. */

import { createHash, createHmac, pbkdf2Sync, timingSafeEqual } from 'node:crypto'

import type { BrokerClock } from '../core/clock.ts'

export type ScramHash = 'sha256' | 'sha512'

/** What RFC 5802 has a server store: enough to check a client, not enough to be one. */
export type ScramCredential = {
  readonly salt: Buffer
  readonly iterations: number
  readonly storedKey: Buffer
  readonly serverKey: Buffer
}

/** Kafka's default and its minimum. */
const iterations = 4_096
const saltBytes = 26
const hashBytes = { sha256: 32, sha512: 64 } as const

export class SaslUsers {
  readonly #passwords: ReadonlyMap<string, string>
  readonly #clock: BrokerClock
  readonly #credentials = new Map<string, ScramCredential>()

  constructor(passwords: Readonly<Record<string, string>>, clock: BrokerClock) {
    this.#passwords = new Map(Object.entries(passwords))
    this.#clock = clock
  }

  isPassword(username: string, password: string): boolean {
    const expected = this.#passwords.get(username)
    return expected !== undefined && isSame(digest(expected), digest(password))
  }

  /** Derived at first use, because it takes milliseconds; undefined if there is no such user. */
  scramCredential(username: string, hash: ScramHash): ScramCredential | undefined {
    const password = this.#passwords.get(username)
    if (password === undefined) return undefined
    const id = `${hash} ${username}`
    let credential = this.#credentials.get(id)
    if (credential === undefined) {
      credential = deriveCredential(password, hash, this.randomBytes(saltBytes))
      this.#credentials.set(id, credential)
    }
    return credential
  }

  /** From the chance of the clock, so that a simulation repeats; nothing that this broker keeps is worth more. */
  randomBytes(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => Math.floor(this.#clock.random() * 256)))
  }
}

function deriveCredential(password: string, hash: ScramHash, salt: Buffer): ScramCredential {
  const salted = pbkdf2Sync(password, salt, iterations, hashBytes[hash], hash)
  const clientKey = createHmac(hash, salted).update('Client Key').digest()
  return {
    salt,
    iterations,
    storedKey: createHash(hash).update(clientKey).digest(),
    serverKey: createHmac(hash, salted).update('Server Key').digest(),
  }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

export function isSame(left: Buffer, right: Buffer): boolean {
  return left.length === right.length && timingSafeEqual(left, right)
}
