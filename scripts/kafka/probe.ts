/** Asks a broker the few questions that tell whether a cluster can be used. Written on the bare protocol, so that starting
 *  Kafka rests on no client library: one connection per question, oldest versions, error codes only. */

import { connect } from 'node:net'

const answerWithinMs = 5_000
const apis = {
  Metadata: { key: 3, version: 1 },
  FindCoordinator: { key: 10, version: 1 },
  OffsetFetch: { key: 9, version: 2 },
  InitProducerId: { key: 22, version: 0 },
} as const

/** How many brokers the broker on this port knows. */
export async function brokersKnown(port: number): Promise<number> {
  // Names no topic; the answer begins with the length of the list of brokers.
  const answer = await ask(port, 'Metadata', int32(0))
  return answer.readInt32BE(0)
}

/** Error code of reading the offsets of a group: 15 or 16 where or while the broker does not coordinate it. Asking makes
 *  Kafka create the topic for offsets. */
export async function offsetsErrorCode(port: number, group: string): Promise<number> {
  const located = await ask(port, 'FindCoordinator', Buffer.concat([string(group), Buffer.of(0)]))
  const locatedCode = located.readInt16BE(4)
  if (locatedCode !== 0) return locatedCode
  const answer = await ask(port, 'OffsetFetch', Buffer.concat([string(group), int32(0)]))
  return answer.readInt16BE(4)
}

/** Error code of asking for a producer id. Asking makes Kafka create the topic for transactions. */
export async function transactionsErrorCode(port: number, transactionalId: string): Promise<number> {
  const located = await ask(port, 'FindCoordinator', Buffer.concat([string(transactionalId), Buffer.of(1)]))
  const locatedCode = located.readInt16BE(4)
  if (locatedCode !== 0) return locatedCode
  const answer = await ask(port, 'InitProducerId', Buffer.concat([string(transactionalId), int32(60_000)]))
  return answer.readInt16BE(4)
}

/** Sends one request and resolves with the body of its answer. */
function ask(port: number, api: keyof typeof apis, body: Buffer): Promise<Buffer> {
  const { key, version } = apis[api]
  const request = Buffer.concat([int16(key), int16(version), int32(0), string('holdfast-probe'), body])
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    let received: Buffer = Buffer.alloc(0)
    socket.setTimeout(answerWithinMs, () =>
      socket.destroy(new Error(`no answer to ${api} within ${answerWithinMs} ms`)),
    )
    socket.once('error', reject)
    socket.once('close', () => reject(new Error(`the broker closed the connection instead of answering ${api}`)))
    socket.once('connect', () => socket.write(Buffer.concat([int32(request.length), request])))
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk])
      if (received.length < 4 || received.length < 4 + received.readInt32BE(0)) return
      // The length, then the number that we gave the request.
      resolve(received.subarray(8))
      socket.destroy()
    })
  })
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeInt16BE(value)
  return bytes
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

function string(value: string): Buffer {
  const bytes = Buffer.from(value)
  return Buffer.concat([int16(bytes.length), bytes])
}
