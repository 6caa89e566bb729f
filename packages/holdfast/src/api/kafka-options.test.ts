import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterAll, describe, expect, test } from 'vitest'
import type { SettingsIssue } from '../model/errors.ts'
import type { Environment } from '../runtime/environment.ts'
import { EnvironmentReader, environmentVariables, type EnvironmentVariables } from './environment-variables.ts'
import { type KafkaTarget, parseAddress, resolveKafka } from './kafka-options.ts'

const folder = mkdtempSync(join(tmpdir(), 'holdfast-'))
afterAll(() => rmSync(folder, { recursive: true }))

function fileWith(content: string): string {
  const path = join(mkdtempSync(join(folder, 'file-')), 'content')
  writeFileSync(path, content)
  return path
}

function resolve(
  option: unknown,
  variables: EnvironmentVariables = {},
): { target: KafkaTarget; issues: SettingsIssue[] } {
  const issues: SettingsIssue[] = []
  return { target: resolveKafka(option, new EnvironmentReader(variables, issues), issues), issues }
}

/** What was resolved, with its password; fails if there was an issue. */
async function target(option: unknown, variables: EnvironmentVariables = {}): Promise<Record<string, unknown>> {
  const { target: resolved, issues } = resolve(option, variables)
  expect(issues).toEqual([])
  if (resolved.kind !== 'network') throw new Error(`expected a Kafka on the network, got one ${resolved.kind}`)
  const { password } = resolved.sasl ?? {}
  return { ...resolved, password: typeof password === 'function' ? await password() : password }
}

const pem = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'
const localhost = [{ host: 'localhost', port: 9_092 }]

describe('addresses', () => {
  test.each([
    ['localhost:9092', 'localhost', 9_092],
    ['kafka-1.example.org', 'kafka-1.example.org', 9_092],
    ['10.0.0.1:1', '10.0.0.1', 1],
    ['[::1]:65535', '::1', 65_535],
  ])('%s', (address, host, port) => {
    expect(parseAddress(address)).toEqual({ host, port })
  })

  test.each(['', ':9092', 'host:', 'host:0', 'host:65536', 'host:x', 'a b:1', '::1', 'PLAINTEXT://host:9092', 7, null])(
    '%j is none',
    (address) => {
      expect(parseAddress(address)).toBe(undefined)
    },
  )

  test('they come as a text, a list, options or a variable, in this order', async () => {
    const expected = { bootstrap: [...localhost, { host: 'b', port: 2 }] }
    const variables = { KAFKA_BROKERS: 'localhost,b:2', KAFKA_BOOTSTRAP_SERVERS: 'never:1' }

    expect(await target('localhost, b:2,', { KAFKA_BROKERS: 'never:1' })).toMatchObject(expected)
    expect(await target(['localhost', 'b:2'])).toMatchObject(expected)
    expect(await target({ brokers: ['localhost,b:2'] })).toMatchObject(expected)
    expect(await target({ clientId: 'till' }, variables)).toMatchObject({ ...expected, clientId: 'till' })
    expect(await target(undefined, { KAFKA_BOOTSTRAP_SERVERS: 'localhost' })).toMatchObject({ bootstrap: localhost })
  })

  test('each wrong one is named, with the variable that it came from', () => {
    const { issues } = resolve(undefined, { KAFKA_BROKERS: 'good:1,bad:port,SSL://worse:9093' })

    expect(issues.map(({ option, problem }) => [option, /got (.*)$/.exec(problem)?.[1]])).toEqual([
      ['KAFKA_BROKERS', `'bad:port'`],
      ['KAFKA_BROKERS', `'SSL://worse:9093'`],
    ])
  })

  test('none at all says both ways to give one', () => {
    for (const option of [undefined, {}, '', []]) {
      const [issue, ...others] = resolve(option).issues
      expect(others).toEqual([])
      expect(issue?.option).toBe('kafka.brokers')
    }
    expect(resolve(undefined).issues[0]?.remedy).toMatch(/KAFKA_BROKERS.*createHoldfast/)
  })
})

test('a Kafka of the test kit is taken as it is, and no variable touches it', () => {
  const environment = { clock: {}, bootstrap: [], openPort: () => undefined } as unknown as Environment

  const { target: resolved, issues } = resolve({ environment }, { KAFKA_SSL: 'maybe', KAFKA_SASL_USERNAME: 'me' })

  expect(issues).toEqual([])
  expect(resolved).toEqual({ kind: 'inProcess', clientId: 'holdfast', environment })
})

