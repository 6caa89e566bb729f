/** Rows about SASL sessions that end (KIP-368). */

import { expect } from 'vitest'
import { type Ground, type Row, type Wire } from '../row.ts'
import { alicePlain, atDoor, type Authenticated, bearer, handshake, sendToken, sessionMs, signIn } from '../sign-in.ts'

const common = { priority: 'P1', rule: 'KIP-368; seen on 4.3.1' } as const

/** Signed in, with a session that ends. */
function signedIn(ground: Ground, use: (wire: Wire, answer: Authenticated) => Promise<void>): Promise<void> {
  return atDoor(ground, 'short', async (door) => {
    const wire = await door()
    await use(wire, await signIn(wire))
  })
}

async function expectServed(wire: Wire): Promise<void> {
  expect((await wire.call('Metadata', 12, { topics: [] })).brokers.length).toBeGreaterThan(0)
}

async function untilClosed(ground: Ground, wire: Wire): Promise<void> {
  await ground.until(async () => {
    const served = wire.call('ApiVersions', 0, {})
    return served.then(
      () => false,
      () => true,
    )
  }, 'the session has ended')
}

export const saslSessionRows: readonly Row[] = [
  {
    ...common,
    id: 'sasl-authenticate/tells-the-lifetime',
    api: 'SaslAuthenticate',
    when: 'sessions have an end',
    expect: '0 and the lifetime in milliseconds',
    run: (ground) =>
      signedIn(ground, async (wire, answer) => {
        expect([answer.errorCode, answer.sessionLifetimeMs]).toEqual([0, sessionMs])
        await expectServed(wire)
      }),
  },
  {
    ...common,
    id: 'sasl-authenticate/token-ends-before-the-session',
    api: 'SaslAuthenticate',
    when: 'a token ends sooner than sessions do (OAUTHBEARER)',
    expect: '0 and what is left of the token',
    run: (ground) =>
      atDoor(ground, 'short', async (door) => {
        const exp = (Date.now() + sessionMs - 500) / 1_000
        const answer = await signIn(await door(), bearer({ exp }), 'OAUTHBEARER')
        expect(answer.errorCode).toBe(0)
        expect(answer.sessionLifetimeMs).toBeLessThanOrEqual(sessionMs - 500)
        expect(answer.sessionLifetimeMs).toBeGreaterThan(0)
      }),
  },
  {
    ...common,
    id: 'sasl-authenticate/session-ends',
    api: 'SaslAuthenticate',
    when: 'a request comes after the end of the session',
    expect: 'the connection is closed without an answer',
    run: (ground) => signedIn(ground, (wire) => untilClosed(ground, wire)),
  },
  {
    ...common,
    id: 'sasl-authenticate/renewal',
    api: 'SaslAuthenticate',
    when: 'the client authenticates again on the open connection',
    expect: '0 and a new lifetime; the connection goes on being served',
    run: (ground) =>
      signedIn(ground, async (wire) => {
        const answer = await signIn(wire)
        expect([answer.errorCode, answer.sessionLifetimeMs]).toEqual([0, sessionMs])
        await expectServed(wire)
      }),
  },
  {
    ...common,
    id: 'sasl-handshake/renewal-too-soon',
    api: 'SaslHandshake',
    when: 'a second renewal comes within a second of the first',
    expect: '34 ILLEGAL_SASL_STATE; the connection goes on being served',
    run: (ground) =>
      signedIn(ground, async (wire) => {
        await signIn(wire)
        expect((await handshake(wire, 'PLAIN')).errorCode).toBe(34)
        await expectServed(wire)
      }),
  },
  {
    ...common,
    id: 'sasl-authenticate/renewal-by-somebody-else',
    api: 'SaslAuthenticate',
    when: 'another user authenticates on the open connection',
    expect: '58 SASL_AUTHENTICATION_FAILED, then the connection is closed',
    run: (ground) =>
      signedIn(ground, async (wire) => {
        const answer = await signIn(wire, '\0bob\0bob-secret')
        const message = 'Cannot change principals during re-authentication from User.alice: User.bob'
        expect([answer.errorCode, answer.errorMessage]).toEqual([58, message])
        await wire.closed
      }),
  },
  {
    ...common,
    id: 'sasl-authenticate/renewal-with-a-wrong-password',
    api: 'SaslAuthenticate',
    when: 'the password is wrong the second time',
    expect: '58 SASL_AUTHENTICATION_FAILED, then the connection is closed',
    run: (ground) =>
      signedIn(ground, async (wire) => {
        expect((await signIn(wire, '\0alice\0wrong')).errorCode).toBe(58)
        await wire.closed
      }),
  },
  {
    ...common,
    id: 'sasl-authenticate/renewal-by-another-mechanism',
    api: 'SaslAuthenticate',
    when: 'the second handshake names another mechanism',
    expect: '0 to the handshake, and the token after it closes the connection without an answer',
    run: (ground) =>
      signedIn(ground, async (wire) => {
        expect((await handshake(wire, 'SCRAM-SHA-256')).errorCode).toBe(0)
        await expect(sendToken(wire, 'n,,n=alice,r=nonce')).rejects.toThrow('closed')
      }),
  },
  {
    ...common,
    id: 'sasl-handshake/renewal-by-an-unknown-mechanism',
    api: 'SaslHandshake',
    when: 'the second handshake names a mechanism that is not enabled',
    expect: 'the connection is closed without an answer',
    run: (ground) =>
      signedIn(ground, async (wire) => {
        await expect(handshake(wire, 'GSSAPI')).rejects.toThrow('closed')
      }),
  },
  {
    ...common,
    id: 'metadata/during-a-renewal',
    api: 'Metadata',
    when: 'another request comes between the second handshake and its token',
    expect: 'an answer that names no broker, then the connection is closed',
    run: (ground) =>
      signedIn(ground, async (wire) => {
        await handshake(wire, 'PLAIN')
        expect((await wire.call('Metadata', 1, { topics: [] })).brokers).toEqual([])
        await wire.closed
      }),
  },
  {
    ...common,
    id: 'sasl-authenticate/renewal-is-not-hurried',
    api: 'SaslAuthenticate',
    when: 'the session ends between the second handshake and its token',
    expect: '0: a renewal that has begun may end',
    run: (ground) =>
      signedIn(ground, async (wire) => {
        // The other session began later, so when it has ended this one has too.
        const other = atDoor(ground, 'short', async (door) => {
          const twin = await door()
          await signIn(twin)
          await untilClosed(ground, twin)
        })
        await handshake(wire, 'PLAIN')
        await other
        expect((await sendToken(wire, alicePlain)).errorCode).toBe(0)
      }),
  },
]
