import { createHash, createHmac, pbkdf2Sync } from 'node:crypto'
import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'

import { VirtualClock } from '../testing/virtual-clock.ts'
import type { Exchange, Step } from './exchange.ts'
import { oauthBearerExchange } from './oauth-bearer.ts'
import { plainExchange } from './plain.ts'
import { SaslUsers, type ScramHash } from './sasl-users.ts'
import { scramExchange } from './scram.ts'

const clock = new VirtualClock()
const users = new SaslUsers({ alice: 'alice-secret', 'a,b=c': 'odd-secret' }, clock)
const invalid = { outcome: 'refused' }

test('users show no password, however they are printed', () => {
  expect(inspect(users, { depth: 9, showHidden: true }) + JSON.stringify(users)).not.toContain('secret')
})

describe('PLAIN', () => {
  const take = (token: string): Step => plainExchange(users)(Buffer.from(token))

  test.each(['\0alice\0alice-secret', 'alice\0alice\0alice-secret'])('%j signs alice in', (token) => {
    expect(take(token)).toMatchObject({ outcome: 'authenticated', principal: 'alice' })
  })

  test.each([
    ['\0alice\0wrong', 'Authentication failed: Invalid username or password'],
    ['\0zed\0alice-secret', 'Authentication failed: Invalid username or password'],
    ['\0constructor\0x', 'Authentication failed: Invalid username or password'],
    ['\0\0alice-secret', 'Authentication failed: username not specified'],
    ['\0alice\0', 'Authentication failed: password not specified'],
    ['alice\0alice-secret', 'Invalid SASL/PLAIN response: expected 3 tokens, got 2'],
    ['\0alice\0alice-secret\0x\0y', 'Invalid SASL/PLAIN response: expected 3 tokens, got 4'],
    ['', 'Invalid SASL/PLAIN response: expected 3 tokens, got 1'],
    [
      'bob\0alice\0alice-secret',
      'Authentication failed: Client requested an authorization id that is different from username',
    ],
  ])('%j is refused in the words of Kafka', (token, message) => {
    expect(take(token)).toEqual({ outcome: 'refused', message })
  })
})

describe.each(['sha256', 'sha512'] as const)('SCRAM with %s', (hash: ScramHash) => {
  const length = { sha256: 32, sha512: 64 }[hash]

  /** `nonce`: what the client takes for the nonce of both, and signs; `final`: what becomes of its last message. */
  type Wishes = {
    user?: string
    header?: string
    nonce?: (honest: string) => string
    final?: (honest: string) => string
  }

  /** A client by RFC 5802, so far as the exchange lets it go. */
  function client(password: string, over: Wishes = {}) {
    const { user = 'alice', header = 'n,,', nonce: taken = (honest) => honest, final = (honest) => honest } = over
    const exchange = scramExchange(users, hash)
    const bare = `n=${user},r=nonce-of-client`
    const first = exchange(Buffer.from(header + bare))
    if (first.outcome !== 'continue') return { exchange, last: first }
    const serverFirst = first.bytes.toString()
    const [, nonce = '', salt = '', iterations = ''] = /^r=([^,]+),s=([^,]+),i=(\d+)$/.exec(serverFirst) ?? []
    const salted = pbkdf2Sync(password, Buffer.from(salt, 'base64'), Number(iterations), length, hash)
    const clientKey = createHmac(hash, salted).update('Client Key').digest()
    const unproven = `c=${Buffer.from(header).toString('base64')},r=${taken(nonce)}`
    const signed = `${bare},${serverFirst},${unproven}`
    const signature = createHmac(hash, createHash(hash).update(clientKey).digest()).update(signed).digest()
    const proof = Buffer.from(clientKey.map((byte, index) => byte ^ (signature[index] as number)))
    const last = exchange(Buffer.from(final(`${unproven},p=${proof.toString('base64')}`)))
    const serverKey = createHmac(hash, salted).update('Server Key').digest()
    const expected = `v=${createHmac(hash, serverKey).update(signed).digest('base64')}`
    return { exchange, last, nonce, salt, iterations: Number(iterations), expected }
  }

  test('the right password signs in, and the server proves that it knows it too', () => {
    const { last, expected, nonce, iterations } = client('alice-secret')
    expect(last).toEqual({ outcome: 'authenticated', principal: 'alice', bytes: Buffer.from(expected ?? '') })
    expect(nonce).toMatch(/^nonce-of-client.{16,}/)
    expect(iterations).toBe(4_096)
  })

  test('two exchanges share the salt and no nonce', () => {
    const [one, two] = [client('alice-secret'), client('alice-secret')]
    expect(one.salt).toBe(two.salt)
    expect(one.nonce).not.toBe(two.nonce)
  })

  test('a name may hold a comma and an equals sign', () => {
    expect(client('odd-secret', { user: 'a=2Cb=3Dc' }).last).toMatchObject({ principal: 'a,b=c' })
  })

  test.each([
    ['a wrong password', 'wrong', {}],
    ['an unknown user', 'alice-secret', { user: 'zed' }],
    ['a name with a bare equals sign', 'alice-secret', { user: 'al=ice' }],
    ['channel binding', 'alice-secret', { header: 'p=tls-unique,,' }],
    ['a client that could bind channels', 'alice-secret', { header: 'y,,' }],
    ['no header', 'alice-secret', { header: '' }],
    ['a delegation token', 'alice-secret', { user: 'alice,r=x,tokenauth=true' }],
    ['another nonce', 'alice-secret', { nonce: (honest: string) => honest.replace('nonce-of-client', 'another') }],
    ['its own nonce twice', 'alice-secret', { nonce: (honest: string) => `nonce-of-client${honest}` }],
    ['a last message of garbage', 'alice-secret', { final: () => 'hello' }],
    ['a proof that is not base64', 'alice-secret', { final: (honest: string) => honest.replace(/p=.*/, 'p=!!!!') }],
  ])('%s is refused without saying why', (_name, password, over) => {
    expect(client(password, over).last).toEqual(invalid)
  })

  test('another authorization id is refused, the own one is not', () => {
    expect(client('alice-secret', { header: 'n,a=alice,' }).last.outcome).toBe('authenticated')
    expect(client('alice-secret', { header: 'n,a=bob,' }).last).toMatchObject({
      message: expect.stringContaining('authorization id'),
    })
  })

  test('a proof of another length ends the connection, as it does in Kafka', () => {
    const short = { final: (honest: string) => honest.replace(/p=.*/, 'p=YWJj') }
    expect(client('alice-secret', short).last).toEqual({ outcome: 'broken' })
  })
})

