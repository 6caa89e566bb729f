/** Rows about signing in: the handshake and the three families of mechanisms. Sessions with an end are `sasl-sessions.ts`. */

import { expect } from 'vitest'
import { type Row, type Wire } from '../row.ts'
import {
  alicePlain,
  atDoor,
  type Authenticated,
  bearer,
  handshake,
  type Mechanism,
  scramSignIn,
  type ScramWishes,
  sendToken,
  signIn,
} from '../sign-in.ts'
import { frameOf } from '../wire.ts'

const common = { priority: 'P1' } as const
const anonymous = (mechanism: string): string =>
  `Authentication failed during authentication due to invalid credentials with SASL mechanism ${mechanism}`

async function expectServed(wire: Wire): Promise<void> {
  expect((await wire.call('Metadata', 12, { topics: [] })).brokers.length).toBeGreaterThan(0)
}

/** A row in which one token is refused with 58 and a message, and the connection ends. */
function refused(id: string, when: string, mechanism: Mechanism, token: string, message: string): Row {
  const expected = '58 SASL_AUTHENTICATION_FAILED with the reason, then the connection is closed'
  return {
    ...common,
    id: `sasl-authenticate/${id}`,
    api: 'SaslAuthenticate',
    when,
    expect: expected,
    rule: 'KIP-152; seen on 4.3.1',
    run: (ground) =>
      atDoor(ground, 'endless', async (door) => {
        const wire = await door()
        const answer = await signIn(wire, token, mechanism)
        expect([answer.errorCode, answer.errorMessage]).toEqual([58, message])
        await wire.closed
      }),
  }
}

/** A row in which a SCRAM exchange goes wrong. */
function scramRefused(id: string, when: string, wishes: ScramWishes, message = anonymous('SCRAM-SHA-512')): Row {
  return {
    ...refused(`scram-${id}`, when, 'SCRAM-SHA-512', '', ''),
    rule: 'RFC 5802, KIP-84; seen on 4.3.1',
    run: (ground) =>
      atDoor(ground, 'endless', async (door) => {
        const wire = await door()
        const answer = await scramSignIn(wire, 'SCRAM-SHA-512', wishes)
        expect([answer.errorCode, answer.errorMessage]).toEqual([58, message])
        await wire.closed
      }),
  }
}

/** A row in which somebody signs in and is served. */
function accepted(id: string, when: string, rule: string, exchange: (wire: Wire) => Promise<Authenticated>): Row {
  return {
    ...common,
    id: `sasl-authenticate/${id}`,
    api: 'SaslAuthenticate',
    when,
    expect: '0, and the connection is served',
    rule,
    run: (ground) =>
      atDoor(ground, 'endless', async (door) => {
        const wire = await door()
        expect((await exchange(wire)).errorCode).toBe(0)
        await expectServed(wire)
      }),
  }
}

/** A row in which a token of OAUTHBEARER is told as illegal first. */
function illegalToken(id: string, when: string, claims: object, header?: object): Row {
  return {
    ...common,
    id: `sasl-authenticate/token-${id}`,
    api: 'SaslAuthenticate',
    when,
    expect: '0 with {"status":"invalid_token"}; 58 with the same once the client has said 0x01; then closed',
    rule: 'RFC 7628 §3.2.3, KIP-255; seen on 4.3.1',
    run: (ground) =>
      atDoor(ground, 'endless', async (door) => {
        const wire = await door()
        const told = await signIn(wire, bearer(claims, header), 'OAUTHBEARER')
        expect([told.errorCode, told.authBytes.toString()]).toEqual([0, '{"status":"invalid_token"}'])
        const answer = await sendToken(wire, '\x01')
        expect([answer.errorCode, answer.errorMessage]).toEqual([58, '{"status":"invalid_token"}'])
        await wire.closed
      }),
  }
}

