/** Hostile bytes against the embedded broker: each ends its own connection and nothing else. */

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'

import { EmbeddedKafka } from '../../packages/broker/src/index.ts'

let kafka: EmbeddedKafka
let warnings: string[]

beforeEach(async () => {
  warnings = []
  kafka = await EmbeddedKafka.start({ topics: { orders: 1 }, warn: (message) => void warnings.push(message) })
})

afterEach(() => kafka.stop())

async function open(): Promise<Socket> {
  const socket = connect(Number(kafka.bootstrap.split(':')[1]), '127.0.0.1')
  await once(socket, 'connect')
  return socket
}

function frame(body: Buffer): Buffer {
  const length = Buffer.alloc(4)
  length.writeInt32BE(body.length)
  return Buffer.concat([length, body])
}

function header(apiKey: number, version: number, correlationId: number): Buffer {
  const bytes = Buffer.alloc(10)
  bytes.writeInt16BE(apiKey, 0)
  bytes.writeInt16BE(version, 2)
  bytes.writeInt32BE(correlationId, 4)
  bytes.writeInt16BE(-1, 8)
  return bytes
}

const apiVersions = 18
const metadata = 3

async function expectAlive(): Promise<void> {
  const socket = await open()
  socket.write(frame(header(apiVersions, 0, 99)))
  const [answer] = (await once(socket, 'data')) as [Buffer]
  expect(answer.readInt32BE(4)).toBe(99)
  socket.destroy()
}

const tooLong = Buffer.from([0x7f, 0xff, 0xff, 0xff])
const negative = Buffer.from([0xff, 0xff, 0xff, 0xff])
const claimsTooMuch = frame(Buffer.concat([header(metadata, 1, 1), Buffer.from([0x7f, 0xff, 0xff, 0xff])]))

test.each([
  ['a frame beyond the limit', tooLong],
  ['a negative length', negative],
  ['an array longer than its frame', claimsTooMuch],
  ['a body that is cut off', frame(Buffer.concat([header(metadata, 1, 1), Buffer.from([0, 0])]))],
  ['bytes after the body', frame(Buffer.concat([header(apiVersions, 0, 1), Buffer.from([1, 2, 3])]))],
  ['an API that is not served', frame(header(9_999, 0, 1))],
  ['a version that is not served', frame(header(metadata, 77, 1))],
  ['an HTTP request', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')],
])('%s closes that connection, says so, and leaves the others alone', async (_name, bytes) => {
  const [bystander, socket] = await Promise.all([open(), open()])
  socket.on('error', () => {})
  socket.resume()
  socket.write(bytes)
  await once(socket, 'close')
  expect(warnings).toHaveLength(1)
  bystander.write(frame(header(apiVersions, 0, 5)))
  expect(((await once(bystander, 'data')) as [Buffer])[0].readInt32BE(4)).toBe(5)
  bystander.destroy()
  await expectAlive()
})

test('an unknown version of ApiVersions is answered in version 0 with code 35', async () => {
  const socket = await open()
  socket.write(frame(Buffer.concat([header(apiVersions, 99, 7), Buffer.from([0])])))
  const [answer] = (await once(socket, 'data')) as [Buffer]
  expect([answer.readInt32BE(4), answer.readInt16BE(8)]).toEqual([7, 35])
  socket.destroy()
})

test('requests that arrive byte by byte, or many at once, are answered in order', async () => {
  const socket = await open()
  const requests = Buffer.concat([1, 2, 3].map((id) => frame(header(apiVersions, 0, id))))
  for (const byte of requests) socket.write(Buffer.from([byte]))
  socket.write(requests)
  const ids: number[] = []
  let rest = Buffer.alloc(0)
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    rest = Buffer.concat([rest, chunk])
    while (rest.length >= 4 && rest.length >= 4 + rest.readInt32BE(0)) {
      ids.push(rest.readInt32BE(4))
      rest = rest.subarray(4 + rest.readInt32BE(0))
    }
    if (ids.length === 6) break
  }
  expect(ids).toEqual([1, 2, 3, 1, 2, 3])
})

test('a port in use is told in one clear line', async () => {
  const port = Number(kafka.bootstrap.split(':')[1])
  await expect(EmbeddedKafka.start({ ports: [port] })).rejects.toThrow(`port ${port} is in use`)
})

test('stopping cuts every connection and frees the port', async () => {
  const port = Number(kafka.bootstrap.split(':')[1])
  const socket = await open()
  socket.resume()
  const closed = once(socket, 'close')
  await kafka.stop()
  await closed
  kafka = await EmbeddedKafka.start({ ports: [port] })
  expect(kafka.bootstrap).toBe(`127.0.0.1:${port}`)
})
