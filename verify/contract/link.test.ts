/** The connection against brokers that misbehave: what it promises about time, order and endings. */

import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { Link, type OutgoingRequest, type RequestOptions } from '../../packages/holdfast/src/kafka/link.ts'
import { type NodeAddress, PortError, type PortErrorKind } from '../../packages/holdfast/src/kafka/port.ts'
import { startScriptedBroker } from './scripted-broker.ts'

const patient: RequestOptions = { timeoutMs: 10_000 }

function requestWith(payload: Buffer): OutgoingRequest {
  return { apiKey: 3, apiVersion: 1, hasRequestTags: false, hasResponseTags: false, payload: [payload] }
}

const request = requestWith(Buffer.from('?'))

function openLink(node: NodeAddress, lifetimeMs: number | null = null): Promise<Link> {
  const { ready } = Link.open({
    node,
    clientId: 'test',
    tls: undefined,
    handshake: () => Promise.resolve({ versions: new Map(), lifetimeMs }),
    connectTimeoutMs: 10_000,
    onClosed: () => undefined,
  })
  return ready
}

function kindOf(promise: Promise<unknown>): Promise<PortErrorKind | 'answered'> {
  return promise.then(
    () => 'answered' as const,
    (error: unknown) => {
      if (error instanceof PortError) return error.kind
      throw error
    },
  )
}

test('answers go to the requests they belong to, in the order of the requests', async () => {
  await using broker = await startScriptedBroker()
  const link = await openLink(broker.node)
  const answers = ['a', 'b', 'c'].map((text) => link.request(requestWith(Buffer.from(text)), patient))
  for (const text of ['A', 'B', 'C']) (await broker.next()).answer(Buffer.from(text))

  expect((await Promise.all(answers)).map(String)).toEqual(['A', 'B', 'C'])
  link.close('done')
})

test('an aborted request rejects at once, its late answer is dropped, and the connection lives on', async () => {
  await using broker = await startScriptedBroker()
  const link = await openLink(broker.node)
  const controller = new AbortController()
  const aborted = kindOf(link.request(request, { ...patient, signal: controller.signal }))
  const first = await broker.next()
  controller.abort()
  expect(await aborted).toBe('aborted')

  const next = link.request(request, patient)
  const second = await broker.next()
  first.answer(Buffer.from('late'))
  second.answer(Buffer.from('mine'))

  expect(String(await next)).toBe('mine')
  expect([second.connection, link.isClosed]).toEqual([1, false])
  link.close('done')
})

test('a request that times out takes the connection and its neighbours with it', async () => {
  await using broker = await startScriptedBroker()
  const link = await openLink(broker.node)
  const neighbour = kindOf(link.request(request, patient))

  expect(await kindOf(link.request(request, { timeoutMs: 30 }))).toBe('timeout')
  expect([await neighbour, link.isClosed]).toEqual(['closed', true])
  expect(await kindOf(link.request(request, patient))).toBe('closed')
})

test('closing rejects everything in flight before it returns', async () => {
  await using broker = await startScriptedBroker()
  const link = await openLink(broker.node)
  const inFlight = kindOf(link.request(request, patient))
  link.close('the app stops')

  expect(link.isClosed).toBe(true)
  expect(await inFlight).toBe('closed')
})

test('a broker that hangs up fails what is in flight, not what was answered', async () => {
  await using broker = await startScriptedBroker()
  const link = await openLink(broker.node)
  const answered = link.request(request, patient)
  const lost = kindOf(link.request(request, patient))
  ;(await broker.next()).answer(Buffer.from('fine'))
  expect(String(await answered)).toBe('fine')
  ;(await broker.next()).hangUp()

  expect(await lost).toBe('closed')
})

