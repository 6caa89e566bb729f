import { beforeEach, describe, expect, test } from 'vitest'

import { VirtualClock } from '../testing/virtual-clock.ts'
import type { MechanismName } from './exchange.ts'
import { SaslSession, type TokenOutcome } from './sasl-session.ts'
import { resolveSasl, type SaslOptions } from './sasl-settings.ts'

const users = { alice: 'alice-secret', bob: 'bob-secret' }
const alice = '\0alice\0alice-secret'
const lifetimeMs = 10_000
let clock: VirtualClock

beforeEach(() => {
  clock = new VirtualClock()
})

function session(options: SaslOptions = { users }): SaslSession {
  return new SaslSession(resolveSasl(options, clock), clock)
}

function signIn(at: SaslSession, token = alice, mechanism: MechanismName = 'PLAIN'): TokenOutcome {
  expect(at.admit('SaslHandshake')).toBe('serve')
  expect(at.shakeHands(mechanism, 1)).toBe('agreed')
  expect(at.admit('SaslAuthenticate')).toBe('serve')
  return at.takeToken(Buffer.from(token))
}

describe('before somebody has signed in', () => {
  test.each(['Metadata', 'SaslAuthenticate', 'Produce'] as const)('%s closes the connection', (api) => {
    const fresh = session()
    expect(fresh.admit(api)).toBe('close')
    expect(fresh.admit('SaslHandshake')).toBe('close')
  })

  test('versions are told once, and may be asked again only while they were not', () => {
    const fresh = session()
    expect([fresh.admit('ApiVersions'), fresh.admit('ApiVersions')]).toEqual(['serve', 'serve'])
    fresh.versionsTold()
    expect(fresh.admit('ApiVersions')).toBe('close')
  })

  test('a mechanism that is not enabled ends the session', () => {
    const fresh = session({ users, mechanisms: ['PLAIN'] })
    expect(fresh.shakeHands('SCRAM-SHA-256', 1)).toBe('unsupported')
    expect(fresh.hasFailed).toBe(true)
  })

  test.each(['ApiVersions', 'SaslHandshake', 'Metadata'] as const)('%s instead of a token is refused', (api) => {
    const fresh = session()
    fresh.shakeHands('PLAIN', 1)
    expect(fresh.admit(api)).toBe('refuse')
    expect(fresh.hasFailed).toBe(true)
  })

  test('after a handshake of version 0 tokens come without a request', () => {
    const fresh = session()
    fresh.shakeHands('PLAIN', 0)
    expect(fresh.expectsRawTokens).toBe(true)
  })

  test('a wrong password ends the session', () => {
    const fresh = session()
    expect(signIn(fresh, '\0alice\0wrong').outcome).toBe('refused')
    expect(fresh.admit('SaslHandshake')).toBe('close')
  })
})

describe('a session without an end', () => {
  test('serves everything and tells no lifetime', () => {
    const open = session()
    expect(signIn(open)).toMatchObject({ outcome: 'accepted', lifetimeMs: 0 })
    expect(open.admit('Metadata')).toBe('serve')
  })

  test('cannot be renewed, and asking for it does no harm', () => {
    const open = session()
    signIn(open)
    expect(open.shakeHands('PLAIN', 1)).toBe('outOfTurn')
    expect(open.takeToken(Buffer.from(alice)).outcome).toBe('outOfTurn')
    expect(open.admit('Metadata')).toBe('serve')
  })
})

describe('a session with an end', () => {
  let open: SaslSession

  beforeEach(() => {
    open = session({ users, sessionLifetimeMs: lifetimeMs })
    signIn(open)
  })

  test('serves until then and closes the connection at the next request', async () => {
    await clock.advance(lifetimeMs - 1)
    expect(open.admit('Metadata')).toBe('serve')
    await clock.advance(1)
    expect(open.admit('Metadata')).toBe('close')
  })

  test.each([1_000, lifetimeMs + 1])('is renewed on the open connection after %i ms', async (ms) => {
    await clock.advance(ms)
    expect(signIn(open)).toMatchObject({ outcome: 'accepted', lifetimeMs })
    await clock.advance(lifetimeMs - 1)
    expect(open.admit('Metadata')).toBe('serve')
  })

  test('is renewed no more than once a second', async () => {
    signIn(open)
    await clock.advance(999)
    expect(open.shakeHands('PLAIN', 1)).toBe('outOfTurn')
    await clock.advance(1)
    expect(open.shakeHands('PLAIN', 1)).toBe('agreed')
  })

  test('serves nothing else while it is renewed', () => {
    open.shakeHands('PLAIN', 1)
    expect(open.admit('Metadata')).toBe('refuse')
  })

  test('stays with its principal', () => {
    expect(signIn(open, '\0bob\0bob-secret')).toEqual({
      outcome: 'refused',
      message: 'Cannot change principals during re-authentication from User.alice: User.bob',
    })
  })

  test('stays with its mechanism: the token after the handshake closes the connection', () => {
    expect(open.shakeHands('SCRAM-SHA-256', 1)).toBe('agreed')
    expect(open.admit('SaslAuthenticate')).toBe('close')
  })

  test('ends when an unknown mechanism is asked for', () => {
    expect(open.shakeHands('FOO', 1)).toBe('close')
    expect(open.hasFailed).toBe(true)
  })
})

test.each([
  [5, 5_000],
  [100, lifetimeMs],
])('a session of a token that ends in %i s lasts %i ms', (endsInS, expected) => {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const claims = { sub: 'carol', exp: clock.epochMs() / 1_000 + endsInS }
  const token = `n,,\x01auth=Bearer ${part({ alg: 'none' })}.${part(claims)}.\x01\x01`
  const open = session({ mechanisms: ['OAUTHBEARER'], sessionLifetimeMs: lifetimeMs })
  expect(signIn(open, token, 'OAUTHBEARER')).toMatchObject({ outcome: 'accepted', lifetimeMs: expected })
})

test.each<[string, object]>([
  ['no users', {}],
  ['a user without a password', { users: { alice: '' } }],
  ['a user without a name', { users: { '': 'x' } }],
  ['a mechanism that nobody knows', { users, mechanisms: ['GSSAPI'] }],
  ['no mechanism', { users, mechanisms: [] }],
  ['a lifetime of zero', { users, sessionLifetimeMs: 0 }],
  ['one user in the old form', { username: 'alice', password: 'alice-secret' }],
])('%s is a mistake that is told without a password', (_name, options) => {
  expect(() => resolveSasl(options as SaslOptions, clock)).toThrow(/^sasl(?!.*secret)/)
})
