/** One node's listening socket: how many clients it takes, and TLS in front of them if that is asked for. Each node has one
 *  listener; who speaks TLS to some clients and plain TCP to others needs two clusters. */

import { once } from 'node:events'
import { type AddressInfo, createServer as createPlainServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'

export type TlsOptions = {
  /** Private key, PEM. */
  readonly key: string
  /** Certificate, PEM, followed by those that vouch for it. */
  readonly cert: string
  /** Demand a certificate from every client, and close the connection of who has none that `ca` signed.
   *  @default false */
  readonly requestCert?: boolean | undefined
  /** Who may vouch for clients, PEM. @default those that Node trusts */
  readonly ca?: string | undefined
}

export type ListenerOptions = {
  readonly port: number
  readonly host: string
  readonly tls: TlsOptions | undefined
  readonly connectionsMax: number
  readonly warn: (message: string) => void
  readonly onSocket: (socket: Socket) => void
}

export class Listener {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor(server: Server) {
    this.#server = server
  }

  /** Resolves when it listens. Rejects with a clear message if the port is taken or the certificate cannot be used. */
  static async open({ port, host, tls, connectionsMax, warn, onSocket }: ListenerOptions): Promise<Listener> {
    const server = tls === undefined ? createPlainServer() : createSecureServer(tls)
    const listener = new Listener(server)
    server.maxConnections = connectionsMax
    server.on('drop', () => warn(`more than ${connectionsMax} connections at once: connection closed`))
    // Raw sockets are kept too: during a TLS handshake there is nothing else to destroy.
    server.on('connection', (socket: Socket) => listener.#track(socket))
    server.on(tls === undefined ? 'connection' : 'secureConnection', (socket: Socket) => {
      listener.#track(socket)
      onSocket(socket)
    })
    server.on('tlsClientError', (error: Error, socket: Socket) => {
      warn(`no TLS with a client, connection closed: ${error.message}`)
      socket.destroy()
    })
    server.listen(port, host)
    try {
      await once(server, 'listening')
    } catch (cause) {
      throw new Error(listenProblem(host, port, cause), { cause })
    }
    // From now on this is about a client that could not be taken, such as one too many for the process.
    server.on('error', (error) => warn(`a connection could not be accepted: ${error.message}`))
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

function createSecureServer({ key, cert, requestCert = false, ca }: TlsOptions): Server {
  try {
    return createTlsServer({ key, cert, requestCert, ca })
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new Error(`the TLS key and certificate cannot be used, both must be PEM: ${reason}`, { cause })
  }
}

function listenProblem(host: string, port: number, cause: unknown): string {
  const code = (cause as { code?: string }).code
  if (code === 'EADDRINUSE') return `port ${port} is in use: choose another one, or 0 for any free one`
  if (code === 'EACCES') return `port ${port} may not be used by this user: choose one above 1023`
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') return `host '${host}' is no address of this machine`
  return `cannot listen on ${host}:${port}: ${cause instanceof Error ? cause.message : String(cause)}`
}
