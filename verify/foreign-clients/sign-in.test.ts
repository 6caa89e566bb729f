/** Clients that share no line with the broker sign in at it: kafkajs, kcat (librdkafka) and @platformatic/kafka. */

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { inspect } from 'node:util'
import { Admin, type SASLOptions } from '@platformatic/kafka'
import kafkajs, { type SASLOptions as KafkajsSasl } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { EmbeddedKafka } from '../../packages/broker/src/index.ts'

const { Kafka, logLevel } = kafkajs
const certificates = join(import.meta.dirname, '..', 'contract', 'certificates')
const key = readFileSync(join(certificates, 'broker.key.pem'), 'utf8')
const cert = readFileSync(join(certificates, 'broker.cert.pem'), 'utf8')
const mechanisms = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512', 'OAUTHBEARER'] as const
const users = { alice: 'alice, =secret=', bob: 'bob-secret' }
const username = 'alice'
const password = users.alice

let kafka: EmbeddedKafka
let warnings: string[]

beforeAll(async () => {
  warnings = []
  const warn = (message: string): void => void warnings.push(message)
  kafka = await EmbeddedKafka.start({ brokers: 2, topics: { orders: 1 }, sasl: { users, mechanisms }, warn })
})

afterAll(() => kafka.stop())

/** Whatever the broker shows of itself, bytes as text. */
function everythingSaid(): string {
  const history = JSON.stringify(kafka.core.history, (_name, value: unknown) => {
    const { type, data } = (value ?? {}) as { type?: unknown; data?: readonly number[] }
    return type === 'Buffer' ? Buffer.from(data ?? []).toString('latin1') : value
  })
  return warnings.join() + kafka.dump() + inspect(kafka, { depth: 12 }) + history
}

function unsecuredToken(lifetimeS = 3_600): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const nowS = Math.floor(Date.now() / 1_000)
  return `${part({ alg: 'none' })}.${part({ sub: 'carol', iat: nowS - 60, exp: nowS + lifetimeS })}.`
}

describe('kafkajs', () => {
  const topicsSeenBy = async (
    sasl: KafkajsSasl,
    brokers = kafka.bootstrap,
    ssl?: { ca: string },
  ): Promise<string[]> => {
    const settings = { logLevel: logLevel.NOTHING, retry: { retries: 0 } }
    const admin = new Kafka({
      brokers: brokers.split(','),
      sasl,
      ...(ssl === undefined ? {} : { ssl }),
      ...settings,
    }).admin()
    try {
      await admin.connect()
      return await admin.listTopics()
    } finally {
      await admin.disconnect()
    }
  }

  test.each(['plain', 'scram-sha-256', 'scram-sha-512'] as const)(
    'signs in by %s, and only with its password',
    async (mechanism) => {
      expect(await topicsSeenBy({ mechanism, username, password })).toContain('orders')
      await expect(topicsSeenBy({ mechanism, username, password: 'wrong' })).rejects.toThrow(/authentication|password/i)
    },
  )

  test('signs in by a token', async () => {
    const oauthBearerProvider = async (): Promise<{ value: string }> => ({ value: unsecuredToken() })
    expect(await topicsSeenBy({ mechanism: 'oauthbearer', oauthBearerProvider })).toContain('orders')
  })

  test('signs in by scram-sha-512 over TLS', async () => {
    await using secured = await EmbeddedKafka.start({ topics: { orders: 1 }, sasl: { users }, tls: { key, cert } })
    const sasl = { mechanism: 'scram-sha-512', username, password } as const
    expect(await topicsSeenBy(sasl, secured.bootstrap, { ca: cert })).toEqual(['orders'])
  })
})

describe('@platformatic/kafka', () => {
  const topicsSeenBy = async (sasl: SASLOptions, bootstrap = kafka.bootstrap): Promise<string[]> => {
    const admin = new Admin({ clientId: 'foreign', bootstrapBrokers: bootstrap.split(','), sasl, retries: 0 })
    try {
      return await admin.listTopics()
    } finally {
      await admin.close()
    }
  }

  test.each(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const)(
    'signs in by %s, and only with its password',
    async (mechanism) => {
      expect(await topicsSeenBy({ mechanism, username, password })).toContain('orders')
      await expect(topicsSeenBy({ mechanism, username, password: 'wrong' })).rejects.toThrow(
        /failed|Cannot|error|token/i,
      )
    },
  )

  test('signs in by a token, and not by one that has ended', async () => {
    expect(await topicsSeenBy({ mechanism: 'OAUTHBEARER', token: unsecuredToken() })).toContain('orders')
    await expect(topicsSeenBy({ mechanism: 'OAUTHBEARER', token: unsecuredToken(-1) })).rejects.toThrow(
      /failed|Cannot|error|token/i,
    )
  })

  test('renews a session that ends, on the open connection', async () => {
    const sessionLifetimeMs = 1_500
    await using short = await EmbeddedKafka.start({ topics: { orders: 1 }, sasl: { users, sessionLifetimeMs } })
    const bootstrapBrokers = [short.bootstrap]
    const admin = new Admin({
      clientId: 'foreign',
      bootstrapBrokers,
      sasl: { mechanism: 'SCRAM-SHA-256', username, password },
    })
    const renewed = new Promise<void>((resolve) => {
      let signedIn = 0
      short.core.intercept('SaslHandshake', () => {
        signedIn += 1
        if (signedIn === 3) resolve()
        return undefined
      })
    })
    await admin.listTopics()
    await renewed
    expect(await admin.listTopics()).toEqual(['orders'])
    await admin.close()
  })
})

const isRequired = (process.env['HOLDFAST_REQUIRE'] ?? '').split(',').includes('kcat')
const isHere = spawnSync('kcat', ['-V']).status === 0

describe.skipIf(!isHere && !isRequired)(`kcat${isHere ? '' : ' (not on this machine: apt-get install kcat)'}`, () => {
  const kcat = async (...settings: readonly string[]): Promise<string> => {
    const args = ['-b', kafka.bootstrap, '-L', '-m', '5', '-X', 'security.protocol=sasl_plaintext']
    const child = spawn('kcat', [...args, ...settings.flatMap((each) => ['-X', each])])
    const [printed, errors] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
    if (child.exitCode !== 0) throw new Error(errors)
    return printed
  }

  // Not by SCRAM: librdkafka 2.0 repeats its nonce in the last message, and Kafka 4.3 refuses that like this broker.
  test('signs in by PLAIN, and only with its password', async () => {
    // Commas split the settings of librdkafka, so it is the other user.
    const login = ['sasl.mechanism=PLAIN', 'sasl.username=bob']
    expect(await kcat(...login, 'sasl.password=bob-secret')).toContain('topic "orders"')
    await expect(kcat(...login, 'sasl.password=wrong')).rejects.toThrow(/[Aa]uthentication failed/)
  })

  test('signs in by a token', async () => {
    const config = 'sasl.oauthbearer.config=principal=carol extension_traceId=123'
    const settings = ['sasl.mechanism=OAUTHBEARER', 'enable.sasl.oauthbearer.unsecure.jwt=true', config]
    expect(await kcat(...settings)).toContain('topic "orders"')
  })
})

test('after all this no password stands in a warning, in a dump or in the history', () => {
  expect(everythingSaid()).toContain('SaslAuthenticate')
  expect(everythingSaid()).not.toContain('secret')
})