const handshakeRows: readonly Row[] = [
  {
    ...common,
    id: 'sasl-handshake/lists-the-mechanisms',
    api: 'SaslHandshake',
    when: 'a mechanism is enabled, asked in version 0 and in version 1',
    expect: '0, and all enabled mechanisms',
    rule: 'KIP-43',
    run: (ground) =>
      atDoor(ground, 'endless', async (door) => {
        for (const version of [0, 1]) {
          const answer = await (await door()).call('SaslHandshake', version, { mechanism: 'PLAIN' })
          expect(answer.errorCode).toBe(0)
          expect(answer.mechanisms.toSorted()).toEqual(['OAUTHBEARER', 'PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'])
        }
      }),
  },
  {
    ...common,
    id: 'sasl-handshake/unsupported-mechanism',
    api: 'SaslHandshake',
    when: 'the mechanism is not enabled',
    expect: '33 UNSUPPORTED_SASL_MECHANISM with the mechanisms that are, then the connection is closed',
    rule: 'KIP-43; seen on 4.3.1',
    run: (ground) =>
      atDoor(ground, 'endless', async (door) => {
        const wire = await door()
        const answer = await handshake(wire, 'GSSAPI')
        expect([answer.errorCode, answer.mechanisms.length]).toEqual([33, 4])
        await wire.closed
      }),
  },
  {
    ...common,
    id: 'sasl-handshake/without-sasl',
    api: 'SaslHandshake',
    when: 'the listener demands no SASL',
    expect: '34 ILLEGAL_SASL_STATE without mechanisms; the connection stays open',
    rule: 'seen on 4.3.1',
    async run(ground) {
      const wire = await ground.node()
      expect(await handshake(wire, 'PLAIN')).toEqual({ errorCode: 34, mechanisms: [] })
      await expectServed(wire)
    },
  },
  {
    ...common,
    id: 'sasl-handshake/twice',
    api: 'SaslHandshake',
    when: 'a second handshake comes where a token is due',
    expect: '34 ILLEGAL_SASL_STATE, then the connection is closed',
    rule: 'seen on 4.3.1',
    run: (ground) =>
      atDoor(ground, 'endless', async (door) => {
        const wire = await door()
        await handshake(wire, 'PLAIN')
        expect(await handshake(wire, 'PLAIN')).toEqual({ errorCode: 34, mechanisms: [] })
        await wire.closed
      }),
  },
  {
    ...common,
    id: 'sasl-handshake/nothing-to-renew',
    api: 'SaslHandshake',
    when: 'the client has signed in and its session has no end',
    expect: '34 ILLEGAL_SASL_STATE; the connection goes on being served',
    rule: 'KIP-368; seen on 4.3.1',
    run: (ground) =>
      atDoor(ground, 'endless', async (door) => {
        const wire = await door()
        await signIn(wire)
        expect((await handshake(wire, 'PLAIN')).errorCode).toBe(34)
        await expectServed(wire)
      }),
  },
]

const orderRows: readonly Row[] = [
  {
    ...common,
    id: 'sasl-authenticate/without-sasl',
    api: 'SaslAuthenticate',
    when: 'the listener demands no SASL',
    expect: '34 ILLEGAL_SASL_STATE; the connection stays open',
    rule: 'seen on 4.3.1',
    async run(ground) {
      const wire = await ground.node()
      expect((await sendToken(wire, alicePlain)).errorCode).toBe(34)
      await expectServed(wire)
    },
  },
  {
    ...common,
    id: 'sasl-authenticate/without-a-handshake',
    api: 'SaslAuthenticate',
    when: 'a token comes before the handshake',
    expect: 'the connection is closed without an answer',
    rule: 'seen on 4.3.1',
    run: (ground) =>
      atDoor(ground, 'endless', async (door) => {
        await expect(sendToken(await door(), alicePlain)).rejects.toThrow('closed')
      }),
  },
  {
    ...common,
    id: 'sasl-authenticate/a-second-time',
    api: 'SaslAuthenticate',
    when: 'a token comes after the client has signed in',
    expect: '34 ILLEGAL_SASL_STATE; the connection goes on being served',
    rule: 'seen on 4.3.1',
    run: (ground) =>
      atDoor(ground, 'endless', async (door) => {
        const wire = await door()
        await signIn(wire)
        const answer = await sendToken(wire, alicePlain)
        const message = 'SaslAuthenticate request received after successful authentication'
        expect([answer.errorCode, answer.errorMessage]).toEqual([34, message])
        await expectServed(wire)
      }),
  },
  {
    ...common,
    id: 'metadata/before-signing-in',
    api: 'Metadata',
    when: 'a client that has not signed in asks for anything but ApiVersions and SaslHandshake',
    expect: 'the connection is closed without an answer',
    rule: 'KIP-43; seen on 4.3.1',
    run: (ground) =>
      atDoor(ground, 'endless', async (door) => {
        await expect((await door()).call('Metadata', 12, { topics: [] })).rejects.toThrow('closed')
      }),
  },
  {
    ...common,
    id: 'metadata/where-a-token-is-due',
    api: 'Metadata',
    when: 'it comes between the handshake and the token',
    expect: 'an answer that names no broker, then the connection is closed',
    rule: 'seen on 4.3.1',
    run: (ground) =>
      atDoor(ground, 'endless', async (door) => {
        const wire = await door()
        await handshake(wire, 'PLAIN')
        expect((await wire.call('Metadata', 1, { topics: [] })).brokers).toEqual([])
        await wire.closed
      }),
  },
  {
    ...common,
    id: 'api-versions/twice-before-signing-in',
    api: 'ApiVersions',
    when: 'a client that has not signed in asks again after it was answered',
    expect: 'the connection is closed without an answer',
    rule: 'KIP-43; seen on 4.3.1',
    run: (ground) =>
      atDoor(ground, 'endless', async (door) => {
        const wire = await door()
        expect((await wire.call('ApiVersions', 0, {})).errorCode).toBe(0)
        await expect(wire.call('ApiVersions', 0, {})).rejects.toThrow('closed')
      }),
  },
  {
    ...common,
    id: 'api-versions/again-after-an-unknown-version',
    api: 'ApiVersions',
    when: 'a client that has not signed in asks in an unknown version, with an illegal name, and then rightly',
    expect: '35 UNSUPPORTED_VERSION, 42 INVALID_REQUEST, 0; then it may sign in',
    rule: 'KIP-511; seen on 4.3.1',
    run: (ground) =>
      atDoor(ground, 'endless', async (door) => {
        const wire = await door()
        expect((await wire.raw(frameOf(18, 99, Buffer.of(0)))).readInt16BE(0)).toBe(35)
        const named = { clientSoftwareName: 'a b', clientSoftwareVersion: '1' }
        expect((await wire.call('ApiVersions', 3, named)).errorCode).toBe(42)
        expect((await wire.call('ApiVersions', 0, {})).errorCode).toBe(0)
        expect((await signIn(wire)).errorCode).toBe(0)
      }),
  },
  {
    ...common,
    id: 'api-versions/where-a-token-is-due',
    api: 'ApiVersions',
    when: 'it comes between the handshake and the token',
    expect: '34 ILLEGAL_SASL_STATE, then the connection is closed',
    rule: 'seen on 4.3.1',
    run: (ground) =>
      atDoor(ground, 'endless', async (door) => {
        const wire = await door()
        await handshake(wire, 'PLAIN')
        expect((await wire.call('ApiVersions', 0, {})).errorCode).toBe(34)
        await wire.closed
      }),
  },
  {
    ...common,
    id: 'sasl-authenticate/large-frame-of-a-stranger',
    api: 'SaslAuthenticate',
    when: 'a client that has not signed in announces a frame of more than 512 KiB',
    expect: 'the connection is closed before the frame has come',
    rule: 'sasl.server.max.receive.size; seen on 4.3.1',
    run: (ground) =>
      atDoor(ground, 'endless', async (door) => {
        await expect((await door()).raw(Buffer.of(0, 8, 0, 1))).rejects.toThrow('closed')
      }),
  },
]

