/** The SASL state of one connection: which request may come now, and what it leads to. Seen on Kafka 4.3.1 for every state
 *  (KIP-43, KIP-152, KIP-368).
 *
 *      greeting ── ApiVersions ──> expectingHandshake
 *          └───────── SaslHandshake ──────┴──> exchanging ── tokens ──> authenticated
 *                                                  ↑                        │ SaslHandshake, if the session has an end
 *                                                  └────────────────────────┘
 *
 *  Whatever does not fit ends in `failed`, which ends the connection. */

import type { BrokerClock } from '../core/clock.ts'
import type { ApiName } from '../protocol/apis.ts'
import type { Exchange, MechanismName, Step } from './exchange.ts'
import { oauthBearerExchange } from './oauth-bearer.ts'
import { plainExchange } from './plain.ts'
import type { SaslSettings } from './sasl-settings.ts'
import { scramExchange } from './scram.ts'

type Identity = { readonly mechanism: MechanismName; readonly principal: string }

type Phase =
  | { readonly name: 'greeting' | 'expectingHandshake' | 'failed' }
  | {
      readonly name: 'exchanging'
      readonly mechanism: MechanismName
      /** undefined where the next token only ends the connection: another mechanism than before. */
      readonly step: Exchange | undefined
      /** After a handshake of version 0 tokens travel without the header of a request. */
      readonly isRaw: boolean
      /** Who it was before, when this is a re-authentication. */
      readonly before: Identity | undefined
    }
  | {
      readonly name: 'authenticated'
      readonly identity: Identity
      /** Monotonic; undefined for a session without an end, which cannot be renewed either. */
      readonly endsAtMs: number | undefined
    }

/** `refuse`: answer with ILLEGAL_SASL_STATE, then end the connection · `close`: end it without an answer. */
export type Admission = 'serve' | 'refuse' | 'close'
export type HandshakeOutcome = 'agreed' | 'unsupported' | 'outOfTurn' | 'close'
export type TokenOutcome =
  | { readonly outcome: 'accepted'; readonly bytes: Buffer; readonly lifetimeMs: number }
  | { readonly outcome: 'refused'; readonly message: string }
  | { readonly outcome: 'outOfTurn' | 'close' }

/** Kafka answers a client that authenticates again more often than this as if its session had no end. */
const pauseBetweenRenewalsMs = 1_000

export class SaslSession {
  readonly #settings: SaslSettings
  readonly #clock: BrokerClock
  #phase: Phase = { name: 'greeting' }
  #renewedAtMs: number | undefined

  constructor(settings: SaslSettings, clock: BrokerClock) {
    this.#settings = settings
    this.#clock = clock
  }

  /** The connection is to end when the answer is on its way. */
  get hasFailed(): boolean {
    return this.#phase.name === 'failed'
  }

  get expectsRawTokens(): boolean {
    return this.#phase.name === 'exchanging' && this.#phase.isRaw
  }

  get isAuthenticated(): boolean {
    return this.#phase.name === 'authenticated'
  }

  /** Whether a request may be served now. Anything but `serve` has ended the session. */
  admit(api: ApiName): Admission {
    const admission = this.#admission(api)
    if (admission !== 'serve') this.#fail()
    return admission
  }

  #admission(api: ApiName): Admission {
    const phase = this.#phase
    switch (phase.name) {
      case 'greeting':
        return api === 'ApiVersions' || api === 'SaslHandshake' ? 'serve' : 'close'
      case 'expectingHandshake':
        return api === 'SaslHandshake' ? 'serve' : 'close'
      case 'exchanging':
        if (phase.step === undefined) return 'close'
        return api === 'SaslAuthenticate' ? 'serve' : 'refuse'
      case 'authenticated': {
        const isOver = phase.endsAtMs !== undefined && this.#clock.monotonicMs() >= phase.endsAtMs
        return isOver && !(api === 'SaslHandshake' && this.#mayRenew()) ? 'close' : 'serve'
      }
      case 'failed':
        return 'close'
    }
  }

