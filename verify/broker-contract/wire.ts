/** A connection that sends single requests to a broker, in the layout of the broker's own codec, over a plain socket: no
 *  retries, no metadata, nothing between the question and the answer. */

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import {
  type ApiName,
  codecOf,
  type DecodedResponse,
  type GivenRequest,
  isFlexible,
  schemas,
} from '../../packages/broker/src/protocol/apis.ts'
import { WireReader, WireWriter } from '../../packages/broker/src/protocol/wire.ts'
import { type Wire } from './row.ts'

export type NodeAddress = { readonly nodeId: number; readonly host: string; readonly port: number }

const clientId = 'contract'
const lengthBytes = 4
const correlationBytes = 4

type Waiting = { readonly resolve: (body: Buffer) => void; readonly reject: (error: Error) => void }

/** Rejects if nobody listens there. */
export async function openWire({ nodeId, host, port }: NodeAddress): Promise<Wire> {
  const socket = connect(port, host)
  await once(socket, 'connect')
  return new SocketWire(socket, nodeId)
}

/** A whole request, its length in front. `body` is whatever follows the header. */
export function frameOf(apiKey: number, version: number, body: Buffer, hasTaggedHeader = false): Buffer {
  const writer = requestHeader(apiKey, version, 0, hasTaggedHeader)
  writer.bytes(body)
  return finished(writer)
}

class SocketWire implements Wire {
  readonly nodeId: number
  readonly closed: Promise<void>
  readonly #socket: Socket
  readonly #waiting: Waiting[] = []
  #received: Buffer = Buffer.alloc(0)
  #correlationId = 0
  #hasEnded = false

  constructor(socket: Socket, nodeId: number) {
    this.nodeId = nodeId
    this.#socket = socket
    socket.setNoDelay(true)
    // The end is what matters, and `close` tells of it.
    socket.on('error', () => undefined)
    socket.on('data', (chunk: Buffer) => this.#take(chunk))
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#hasEnded = true
        for (const { reject } of this.#waiting.splice(0)) reject(new Error(`node ${nodeId} closed the connection`))
        resolve()
      })
    })
  }

  async call<A extends ApiName>(api: A, version: number, request: GivenRequest<A>): Promise<DecodedResponse<A>> {
    const writer = requestHeader(schemas[api].key, version, ++this.#correlationId, isFlexible(api, version))
    codecOf(api, version, 'request').write(writer, request)
    const frame = finished(writer)
    if (api === 'Produce' && (request as GivenRequest<'Produce'>).acks === 0) {
      await new Promise<void>((resolve) => this.#socket.write(frame, () => resolve()))
      return { responses: [], throttleTimeMs: 0, nodeEndpoints: [] } as unknown as DecodedResponse<A>
    }
    const answer = new WireReader(await this.raw(frame))
    // ApiVersions keeps the old header, because a client reads it before it knows what the broker speaks.
    if (isFlexible(api, version) && api !== 'ApiVersions') answer.skipTaggedFields()
    return codecOf(api, version, 'response').read(answer) as DecodedResponse<A>
  }

  raw(bytes: Buffer): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      if (this.#hasEnded) return reject(new Error(`the connection to node ${this.nodeId} has ended`))
      this.#waiting.push({ resolve, reject })
      this.#socket.write(bytes)
    })
  }

  close(): void {
    this.#socket.destroy()
  }

  #take(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk])
    for (;;) {
      if (this.#received.length < lengthBytes) return
      const end = lengthBytes + this.#received.readInt32BE(0)
      if (this.#received.length < end) return
      const body = this.#received.subarray(lengthBytes + correlationBytes, end)
      this.#received = this.#received.subarray(end)
      this.#waiting.shift()?.resolve(body)
    }
  }
}

function requestHeader(apiKey: number, version: number, correlationId: number, hasTags: boolean): WireWriter {
  const writer = new WireWriter()
  writer.int32(0)
  writer.int16(apiKey)
  writer.int16(version)
  writer.int32(correlationId)
  writer.string(clientId, false)
  if (hasTags) writer.unsignedVarint(0)
  return writer
}

function finished(writer: WireWriter): Buffer {
  writer.patchInt32(0, writer.length - lengthBytes)
  return writer.result()
}
