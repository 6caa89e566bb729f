/** Where the embedded broker listens, whom it lets in by TLS, and what it does at its limits. */

import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { connect as connectSecurely, type ConnectionOptions } from 'node:tls'
import { expect, test } from 'vitest'

import { EmbeddedKafka, type EmbeddedKafkaOptions } from '../../packages/broker/src/index.ts'
import { frameOf, openWire } from '../broker-contract/wire.ts'

const certificates = join(import.meta.dirname, '..', 'contract', 'certificates')
const key = readFileSync(join(certificates, 'broker.key.pem'), 'utf8')
const cert = readFileSync(join(certificates, 'broker.cert.pem'), 'utf8')
const users = { alice: 'alice-secret' }
const apiVersions = frameOf(18, 0, Buffer.alloc(0))

type Guarded = { kafka: EmbeddedKafka; port: number; warnings: string[]; warned: Promise<string> } & AsyncDisposable

async function start(options: EmbeddedKafkaOptions): Promise<Guarded> {
  const warnings: string[] = []
  const { promise: warned, resolve } = Promise.withResolvers<string>()
  const warn = (message: string): void => {
    warnings.push(message)
    resolve(message)
  }
  const kafka = await EmbeddedKafka.start({ ...options, warn })
  const port = Number(/:(\d+)$/.exec(kafka.bootstrap)?.[1])
  return { kafka, port, warnings, warned, [Symbol.asyncDispose]: () => kafka.stop() }
}

/** Whether the broker answers there, or closes the connection. */
async function fate(socket: Socket): Promise<'answered' | 'closed'> {
  socket.on('error', () => {})
  socket.write(apiVersions)
  const first = await new Promise<'answered' | 'closed'>((resolve) => {
    socket.once('data', () => resolve('answered'))
    socket.once('close', () => resolve('closed'))
  })
  socket.destroy()
  return first
}

function open(port: number, host = '127.0.0.1'): Socket {
  return connect(port, host)
}

test('one connection more than the limit is closed with a warning, and there is room again when one ends', async () => {
  await using broker = await start({ connectionsMax: 2 })
  const [first, second] = [open(broker.port), open(broker.port)]
  await Promise.all([once(first, 'connect'), once(second, 'connect')])
  const wire = await openWire({ nodeId: 1, host: '127.0.0.1', port: broker.port }).catch(() => undefined)
  await wire?.closed
  expect(await broker.warned).toBe('more than 2 connections at once: connection closed')
  expect(await fate(first)).toBe('answered')
  expect(await fate(second)).toBe('answered')
})

test('a frame above the limit closes its connection, and brokers tell the limit', async () => {
  await using broker = await start({ frameBytesMax: 1_000 })
  const wire = await openWire({ nodeId: 1, host: '127.0.0.1', port: broker.port })
  const resources = [{ resourceType: 4, resourceName: '1', configurationKeys: ['socket.request.max.bytes'] }]
  const { results } = await wire.call('DescribeConfigs', 4, { resources })
  expect(results[0]?.configs[0]?.value).toBe('1000')
  // The header of this wire is 18 bytes long.
  await wire.raw(frameOf(18, 0, Buffer.alloc(1_000 - 18))).catch(() => undefined)
  expect(broker.warnings.join()).not.toContain('a frame has')
  const other = await openWire({ nodeId: 1, host: '127.0.0.1', port: broker.port })
  await expect(other.raw(frameOf(18, 0, Buffer.alloc(1_001 - 18)))).rejects.toThrow('closed')
  expect(broker.warnings.at(-1)).toContain('a frame has 0 to 1000 bytes, got 1001')
})

test('who has not signed in may send small requests only', async () => {
  await using broker = await start({ sasl: { users } })
  const socket = open(broker.port)
  socket.on('error', () => {})
  const length = Buffer.alloc(4)
  length.writeInt32BE(512 * 1024 + 1)
  socket.write(length)
  await once(socket, 'close')
  expect(broker.warnings).toEqual([expect.stringContaining('a frame has 0 to 524288 bytes')])
})

test('a client that signed in wrongly hears so before the connection ends, and the password is told nowhere', async () => {
  await using broker = await start({ sasl: { users } })
  const wire = await openWire({ nodeId: 1, host: '127.0.0.1', port: broker.port })
  await wire.call('SaslHandshake', 1, { mechanism: 'PLAIN' })
  const answer = await wire.call('SaslAuthenticate', 2, { authBytes: Buffer.from('\0alice\0canary') })
  await wire.closed
  expect(answer.errorCode).toBe(58)
  expect(broker.warnings.join()).not.toContain('canary')
  const seen = JSON.stringify(broker.kafka.core.history)
  expect(seen).toContain('SaslAuthenticate')
  expect(seen).not.toContain('canary')
  expect(seen).not.toContain(JSON.stringify(Buffer.from('\0alice\0canary')))
})

test('clients are told the advertised host', async () => {
  await using broker = await start({ advertisedHost: 'kafka.example.test' })
  expect(broker.kafka.bootstrap).toBe(`kafka.example.test:${broker.port}`)
  const wire = await openWire({ nodeId: 1, host: '127.0.0.1', port: broker.port })
  expect((await wire.call('Metadata', 12, { topics: [] })).brokers).toMatchObject([{ host: 'kafka.example.test' }])
})

test('a host outside loopback is refused before anything listens', async () => {
  await expect(EmbeddedKafka.start({ host: '0.0.0.0', advertisedHost: 'h' })).rejects.toThrow('insecure: true')
})

test('it listens on all addresses for who says so', async () => {
  await using broker = await start({ host: '0.0.0.0', advertisedHost: '127.0.0.1', insecure: true })
  expect(await fate(open(broker.port, '127.0.0.2'))).toBe('answered')
})

test('a host that is no address of this machine is told in one clear line', async () => {
  await expect(EmbeddedKafka.start({ host: '192.0.2.1', insecure: true })).rejects.toThrow(
    `host '192.0.2.1' is no address of this machine`,
  )
})

test.each([0, -1, 1.5, 2 ** 31])('%d is no limit of bytes', async (frameBytesMax) => {
  await expect(EmbeddedKafka.start({ frameBytesMax })).rejects.toThrow(/frameBytesMax/)
})

test('a certificate that is none is told in one clear line', async () => {
  await expect(EmbeddedKafka.start({ tls: { key: 'x', cert: 'y' } })).rejects.toThrow('both must be PEM')
})

test('who speaks plainly to a TLS listener is closed with a warning, and the next one is served', async () => {
  await using broker = await start({ tls: { key, cert } })
  expect(await fate(open(broker.port))).toBe('closed')
  expect(await broker.warned).toMatch(/^no TLS with a client/)
  expect(await fate(connectSecurely({ port: broker.port, host: '127.0.0.1', ca: cert, servername: 'localhost' }))).toBe(
    'answered',
  )
})

test.each<[string, 'answered' | 'closed', ConnectionOptions]>([
  ['the right one', 'answered', { key, cert }],
  ['none', 'closed', {}],
])('where certificates are demanded, a client with %s is %s', async (_name, expected, own) => {
  await using broker = await start({ tls: { key, cert, requestCert: true, ca: cert } })
  const to = { port: broker.port, host: '127.0.0.1', ca: cert, servername: 'localhost' }
  expect(await fate(connectSecurely({ ...to, ...own }))).toBe(expected)
})