const plainRows: readonly Row[] = [
  accepted('plain', 'name and password are right (PLAIN)', 'RFC 4616', async (wire) => {
    const answer = await signIn(wire)
    expect(answer).toMatchObject({ errorMessage: '', sessionLifetimeMs: 0 })
    return answer
  }),
  accepted('plain-version-0', 'PLAIN by SaslAuthenticate 0', 'KIP-152', async (wire) => {
    await handshake(wire, 'PLAIN')
    return sendToken(wire, alicePlain, 0)
  }),
  accepted('plain-own-authorization-id', 'the authorization id is the user (PLAIN)', 'RFC 4616', (wire) =>
    signIn(wire, `alice${alicePlain}`),
  ),
  accepted('plain-raw', 'PLAIN without requests around the tokens', 'KIP-43: SaslHandshake 0', async (wire) => {
    await wire.call('SaslHandshake', 0, { mechanism: 'PLAIN' })
    const length = Buffer.alloc(4)
    length.writeInt32BE(alicePlain.length)
    const answer = await wire.raw(Buffer.concat([length, Buffer.from(alicePlain)]))
    expect(answer.length).toBe(0)
    return { errorCode: 0, errorMessage: null, authBytes: answer, sessionLifetimeMs: 0 }
  }),
  {
    ...common,
    id: 'sasl-authenticate/plain-raw-wrong-password',
    api: 'SaslAuthenticate',
    when: 'a token without a request around it is wrong (PLAIN)',
    expect: 'the connection is closed without an answer',
    rule: 'KIP-43: SaslHandshake 0; seen on 4.3.1',
    run: (ground) =>
      atDoor(ground, 'endless', async (door) => {
        const wire = await door()
        await wire.call('SaslHandshake', 0, { mechanism: 'PLAIN' })
        await expect(wire.raw(Buffer.from('\0\0\0\x09\0alice\0no'))).rejects.toThrow('closed')
      }),
  },
  refused(
    'plain-wrong-password',
    'the password is wrong (PLAIN)',
    'PLAIN',
    '\0alice\0wrong',
    'Authentication failed: Invalid username or password',
  ),
  refused(
    'plain-unknown-user',
    'there is no such user (PLAIN)',
    'PLAIN',
    '\0nobody\0wrong',
    'Authentication failed: Invalid username or password',
  ),
  refused(
    'plain-no-user',
    'the name is empty (PLAIN)',
    'PLAIN',
    '\0\0x',
    'Authentication failed: username not specified',
  ),
  refused(
    'plain-no-password',
    'the password is empty (PLAIN)',
    'PLAIN',
    '\0alice\0',
    'Authentication failed: password not specified',
  ),
  refused(
    'plain-two-parts',
    'the token has two parts (PLAIN)',
    'PLAIN',
    'alice\0x',
    'Invalid SASL/PLAIN response: expected 3 tokens, got 2',
  ),
  refused(
    'plain-four-parts',
    'the token has five parts (PLAIN)',
    'PLAIN',
    `${alicePlain}\0x\0y`,
    'Invalid SASL/PLAIN response: expected 3 tokens, got 4',
  ),
  refused(
    'plain-other-authorization-id',
    'the authorization id is somebody else (PLAIN)',
    'PLAIN',
    `bob${alicePlain}`,
    'Authentication failed: Client requested an authorization id that is different from username',
  ),
]

