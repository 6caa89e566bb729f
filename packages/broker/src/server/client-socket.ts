/** Serves one client socket: frames in, one request at a time into the core, answers out in the order of the requests.
 *
 *  Whatever is wrong with the bytes ends this connection and nothing else. */

import { once } from 'node:events'
import type { Socket } from 'node:net'

import type { BrokerCore } from '../core/broker-core.ts'
import { ConnectionClosed, type CoreConnection } from '../core/connection.ts'
import { frameBytesBeforeSaslMax } from '../core/limits.ts'
import { MalformedFrame } from '../protocol/wire.ts'
import { answerFrame, type FrameService } from './frame-service.ts'
import { FrameSplitter } from './frames.ts'

/** A client that sends ahead while a request waits is not read any further than this. */
const readAheadBytesMax = 1024 * 1024

export type ClientSocketOptions = {
  readonly core: BrokerCore
  readonly nodeId: number
  readonly frameBytesMax: number
  readonly warn: (message: string) => void
}

export class ClientSocket {
  readonly #socket: Socket
  readonly #options: ClientSocketOptions
  readonly #connection: CoreConnection
  readonly #service: FrameService
  readonly #frames = new FrameSplitter()
  #isServing = false

  constructor(socket: Socket, options: ClientSocketOptions) {
    this.#socket = socket
    this.#options = options
    this.#connection = options.core.connect(options.nodeId, '')
    this.#service = { core: options.core, connection: this.#connection, warn: options.warn }
    // A fault in the core cuts the socket; a lost socket ends what waits in the core.
    this.#connection.onClose(() => socket.destroy())
    socket.setNoDelay(true)
    socket.on('error', () => socket.destroy())
    socket.on('close', () => this.#connection.disconnect())
    socket.on('data', (chunk: Buffer) => {
      this.#frames.push(chunk)
      if (this.#isServing && this.#frames.bufferedBytes > readAheadBytesMax) socket.pause()
      void this.#serveAll()
    })
  }

  async #serveAll(): Promise<void> {
    if (this.#isServing) return
    this.#isServing = true
    try {
      for (let frame = this.#nextFrame(); frame !== undefined; frame = this.#nextFrame()) {
        const answer = await answerFrame(frame, this.#service)
        if (this.#socket.destroyed) return
        if (answer !== undefined && !this.#socket.write(answer)) await this.#drained()
        // What a client sent after the token that was refused is not read any more.
        if (this.#connection.sasl?.hasFailed === true) return this.#socket.destroySoon()
      }
      this.#socket.resume()
    } catch (error) {
      this.#end(error)
    } finally {
      this.#isServing = false
    }
  }

  /** Whoever has not signed in has no need for large requests (`sasl.server.max.receive.size`). */
  #nextFrame(): Buffer | undefined {
    const { frameBytesMax } = this.#options
    const isStranger = this.#connection.sasl?.isAuthenticated === false
    return this.#frames.next(isStranger ? Math.min(frameBytesMax, frameBytesBeforeSaslMax) : frameBytesMax)
  }

  async #drained(): Promise<void> {
    await Promise.race([once(this.#socket, 'drain'), once(this.#socket, 'close')])
  }

  #end(error: unknown): void {
    const { warn } = this.#options
    if (error instanceof MalformedFrame) warn(`malformed frame, connection closed: ${error.message}`)
    else if (!(error instanceof ConnectionClosed)) warn(`connection closed: ${String((error as Error).stack ?? error)}`)
    this.#socket.destroy()
  }
}