test.each([
  ['the answer to another request', (correlationId: number) => frame(8, correlationId + 7)],
  ['a frame larger than any answer', () => Buffer.from([0x7f, 0, 0, 0])],
  ['a frame too short for its header', () => Buffer.from([0, 0, 0, 2, 0, 0])],
  ['a TLS alert', () => Buffer.from([0x15, 3, 3, 0, 2, 2, 40])],
])('%s ends the connection as a protocol error', async (_name, bytesFor) => {
  await using broker = await startScriptedBroker()
  const link = await openLink(broker.node)
  const failed = kindOf(link.request(request, patient))
  const received = await broker.next()
  received.sendRaw(bytesFor(received.correlationId))

  expect([await failed, link.isClosed]).toEqual(['protocol', true])
})

function frame(length: number, correlationId: number): Buffer {
  const bytes = Buffer.alloc(length + 4)
  bytes.writeInt32BE(length, 0)
  bytes.writeInt32BE(correlationId, 4)
  return bytes
}

test('no more than a hundred requests are on the wire, the others follow as answers come', async () => {
  await using broker = await startScriptedBroker()
  const link = await openLink(broker.node)
  const calls = Array.from({ length: 150 }, () => link.request(request, patient))
  const onTheWire = []
  for (let count = 0; count < 100; count++) onTheWire.push(await broker.next())

  // A whole exchange on another connection gives everything that was sent the time to arrive.
  const other = await openLink(broker.node)
  const probe = other.request(request, patient)
  const probed = await broker.next()
  expect([probed.connection, broker.untaken]).toEqual([2, 0])
  probed.answer(Buffer.from('probe'))
  await probe
  expect(broker.untaken).toBe(0)

  for (const received of onTheWire) received.answer(Buffer.from('ok'))
  for (let count = 0; count < 50; count++) (await broker.next()).answer(Buffer.from('ok'))
  expect(await Promise.all(calls)).toHaveLength(150)
  link.close('done')
  other.close('done')
})

test('a request that is aborted while it waits for its turn is never sent', async () => {
  await using broker = await startScriptedBroker()
  const link = await openLink(broker.node)
  const calls = Array.from({ length: 100 }, () => link.request(request, patient))
  const controller = new AbortController()
  const aborted = kindOf(link.request({ ...request, apiVersion: 66 }, { ...patient, signal: controller.signal }))
  const last = link.request({ ...request, apiVersion: 77 }, patient)
  controller.abort()
  for (let count = 0; count < 100; count++) (await broker.next()).answer(Buffer.from('ok'))
  const received = await broker.next()
  received.answer(Buffer.from('ok'))

  expect([received.apiVersion, await aborted]).toEqual([77, 'aborted'])
  expect(await Promise.all([...calls, last])).toHaveLength(101)
  link.close('done')
})

test('many megabytes of requests reach a broker that reads slowly, complete and in order', async () => {
  let received = 0
  await using broker = await startScriptedBroker((incoming) => {
    received++
    incoming.answer(Buffer.from(String(received)))
    return true
  })
  const link = await openLink(broker.node)
  const large = requestWith(Buffer.alloc(1024 * 1024))
  const answers = await Promise.all(Array.from({ length: 24 }, () => link.request(large, patient)))

  expect(answers.map(Number)).toEqual(Array.from({ length: 24 }, (_, index) => index + 1))
  link.close('done')
})

test('a link leaves its session at four fifths of its life', async () => {
  await using broker = await startScriptedBroker()
  const long = await openLink(broker.node, 3_600_000)
  const over = await openLink(broker.node, 0)

  expect([long.isRetired, over.isRetired]).toEqual([false, true])
  const last = over.request(request, patient)
  over.closeWhenIdle()
  ;(await broker.next()).answer(Buffer.from('last'))
  expect([String(await last), over.isClosed]).toEqual(['last', true])
  long.close('done')
})

test('nothing secret stands in a link, however it is printed', async () => {
  await using broker = await startScriptedBroker()
  const link = await openLink(broker.node)
  void kindOf(link.request(requestWith(Buffer.from('secret')), patient))

  expect(inspect(link, { depth: 9, showHidden: true })).not.toContain('secret')
  expect(JSON.stringify(link)).toBe(JSON.stringify({ node: broker.node }))
  link.close('done')
})
