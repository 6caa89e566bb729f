/** A broker that does only what a test tells it: it hands over every frame it gets and answers with whatever bytes the test
 *  gives. For the faults that no honest broker shows. */

import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { FrameReader } from '../../packages/holdfast/src/kafka/frame-reader.ts'
import { type NodeAddress } from '../../packages/holdfast/src/kafka/port.ts'

export type ReceivedRequest = {
  readonly apiKey: number
  readonly apiVersion: number
  readonly correlationId: number
  /** Which connection it came on, counted from 1. */
  readonly connection: number
  /** Sends a frame: correlation id, then `body`. */
  answer(body: Buffer, correlationId?: number): void
  /** Sends bytes as they are. */
  sendRaw(bytes: Buffer): void
  /** Ends the connection. */
  hangUp(): void
}

export type ScriptedBroker = AsyncDisposable & {
  readonly node: NodeAddress
  /** Connections accepted so far. */
  readonly connections: number
  /** Requests that have arrived and that nobody has taken. */
  readonly untaken: number
  /** The next request that nobody has taken yet. */
  next(): Promise<ReceivedRequest>
}

/** Requests for which `respond` returns true are answered by it; the others wait for `next`. */
export async function startScriptedBroker(
  respond: (request: ReceivedRequest) => boolean = () => false,
): Promise<ScriptedBroker> {
  const sockets = new Set<Socket>()
  const received: ReceivedRequest[] = []
  const takers: ((request: ReceivedRequest) => void)[] = []
  let connections = 0
  const server: Server = createServer((socket) => {
    const connection = ++connections
    const frames = new FrameReader()
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => sockets.delete(socket))
    socket.on('data', (chunk: Buffer) => {
      frames.push(chunk, (frame) => {
        const request = describe(frame, socket, connection)
        if (respond(request)) return
        const taker = takers.shift()
        if (taker === undefined) received.push(request)
        else taker(request)
      })
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    node: { host: '127.0.0.1', port },
    get connections() {
      return connections
    },
    get untaken() {
      return received.length
    },
    next: () => {
      const request = received.shift()
      return request === undefined ? new Promise((resolve) => takers.push(resolve)) : Promise.resolve(request)
    },
    [Symbol.asyncDispose]: () => {
      for (const socket of sockets) socket.destroy()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

function describe(frame: Buffer, socket: Socket, connection: number): ReceivedRequest {
  const correlationId = frame.readInt32BE(4)
  return {
    apiKey: frame.readInt16BE(0),
    apiVersion: frame.readInt16BE(2),
    correlationId,
    connection,
    answer: (body, answeredId = correlationId) => {
      const head = Buffer.alloc(8)
      head.writeInt32BE(body.length + 4, 0)
      head.writeInt32BE(answeredId, 4)
      socket.write(Buffer.concat([head, body]))
    },
    sendRaw: (bytes) => void socket.write(bytes),
    hangUp: () => void socket.destroy(),
  }
}