describe('OAUTHBEARER', () => {
  const nowS = clock.epochMs() / 1_000
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const unsecured = (claims: object, header: object = { alg: 'none' }): string => `${part(header)}.${part(claims)}.`
  const message = (token: string, rest = ''): string => `n,,\x01auth=Bearer ${token}\x01${rest}\x01`
  const legal = { sub: 'carol', iat: nowS - 10, exp: nowS + 60 }
  const take = (text: string, exchange: Exchange = oauthBearerExchange(clock)): Step => exchange(Buffer.from(text))
  const told = { outcome: 'continue', bytes: Buffer.from('{"status":"invalid_token"}') }

  test.each([
    ['alone', message(unsecured(legal))],
    ['with an extension', message(unsecured(legal), 'traceId=1\x01')],
    ['with a scope', message(unsecured({ ...legal, scope: ['a', 'b'] }))],
    ['without a time of issue', message(unsecured({ sub: 'carol', exp: legal.exp }))],
    ['with its scheme in small letters', message(unsecured(legal)).replace('Bearer', 'bearer')],
    ['with its own authorization id', message(unsecured(legal)).replace('n,,', 'n,a=carol,')],
  ])('a legal token %s signs its subject in until it ends', (_name, text) => {
    expect(take(text)).toMatchObject({ outcome: 'authenticated', principal: 'carol', expiresAtMs: legal.exp * 1_000 })
  })

  test.each([
    ['expired', unsecured({ ...legal, exp: nowS })],
    ['issued in the future', unsecured({ ...legal, iat: nowS + 1 })],
    ['issued after its end', unsecured({ sub: 'carol', iat: nowS - 1, exp: nowS - 2 })],
    ['without an end', unsecured({ sub: 'carol' })],
    ['whose end is a text', unsecured({ ...legal, exp: 'later' })],
    ['whose time of issue is a text', unsecured({ ...legal, iat: 'x' })],
    ['without a subject', unsecured({ exp: legal.exp })],
    ['with a blank subject', unsecured({ ...legal, sub: ' ' })],
    ['whose scope is a number', unsecured({ ...legal, scope: 5 })],
    ['with another algorithm', unsecured(legal, { alg: 'HS256' })],
    ['that is signed', `${unsecured(legal)}abc`],
    ['of two parts', unsecured(legal).slice(0, -1)],
    ['that is no JWS', 'abc'],
    ['that is no JSON', 'e30x.aGVsbG8.'],
  ])('a token %s is told as an error first, and refused when the client has read it', (_name, token) => {
    const exchange = oauthBearerExchange(clock)
    expect(take(message(token), exchange)).toEqual(told)
    expect(take('\x01', exchange)).toEqual({ outcome: 'refused', message: '{"status":"invalid_token"}' })
  })

  test('after an error a legal token still signs in', () => {
    const exchange = oauthBearerExchange(clock)
    take(message('abc'), exchange)
    expect(take(message(unsecured(legal)), exchange).outcome).toBe('authenticated')
  })

  test.each(['hello', '', '\x01', 'n,,\x01foo=bar\x01\x01', message(unsecured(legal), 'trace-id=1\x01')])(
    '%j is no first message',
    (text) => {
      expect(take(text)).toEqual(invalid)
    },
  )

  test('another authorization id is refused', () => {
    expect(take(message(unsecured(legal)).replace('n,,', 'n,a=dave,'))).toMatchObject({
      message: expect.stringContaining('(dave)'),
    })
  })

  test.each([
    ['another scheme', message(unsecured(legal)).replace('Bearer', 'Basic')],
    ['a token without an algorithm', message(unsecured(legal, {}))],
  ])('%s ends the connection, as it does in Kafka', (_name, text) => {
    expect(take(text)).toEqual({ outcome: 'broken' })
  })
})
