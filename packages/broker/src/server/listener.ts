/** One node's listening socket, on loopback only: this broker has no business on a network. */

import { once } from 'node:events'
import { type AddressInfo, createServer as createPlainServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'

import { connectionsMax } from '../core/limits.ts'

export const loopback = '127.0.0.1'

export type TlsFiles = { readonly key: string; readonly cert: string }

export class Listener {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor(server: Server) {
    this.#server = server
  }

  /** Listens at once; `onSocket` hears of clients as soon as it is set. Rejects with a clear message if the port is taken. */
  static async open(port: number, tls: TlsFiles | undefined, onSocket: (socket: Socket) => void): Promise<Listener> {
    const server = tls === undefined ? createPlainServer() : createTlsServer({ key: tls.key, cert: tls.cert })
    const listener = new Listener(server)
    server.maxConnections = connectionsMax
    // Raw sockets are kept too: during a TLS handshake there is nothing else to destroy.
    server.on('connection', (socket: Socket) => listener.#track(socket))
    server.on(tls === undefined ? 'connection' : 'secureConnection', (socket: Socket) => {
      listener.#track(socket)
      onSocket(socket)
    })
    server.on('tlsClientError', (_error, socket) => socket.destroy())
    server.listen(port, loopback)
    try {
      await once(server, 'listening')
    } catch (cause) {
      throw new Error(listenProblem(port, cause), { cause })
    }
    return listener
  }

  #track(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('error', () => socket.destroy())
    socket.once('close', () => this.#sockets.delete(socket))
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Destroys every socket, so that no client can delay it. */
  async close(): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }
}

function listenProblem(port: number, cause: unknown): string {
  const code = (cause as { code?: string }).code
  if (code === 'EADDRINUSE') return `port ${port} is in use: choose another one, or 0 for any free one`
  if (code === 'EACCES') return `port ${port} may not be used by this user: choose one above 1023`
  return `cannot listen on ${loopback}:${port}: ${cause instanceof Error ? cause.message : String(cause)}`
}
