/** Serves one client socket: frames in, one request at a time into the core, answers out in the order of the requests.
 *
 *  Whatever is wrong with the bytes ends this connection and nothing else. */

import { once } from 'node:events'
import { type Socket } from 'node:net'

import { unknownApiVersions } from '../apis/18-api-versions.ts'
import { type BrokerCore } from '../core/broker-core.ts'
import { ConnectionClosed, type CoreConnection } from '../core/connection.ts'
import { apiByKey, codecOf, isServed, type RequestOf } from '../protocol/apis.ts'
import { errorCode } from '../protocol/error-code.ts'
import { MalformedFrame, WireReader } from '../protocol/wire.ts'
import { encodeResponse, FrameSplitter, readClientId, readHeader } from './frames.ts'

/** A client that sends ahead while a request waits is not read any further than this. */
const readAheadBytesMax = 1024 * 1024

type Warn = (message: string) => void

export class ClientSocket {
  readonly #socket: Socket
  readonly #core: BrokerCore
  readonly #connection: CoreConnection
  readonly #warn: Warn
  readonly #frames = new FrameSplitter()
  #isServing = false

  constructor(socket: Socket, core: BrokerCore, nodeId: number, warn: Warn) {
    this.#socket = socket
    this.#core = core
    this.#warn = warn
    this.#connection = core.connect(nodeId, '')
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
      for (let frame = this.#frames.next(); frame !== undefined; frame = this.#frames.next()) {
        const answer = await this.#serve(frame)
        if (this.#socket.destroyed) return
        if (answer !== undefined && !this.#socket.write(answer)) await this.#drained()
        if (this.#connection.sasl?.hasFailed === true) {
          this.#socket.destroySoon()
          return
        }
      }
      this.#socket.resume()
    } catch (error) {
      this.#end(error)
    } finally {
      this.#isServing = false
    }
  }

  async #drained(): Promise<void> {
    await Promise.race([once(this.#socket, 'drain'), once(this.#socket, 'close')])
  }

  #end(error: unknown): void {
    if (error instanceof MalformedFrame) this.#warn(`malformed frame, connection closed: ${error.message}`)
    else if (!(error instanceof ConnectionClosed))
      this.#warn(`connection closed: ${String((error as Error).stack ?? error)}`)
    this.#socket.destroy()
  }

  async #serve(frame: Buffer): Promise<Buffer | undefined> {
    if (this.#connection.sasl?.expectsRawTokens === true) return this.#serveRawToken(frame)
    const reader = new WireReader(frame)
    const { apiKey, version, correlationId } = readHeader(reader)
    const api = apiByKey(apiKey)
    if (api === 'ApiVersions' && !isServed(api, version)) {
      readClientId(reader, api, version)
      return encodeResponse(api, 0, correlationId, unknownApiVersions())
    }
    if (api === undefined || !isServed(api, version)) {
      this.#warn(`API ${api ?? `with key ${apiKey}`} version ${version} is not served: connection closed`)
      throw new ConnectionClosed()
    }
    this.#connection.clientId = readClientId(reader, api, version)
    const request = codecOf(api, version, 'request').read(reader)
    const response = await this.#core.dispatch(api, version, request, this.#connection)
    if (api === 'Produce' && (request as { acks: number }).acks === 0) return this.#unacknowledged(response)
    return encodeResponse(api, version, correlationId, response)
  }

  /** After a handshake of version 0 a token is a frame of its own, and so is the answer. A refusal has no place to stand. */
  async #serveRawToken(authBytes: Buffer): Promise<Buffer> {
    const answer = await this.#core.dispatch('SaslAuthenticate', 0, { authBytes }, this.#connection)
    const { errorCode: code, authBytes: bytes } = answer as RequestOf<'SaslAuthenticate'> & { errorCode: number }
    if (code !== errorCode.none) throw new ConnectionClosed()
    const length = Buffer.alloc(4)
    length.writeInt32BE(bytes.length)
    return Buffer.concat([length, bytes])
  }

  /** With acks=0 there is no answer, and an error can be told only by closing the connection. */
  #unacknowledged(response: object): undefined {
    const { responses } = response as { responses: { partitions: { errorCode: number }[] }[] }
    if (responses.some(({ partitions }) => partitions.some((each) => each.errorCode !== errorCode.none))) {
      throw new ConnectionClosed()
    }
  }
}