  /** ApiVersions was answered without an error: before authentication that happens once. */
  versionsTold(): void {
    if (this.#phase.name === 'greeting') this.#phase = { name: 'expectingHandshake' }
  }

  shakeHands(mechanism: string, version: number): HandshakeOutcome {
    const phase = this.#phase
    const before = phase.name === 'authenticated' ? phase.identity : undefined
    if (before !== undefined && !this.#mayRenew()) return 'outOfTurn'
    const known = this.#settings.mechanisms.find((name) => name === mechanism)
    if (known === undefined) {
      this.#fail()
      return before === undefined ? 'unsupported' : 'close'
    }
    if (before !== undefined) this.#renewedAtMs = this.#clock.monotonicMs()
    const isSameMechanism = before === undefined || before.mechanism === known
    const step = isSameMechanism ? this.#exchange(known) : undefined
    this.#phase = { name: 'exchanging', mechanism: known, step, isRaw: version === 0, before }
    return 'agreed'
  }

  takeToken(token: Buffer): TokenOutcome {
    const phase = this.#phase
    if (phase.name !== 'exchanging' || phase.step === undefined) return { outcome: 'outOfTurn' }
    const taken = phase.step(token)
    switch (taken.outcome) {
      case 'continue':
        return { outcome: 'accepted', bytes: taken.bytes, lifetimeMs: 0 }
      case 'authenticated':
        return this.#authenticated(taken, phase)
      case 'refused': {
        this.#fail()
        const during = phase.before === undefined ? 'authentication' : 're-authentication'
        const anonymous = `Authentication failed during ${during} due to invalid credentials with SASL mechanism ${phase.mechanism}`
        return { outcome: 'refused', message: taken.message ?? anonymous }
      }
      case 'broken':
        this.#fail()
        return { outcome: 'close' }
    }
  }

  #authenticated(
    { bytes, principal, expiresAtMs }: Step & { outcome: 'authenticated' },
    { mechanism, before }: Phase & { name: 'exchanging' },
  ): TokenOutcome {
    if (before !== undefined && before.principal !== principal) {
      this.#fail()
      const change = `User.${before.principal}: User.${principal}`
      return { outcome: 'refused', message: `Cannot change principals during re-authentication from ${change}` }
    }
    const ofToken = expiresAtMs === undefined ? undefined : Math.max(0, expiresAtMs - Math.floor(this.#clock.epochMs()))
    const lifetimes = [this.#settings.sessionLifetimeMs, ofToken].filter((each) => each !== undefined)
    const lifetimeMs = lifetimes.length === 0 ? undefined : Math.min(...lifetimes)
    const endsAtMs = lifetimeMs === undefined ? undefined : this.#clock.monotonicMs() + lifetimeMs
    this.#phase = { name: 'authenticated', identity: { mechanism, principal }, endsAtMs }
    return { outcome: 'accepted', bytes, lifetimeMs: lifetimeMs ?? 0 }
  }

  #mayRenew(): boolean {
    if (this.#phase.name !== 'authenticated' || this.#phase.endsAtMs === undefined) return false
    const sinceMs = this.#clock.monotonicMs() - (this.#renewedAtMs ?? -Infinity)
    return sinceMs >= pauseBetweenRenewalsMs
  }

  #exchange(mechanism: MechanismName): Exchange {
    const { users } = this.#settings
    switch (mechanism) {
      case 'PLAIN':
        return plainExchange(users)
      case 'SCRAM-SHA-256':
        return scramExchange(users, 'sha256')
      case 'SCRAM-SHA-512':
        return scramExchange(users, 'sha512')
      case 'OAUTHBEARER':
        return oauthBearerExchange(this.#clock)
    }
  }

  #fail(): void {
    this.#phase = { name: 'failed' }
  }
}