describe('TLS', () => {
  test.each([
    [undefined, {}, false],
    [true, {}, true],
    [{}, {}, true],
    [false, { KAFKA_SSL: 'true', KAFKA_SSL_CA: pem }, false],
    [undefined, { KAFKA_SSL: 'yes' }, true],
    [undefined, { KAFKA_SSL: 'false', KAFKA_SSL_CA: pem }, false],
    [undefined, { KAFKA_SSL_CA: pem }, true],
  ])('tls: %j with %j is on: %s', async (tls, variables, isOn) => {
    expect((await target({ brokers: 'localhost', tls }, variables))['tls'] !== undefined).toBe(isOn)
  })

  test('certificates come as PEM, with line breaks written out, or as the path of a file', async () => {
    for (const variables of [
      { KAFKA_SSL_CA: pem },
      { KAFKA_SSL_CA: pem.replaceAll('\n', String.raw`\n`) },
      { KAFKA_SSL_CA: fileWith(pem) },
      { KAFKA_SSL_CA_FILE: fileWith(pem) },
    ]) {
      const { tls } = await target('localhost', variables)
      expect((tls as { ca: string }).ca.trim()).toBe(pem.trim())
    }
  })

  test.each([
    ['tls: "yes"', { tls: 'yes' }, {}, 'kafka.tls'],
    ['a path as PEM', { tls: { ca: './ca.pem' } }, {}, 'kafka.tls.ca'],
    ['a certificate without key', { tls: { cert: pem } }, {}, 'kafka.tls.key'],
    ['a misspelled option', { tls: { sa: pem } }, {}, 'kafka.tls.sa'],
    ['a text for a boolean', { tls: { rejectUnauthorized: 'false' } }, {}, 'kafka.tls.rejectUnauthorized'],
    ['neither true nor false', {}, { KAFKA_SSL: 'maybe' }, 'KAFKA_SSL'],
    ['a file that is not there', {}, { KAFKA_SSL_CA: '/nowhere/ca.pem' }, 'KAFKA_SSL_CA'],
    ['a file that is no PEM', {}, { KAFKA_SSL_CA_FILE: fileWith('no certificate') }, 'KAFKA_SSL_CA_FILE'],
  ])('%s is refused', (_name, options, variables, option) => {
    const { issues } = resolve({ brokers: 'localhost', ...options }, variables)

    expect(issues.map((issue) => issue.option)).toEqual([option])
  })
})

describe('SASL', () => {
  const credentials = { mechanism: 'plain', username: 'me' }

  test('each field comes from code first and from the environment else', async () => {
    const variables = { KAFKA_SASL_USERNAME: 'you', KAFKA_SASL_PASSWORD: 'theirs', KAFKA_SASL_MECHANISM: 'PLAIN' }
    const brokers = 'localhost'

    expect(await target({ brokers, sasl: { username: 'me', password: 'mine' } }, variables)).toMatchObject({
      sasl: credentials,
      password: 'mine',
    })
    expect(await target({ brokers, sasl: { username: 'me' } }, variables)).toMatchObject({
      sasl: credentials,
      password: 'theirs',
    })
    expect(await target(brokers, variables)).toMatchObject({ sasl: { username: 'you' }, password: 'theirs' })
    expect(await target({ brokers, sasl: false }, variables)).toMatchObject({ sasl: undefined })
  })

  test('a password in a file is read again for each connection, without its line break', async () => {
    const path = fileWith('first\n')
    const { target: resolved } = resolve('localhost', { KAFKA_SASL_USERNAME: 'me', KAFKA_SASL_PASSWORD_FILE: path })
    const password = resolved.kind === 'network' ? resolved.sasl?.password : undefined
    if (typeof password !== 'function') throw new Error('expected a function')

    expect(await password()).toBe('first')
    writeFileSync(path, 'second\n')
    expect(await password()).toBe('second')
  })

  test('a password may be a function', async () => {
    const sasl = { username: 'me', password: async () => 'rotating' }

    expect(await target({ brokers: 'localhost', sasl })).toMatchObject({ password: 'rotating' })
  })

  test.each([
    ['SCRAM', { sasl: { ...credentials, mechanism: 'scram-sha-512', password: 'p' } }, {}, 'not built yet'],
    ['a mechanism nobody knows', { sasl: { ...credentials, mechanism: 'magic', password: 'p' } }, {}, `got 'magic'`],
    ['no password', { sasl: credentials }, {}, 'no password is given'],
    ['an empty password', { sasl: { ...credentials, password: '' } }, {}, 'got an empty one'],
    ['a password as number', { sasl: { ...credentials, password: 123_456 } }, {}, 'got number'],
    [
      'both variables',
      {},
      { KAFKA_SASL_USERNAME: 'me', KAFKA_SASL_PASSWORD: 'p', KAFKA_SASL_PASSWORD_FILE: 'f' },
      'both',
    ],
  ])('%s is refused', (_name, options, variables, problem) => {
    const { issues } = resolve({ brokers: 'localhost', ...options }, variables)

    expect(issues[0]?.problem).toContain(problem)
    expect(JSON.stringify(issues)).not.toContain('123456')
  })
})

test('secrets are in no issue, in nothing that is printed and in nothing that is serialised', () => {
  const secret = 'hunter2'
  const key = `-----BEGIN PRIVATE KEY-----\n${secret}\n-----END PRIVATE KEY-----`
  const { target: resolved, issues } = resolve({
    brokers: [`sasl://me:${secret}@host:9092`, 'good:1'],
    tls: { cert: pem, key },
    sasl: { username: 'me', password: secret, pasword: secret },
  })

  expect(issues.map(({ option }) => option)).toEqual(['kafka.sasl.pasword', 'kafka.brokers'])
  expect(resolved.kind === 'network' && resolved.tls?.key).toBe(key)
  for (const printed of [inspect({ resolved, issues }, { depth: 9 }), JSON.stringify({ resolved, issues })]) {
    expect(printed).not.toContain(secret)
  }
})

test('every variable that is read is in the list that documents them', () => {
  const asked = new Set<string>()
  const variables: EnvironmentVariables = new Proxy<Record<string, string>>(
    { KAFKA_SASL_USERNAME: 'me' },
    {
      get: (target, name: string) => {
        asked.add(name)
        return target[name]
      },
    },
  )

  resolve(undefined, variables)

  const documented = [
    ...Object.keys(environmentVariables),
    ...['CA', 'CERT', 'KEY'].map((one) => `KAFKA_SSL_${one}_FILE`),
  ]
  expect([...asked].filter((name) => !documented.includes(name))).toEqual([])
})
