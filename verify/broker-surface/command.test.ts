/** `npm run broker` as people use it: what it prints, whom it lets in, and what it says about bad input. */

import { join } from 'node:path'
import { expect, test } from 'vitest'

import { openWire } from '../broker-contract/wire.ts'
import { runProcess, startProcess } from '../processes.ts'

const script = join(import.meta.dirname, '..', '..', 'scripts', 'broker.ts')
const certificates = join(import.meta.dirname, '..', 'contract', 'certificates')
const tls = [
  '--tls-key',
  join(certificates, 'broker.key.pem'),
  '--tls-cert',
  join(certificates, 'broker.cert.pem'),
] as const

type Served = { readonly ports: readonly number[]; readonly output: readonly string[] } & AsyncDisposable

async function serve(...args: readonly string[]): Promise<Served> {
  const running = await startProcess({
    name: 'broker',
    args: [script, ...args],
    readyLine: /bootstrap"?[ :]+"?([^"]+)/,
  })
  const ports = (running.readyMatch?.[1] ?? '').split(',').map((each) => Number(each.split(':').at(-1)))
  return {
    ports,
    output: running.output,
    [Symbol.asyncDispose]: async () => {
      await running.stop()
    },
  }
}

test('it serves so many brokers, with the topics that were named', async () => {
  await using broker = await serve('--ports', '0,0', '--topics', 'orders:6,payments')
  expect(broker.ports).toHaveLength(2)
  const wire = await openWire({ nodeId: 2, host: '127.0.0.1', port: broker.ports[1] ?? 0 })
  const { brokers, topics } = await wire.call('Metadata', 12, { topics: null })
  expect(brokers).toHaveLength(2)
  expect(topics.map(({ name, partitions }) => [name, partitions.length])).toEqual([
    ['orders', 6],
    ['payments', 1],
  ])
  const made = await wire.call('Metadata', 12, { topics: [{ name: 'made' }], allowAutoTopicCreation: true })
  expect(made.topics[0]?.name).toBe('made')
  wire.close()
})

test('with --json it prints one line, and nothing else', async () => {
  await using broker = await serve('--json', '--sasl', 'plain:alice:canary', '--sasl', 'oauthbearer', ...tls)
  expect(broker.output).toHaveLength(1)
  expect(JSON.parse(broker.output[0] ?? '')).toEqual({
    bootstrap: `127.0.0.1:${broker.ports[0]}`,
    tls: true,
    sasl: ['PLAIN', 'OAUTHBEARER'],
  })
})

test('who signs in is served, a password may hold colons, and no password is printed', async () => {
  await using broker = await serve(
    '--sasl',
    'plain:alice:a:canary',
    '--session-lifetime',
    '60000',
    '--log-level',
    'info',
  )
  const signIn = async (password: string): Promise<{ errorCode: number; sessionLifetimeMs: number }> => {
    const wire = await openWire({ nodeId: 1, host: '127.0.0.1', port: broker.ports[0] ?? 0 })
    await wire.call('SaslHandshake', 1, { mechanism: 'PLAIN' })
    const answer = await wire.call('SaslAuthenticate', 2, { authBytes: Buffer.from(`\0alice\0${password}`) })
    wire.close()
    return answer
  }
  expect(await signIn('a:canary')).toMatchObject({ errorCode: 0, sessionLifetimeMs: 60_000 })
  expect(await signIn('canary')).toMatchObject({ errorCode: 58 })
  expect(broker.output.join('\n')).not.toContain('canary')
})

test('a signal ends it with code 0', async () => {
  const running = await startProcess({ name: 'broker', args: [script], readyLine: /^bootstrap / })
  running.kill('SIGINT')
  expect(await running.exited).toEqual({ code: 0, signal: null })
})

test.each<[string, readonly string[], string]>([
  ['a port that is none', ['--ports', '70000'], 'expected ports like'],
  ['a topic that is named twice', ['--topics', 'a,a'], 'named twice'],
  ['an unknown option', ['--prots', '1'], 'unknown option'],
  ['a mechanism that nobody knows', ['--sasl', 'gssapi:canary:canary'], 'expected one of plain'],
  ['a login without a password', ['--sasl', 'plain:canary'], 'expected plain:user:password'],
  ['two passwords of one user', ['--sasl', 'plain:u:canary', 'plain:u:other'], 'two passwords'],
  ['a lifetime of nothing', ['--session-lifetime', '5'], 'needs --sasl'],
  ['TLS without a certificate', ['--tls'], 'openssl req'],
  [
    'a certificate that cannot be read',
    ['--tls-key', '/none', '--tls-cert', '/none'],
    `'/none' cannot be read: ENOENT`,
  ],
  ['a host outside loopback', ['--host', '0.0.0.0', '--advertised-host', 'h'], 'not loopback'],
  ['an unknown log level', ['--log-level', 'loud'], 'Allowed choices are'],
])('%s is told in one line, with code 2 and without a secret', async (_name, args, said) => {
  const { code, output } = await runProcess({ name: 'broker', args: [script, ...args] })
  expect(output.join('\n')).toContain(said)
  expect(output.join('\n')).not.toContain('canary')
  expect(code).toBe(2)
})

test('a port in use is told in one line, with code 1', async () => {
  await using broker = await serve()
  const { code, output } = await runProcess({ name: 'broker', args: [script, '--ports', String(broker.ports[0])] })
  expect(output).toEqual([`cannot start: port ${broker.ports[0]} is in use: choose another one, or 0 for any free one`])
  expect(code).toBe(1)
})
