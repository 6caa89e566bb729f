/** The port over sockets: the contract against the embedded broker and real Kafka, and what only sockets can go through. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { EmbeddedKafka } from '@holdfast/broker'
import { describe, expect, test } from 'vitest'
import { type KafkaPort, type NodeAddress, PortError } from '../../packages/holdfast/src/kafka/port.ts'
import { createSocketPort, type SocketPortOptions } from '../../packages/holdfast/src/kafka/socket-port.ts'
import { describeOnKafka } from '../real-kafka.ts'
import { portContract } from './port.contract.ts'
import { kindOf } from './port-fixture.ts'
import { startScriptedBroker } from './scripted-broker.ts'

const nobody = { topics: [], allowAutoTopicCreation: false } as const
const user = { username: 'holdfast', password: 'canary-of-a-password' } as const
const sasl = { mechanism: 'plain', ...user } as const
const users = { [user.username]: user.password }
const tls = {
  key: readFileSync(join(import.meta.dirname, 'certificates/broker.key.pem'), 'utf8'),
  cert: readFileSync(join(import.meta.dirname, 'certificates/broker.cert.pem'), 'utf8'),
}

function nodesOf(bootstrap: string): NodeAddress[] {
  return bootstrap.split(',').map((address) => {
    const { hostname, port } = new URL(`kafka://${address}`)
    return { host: hostname, port: Number(port) }
  })
}

function firstNode(broker: EmbeddedKafka): NodeAddress {
  return nodesOf(broker.bootstrap)[0] as NodeAddress
}

async function socketPort(options: Partial<SocketPortOptions> = {}): Promise<KafkaPort & Disposable> {
  const port = await createSocketPort({ clientId: 'contract', ...options })
  return Object.assign(port, { [Symbol.dispose]: () => port.close() })
}

function askFor(port: KafkaPort, node: NodeAddress, timeoutMs = 10_000): Promise<unknown> {
  return port.call(node, 'Metadata', nobody, { channel: 'main', timeoutMs })
}

async function errorOf(call: Promise<unknown>): Promise<PortError> {
  const error: unknown = await call.then(
    () => 'it was answered',
    (reason: unknown) => reason,
  )
  if (!(error instanceof PortError)) throw new Error(`expected a PortError, got ${String(error)}`)
  return error
}

portContract('sockets to the embedded broker', async () => {
  const broker = await EmbeddedKafka.start()
  const port = await createSocketPort({ clientId: 'contract' })
  const close = async (): Promise<void> => {
    port.close()
    await broker.stop()
  }
  return { port, nodes: nodesOf(broker.bootstrap), close }
})

describeOnKafka('real Kafka', (bootstrap) => {
  portContract('sockets to real Kafka', async () => {
    const port = await createSocketPort({ clientId: 'contract' })
    const close = async (): Promise<void> => port.close()
    return { port, nodes: nodesOf(bootstrap), close }
  })
})

describe('connecting', () => {
  test('a closed port is refused, and names the address', async () => {
    const broker = await startScriptedBroker()
    await broker[Symbol.asyncDispose]()
    using port = await socketPort()
    const error = await errorOf(askFor(port, broker.node))

    expect([error.kind, error.isAmbiguous]).toEqual(['refused', false])
    expect(error.message).toContain(`127.0.0.1:${broker.node.port}`)
  })

  test('a broker that accepts and never answers is refused at the deadline, the earlier one of call and connection', async () => {
    await using broker = await startScriptedBroker()
    using patient = await socketPort({ connectTimeoutMs: 40 })
    using hurried = await socketPort()

    expect((await errorOf(askFor(patient, broker.node))).kind).toBe('refused')
    expect((await errorOf(askFor(hurried, broker.node, 40))).kind).toBe('refused')
  })

  test('an unknown host is refused', async () => {
    using port = await socketPort()
    expect((await errorOf(askFor(port, { host: 'no-such-host.invalid', port: 9092 }))).kind).toBe('refused')
  })

  test('closing while connecting rejects at once with closed', async () => {
    await using broker = await startScriptedBroker()
    using port = await socketPort()
    const call = kindOf(askFor(port, broker.node))
    await broker.next()
    port.close()

    expect(await call).toBe('closed')
  })

  test('an abort while connecting ends that call alone; the others share one connection', async () => {
    await using broker = await EmbeddedKafka.start()
    using port = await socketPort()
    const node = firstNode(broker)
    const controller = new AbortController()
    const aborted = kindOf(
      port.call(node, 'Metadata', nobody, { channel: 'main', timeoutMs: 10_000, signal: controller.signal }),
    )
    const others = Array.from({ length: 5 }, () => kindOf(askFor(port, node)))
    controller.abort()

    expect(await aborted).toBe('aborted')
    expect(await Promise.all(others)).toEqual(Array.from({ length: 5 }, () => 'answered'))
  })

  test('callers at the same time share one connection, and a failed one is tried again by the next call', async () => {
    await using broker = await startScriptedBroker((request) => {
      request.hangUp()
      return true
    })
    using port = await socketPort()
    const calls = await Promise.all(Array.from({ length: 5 }, () => kindOf(askFor(port, broker.node))))
    expect([calls, broker.connections]).toEqual([Array.from({ length: 5 }, () => 'refused'), 1])

    await kindOf(askFor(port, broker.node))
    expect(broker.connections).toBe(2)
  })

  test('a broker that knows only the oldest ApiVersions is asked again in that version', async () => {
    const apiVersions = 18
    const metadata = 3
    const asked: number[] = []
    await using broker = await startScriptedBroker(({ apiKey, apiVersion, answer }) => {
      if (apiKey !== apiVersions) return false
      asked.push(apiVersion)
      // Error 35 to version 3; else one row: Metadata, versions 4 to 4.
      answer(apiVersion === 3 ? int16s(35, 0, 0) : int16s(0, 0, 1, metadata, 4, 4))
      return true
    })
    using port = await socketPort()
    const call = kindOf(askFor(port, broker.node))
    const request = await broker.next()
    request.hangUp()

    expect([asked, request.apiKey, request.apiVersion, await call]).toEqual([[3, 0], metadata, 4, 'closed'])
  })

  test('an API of which we share no version is unsupported, and nothing is sent', async () => {
    await using broker = await startScriptedBroker(({ apiVersion, answer }) => {
      answer(apiVersion === 3 ? int16s(35, 0, 0) : int16s(0, 0, 1, 3, 99, 101))
      return true
    })
    using port = await socketPort()
    const error = await errorOf(askFor(port, broker.node))

    expect([error.kind, error.isAmbiguous, broker.untaken]).toEqual(['unsupported', false, 0])
    expect(error.message).toContain('99 to 101')
  })

  test('an answer that cannot be understood is a protocol error', async () => {
    await using broker = await startScriptedBroker(({ apiKey, apiVersion, answer }) => {
      if (apiKey === 3) answer(Buffer.from([1]))
      else answer(apiVersion === 3 ? int16s(35, 0, 0) : int16s(0, 0, 1, 3, 4, 4))
      return true
    })
    using port = await socketPort()

    expect(await kindOf(askFor(port, broker.node))).toBe('protocol')
  })
})

test('before a SASL session ends new calls go to a fresh connection, and old ones are still answered', async () => {
  await using broker = await startScriptedBroker((request) => {
    const answer = shortSession[request.apiKey]?.(request.apiVersion)
    if (answer !== undefined) request.answer(answer)
    return answer !== undefined
  })
  using port = await socketPort({ sasl })
  const old = askFor(port, broker.node)
  const oldRequest = await broker.next()
  for (let connection = 1; connection === 1;) {
    const call = askFor(port, broker.node)
    const request = await broker.next()
    connection = request.connection
    if (connection === 1) oldRequest.answer(emptyMetadata)
    request.answer(emptyMetadata)
    await call
  }
  oldRequest.answer(emptyMetadata)

  expect(await kindOf(old)).toBe('answered')
})

describe('TLS and SASL PLAIN', () => {
  test('a trusted certificate and the right password are let in', async () => {
    await using broker = await EmbeddedKafka.start({ tls, sasl: { users } })
    using port = await socketPort({ tls: { ca: tls.cert }, sasl })

    expect(await kindOf(askFor(port, firstNode(broker)))).toBe('answered')
  })

  test('a password may come from a function, asked anew for each connection', async () => {
    await using broker = await EmbeddedKafka.start({ sasl: { users } })
    let asked = 0
    const password = (): Promise<string> => Promise.resolve(++asked === 1 ? 'old' : user.password)
    using port = await socketPort({ sasl: { ...sasl, password } })

    expect(await kindOf(askFor(port, firstNode(broker)))).toBe('auth')
    expect(await kindOf(askFor(port, firstNode(broker)))).toBe('answered')
  })

  test('a wrong password is an auth error that tells the user name and no password', async () => {
    await using broker = await EmbeddedKafka.start({ tls, sasl: { users } })
    using port = await socketPort({ tls: { ca: tls.cert }, sasl: { ...sasl, password: 'wrong-canary' } })
    const error = await errorOf(askFor(port, firstNode(broker)))

    expect([error.kind, error.isAmbiguous]).toEqual(['auth', false])
    expect(error.message).toContain('holdfast')
    expect(inspect(error, { depth: 9, showHidden: true }) + JSON.stringify(error)).not.toContain('canary')
  })

  test('an unknown certificate is refused unless verification is switched off, which is reported', async () => {
    await using broker = await EmbeddedKafka.start({ tls })
    const warnings: string[] = []
    using careful = await socketPort({ tls: {} })
    using careless = await socketPort({
      tls: { rejectUnauthorized: false },
      onWarning: ({ code }) => warnings.push(code),
    })

    expect(await kindOf(askFor(careful, firstNode(broker)))).toBe('refused')
    expect([await kindOf(askFor(careless, firstNode(broker))), warnings]).toEqual(['answered', ['TLS_UNVERIFIED']])
  })

  test('one side with TLS and the other without is refused', async () => {
    await using encrypted = await EmbeddedKafka.start({ tls })
    await using plain = await EmbeddedKafka.start()
    using withTls = await socketPort({ tls: { ca: tls.cert }, connectTimeoutMs: 2_000 })
    using without = await socketPort({ connectTimeoutMs: 2_000 })

    expect(await kindOf(askFor(without, firstNode(encrypted)))).toBe('refused')
    expect(await kindOf(askFor(withTls, firstNode(plain)))).toBe('refused')
  })

  test('a password in the clear is allowed and reported', async () => {
    await using broker = await EmbeddedKafka.start({ sasl: { users } })
    const warnings: string[] = []
    using port = await socketPort({ sasl, onWarning: ({ code }) => warnings.push(code) })

    expect([await kindOf(askFor(port, firstNode(broker))), warnings]).toEqual(['answered', ['PASSWORD_UNENCRYPTED']])
  })

  test('no secret can be printed from a port, before, during or after a call', async () => {
    await using broker = await EmbeddedKafka.start({ sasl: { users } })
    using port = await socketPort({ sasl })
    const printed = (): string => inspect(port, { depth: 12, showHidden: true }) + JSON.stringify(port)
    const before = printed()
    const call = askFor(port, firstNode(broker))
    const during = printed()
    await call

    expect(before + during + printed()).not.toContain('canary')
  })
})

/** Answers by API key of a broker whose sessions last for a millisecond; it knows the oldest versions only. */
const shortSession: Readonly<Record<number, (version: number) => Buffer>> = {
  18: (version) => (version === 3 ? int16s(35, 0, 0) : int16s(0, 0, 3, 3, 4, 4, 17, 1, 1, 36, 1, 1)),
  17: () => int16s(0, 0, 0),
  36: () => int16s(0, -1, 0, 0, 0, 0, 0, 1),
}

/** Metadata version 4: throttle time, no brokers, no cluster id, controller 0, no topics. */
const emptyMetadata = int16s(0, 0, 0, 0, -1, 0, 0, 0, 0)

function int16s(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 2)
  for (const [index, value] of values.entries()) bytes.writeInt16BE(value, index * 2)
  return bytes
}