const scramRows: readonly Row[] = [
  accepted('scram-sha-256', 'the proof is right (SCRAM-SHA-256)', 'RFC 7677, KIP-84', (wire) =>
    scramSignIn(wire, 'SCRAM-SHA-256'),
  ),
  accepted('scram-sha-512', 'the proof is right (SCRAM-SHA-512)', 'RFC 5802, KIP-84', (wire) =>
    scramSignIn(wire, 'SCRAM-SHA-512'),
  ),
  accepted('scram-own-authorization-id', 'the authorization id is the user (SCRAM)', 'RFC 5802', (wire) =>
    scramSignIn(wire, 'SCRAM-SHA-256', { header: 'n,a=alice,' }),
  ),
  scramRefused('wrong-password', 'the password is wrong (SCRAM)', { password: 'wrong' }),
  scramRefused('unknown-user', 'there is no such user (SCRAM)', { user: 'nobody' }),
  scramRefused('channel-binding', 'the client binds to a channel (SCRAM)', { header: 'p=tls-unique,,' }),
  scramRefused('no-message', 'the first message is none (SCRAM)', { header: '' }),
  scramRefused('another-nonce', 'the client signs another nonce (SCRAM)', {
    nonce: (honest) => honest.replace('nonce-of-client', 'another'),
  }),
  scramRefused('nonce-twice', 'the client repeats its own nonce in the last message, as librdkafka 2.0 does (SCRAM)', {
    nonce: (honest) => `nonce-of-client${honest}`,
  }),
  scramRefused('no-last-message', 'the last message is none (SCRAM)', { final: () => 'hello' }),
  scramRefused(
    'other-authorization-id',
    'the authorization id is somebody else (SCRAM)',
    { header: 'n,a=bob,' },
    'Authentication failed: Client requested an authorization id that is different from username',
  ),
]

const tokenRows: readonly Row[] = [
  accepted('token', 'an unsecured token is legal (OAUTHBEARER)', 'RFC 7628, KIP-255', async (wire) => {
    const answer = await signIn(wire, bearer(), 'OAUTHBEARER')
    expect(answer.sessionLifetimeMs).toBeGreaterThan(3_000_000)
    expect(answer.sessionLifetimeMs).toBeLessThanOrEqual(3_600_000)
    return answer
  }),
  accepted('token-after-an-illegal-one', 'a legal token follows an illegal one', 'seen on 4.3.1', async (wire) => {
    await signIn(wire, bearer({ exp: 1 }), 'OAUTHBEARER')
    return sendToken(wire, bearer())
  }),
  illegalToken('expired', 'the token has ended (OAUTHBEARER)', { exp: 1_000, iat: 1 }),
  illegalToken('of-the-future', 'the token was issued in the future (OAUTHBEARER)', { iat: 9_999_999_999 }),
  illegalToken('without-an-end', 'the token has no exp (OAUTHBEARER)', { exp: undefined }),
  illegalToken('without-a-subject', 'the token has no sub (OAUTHBEARER)', { sub: undefined }),
  illegalToken('with-a-blank-subject', 'the sub of the token is blank (OAUTHBEARER)', { sub: ' ' }),
  illegalToken('with-another-algorithm', 'the token claims to be signed (OAUTHBEARER)', {}, { alg: 'HS256' }),
  refused(
    'token-no-message',
    'the first message is none (OAUTHBEARER)',
    'OAUTHBEARER',
    'hello',
    anonymous('OAUTHBEARER'),
  ),
  refused(
    'token-other-authorization-id',
    'the authorization id is somebody else (OAUTHBEARER)',
    'OAUTHBEARER',
    bearer().replace('n,,', 'n,a=dave,'),
    `Authentication failed: Client requested an authorization id (dave) that is different from the token's principal name (carol)`,
  ),
]

export const saslRows: readonly Row[] = [...handshakeRows, ...orderRows, ...plainRows, ...scramRows, ...tokenRows]
