/** One connection to one broker, for one channel: it carries requests and answers and keeps every promise about time.
 *
 *  Kafka answers the requests of a connection in their order, so an answer belongs to the oldest request or the connection
 *  is lost. A link decides when a request is sent (backpressure, requests in flight), when it has waited for too long, and
 *  that nothing hangs on a dead connection. It knows no API: versions and authentication are the handshake's business,
 *  what a frame says is the caller's. It never reconnects; whoever keeps links makes a new one. */

import { connect as connectTcp, type Socket } from 'node:net'
import { FrameReader } from './frame-reader.ts'
import { type NodeAddress, PortError } from './port.ts'
import { connectTls, type TlsOptions } from './tls.ts'

export type VersionRange = { readonly min: number; readonly max: number }

/** What the broker agreed to. */
export type Session = {
  /** By API key. */
  readonly versions: ReadonlyMap<number, VersionRange>
  /** How long the authentication holds; `null` without limit. */
  readonly lifetimeMs: number | null
}

/** Runs on the bare connection before anybody else may use it. */
export type Handshake = (link: Link, timeoutMs: number) => Promise<Session>

export type LinkOptions = {
  readonly node: NodeAddress
  readonly clientId: string
  readonly tls: TlsOptions | undefined
  readonly handshake: Handshake
  /** Name lookup, TCP, TLS and handshake together. */
  readonly connectTimeoutMs: number
  /** Called once, when the link can carry nothing any more. */
  readonly onClosed: (link: Link) => void
}

/** One request, encoded up to its header. */
export type OutgoingRequest = {
  readonly apiKey: number
  readonly apiVersion: number
  /** Whether the request header carries tagged fields, and whether the answer's does. */
  readonly hasRequestTags: boolean
  readonly hasResponseTags: boolean
  readonly payload: readonly Buffer[]
}

export type RequestOptions = { readonly timeoutMs: number; readonly signal?: AbortSignal | undefined }

/** Requests on the wire at once. A broker works them off one by one, so more would only wait there instead of here. */
const inFlightMax = 100

/** A session is left in time for the last requests on it to be answered before the broker ends it. */
const sessionUse = 0.8

type Pending = {
  readonly correlationId: number
  readonly hasResponseTags: boolean
  /** Taken away when it is handed to the socket. */
  frame: Buffer | null
  /** `null` once the caller has been told: its late answer is dropped. */
  settle: ((error: PortError | null, answer?: Buffer) => void) | null
}

export class Link {
  readonly node: NodeAddress
  readonly #clientId: Buffer
  readonly #onClosed: (link: Link) => void
  readonly #frames = new FrameReader()
  readonly #inFlight: Pending[] = []
  readonly #queued: Pending[] = []
  #socket: Socket | null = null
  #session: Session | null = null
  #retiresAtMs = Number.POSITIVE_INFINITY
  #nextCorrelationId = 1
  #isBlocked = false
  #closedBy: PortError | null = null
  #wasClosedByOwner = false

  /** Resolves with a link that is ready for requests. Rejects with `auth`, `unsupported`, `closed` (by `close`) or `refused`. */
  static open(options: LinkOptions): { readonly link: Link; readonly ready: Promise<Link> } {
    const link = new Link(options)
    return { link, ready: link.#open(options) }
  }

  private constructor({ node, clientId, onClosed }: LinkOptions) {
    this.node = node
    this.#clientId = Buffer.from(clientId)
    this.#onClosed = onClosed
  }

  /** Versions that the broker speaks of an API, once the handshake is through. */
  versionsOf(apiKey: number): VersionRange | undefined {
    return this.#session?.versions.get(apiKey)
  }

  get isClosed(): boolean {
    return this.#closedBy !== null
  }

  /** Whether its authentication is about to end, so that new requests should go elsewhere. */
  get isRetired(): boolean {
    return performance.now() >= this.#retiresAtMs
  }

  /** Resolves with the answer behind its header. Rejects with a `PortError` only. */
  request(request: OutgoingRequest, { timeoutMs, signal }: RequestOptions): Promise<Buffer> {
    if (this.#closedBy !== null) return Promise.reject(this.#closedBy)
    if (signal?.aborted === true) return Promise.reject(this.#error('aborted', 'aborted before it was sent'))
    return new Promise((resolve, reject) => {
      const correlationId = this.#nextCorrelationId
      this.#nextCorrelationId = correlationId === 0x7fffffff ? 1 : correlationId + 1
      const timer = setTimeout(() => this.#onTimeout(pending, request.apiKey, timeoutMs), timeoutMs)
      timer.unref()
      const onAbort = (): void => this.#onAbort(pending)
      const pending: Pending = {
        correlationId,
        hasResponseTags: request.hasResponseTags,
        frame: encodeFrame(request, correlationId, this.#clientId),
        settle: (error, answer) => {
          pending.settle = null
          clearTimeout(timer)
          signal?.removeEventListener('abort', onAbort)
          if (error === null) resolve(answer as Buffer)
          else reject(error)
        },
      }
      signal?.addEventListener('abort', onAbort, { once: true })
      this.#queued.push(pending)
      this.#send()
    })
  }

  /** Ends everything at once: requests in flight reject with `closed` before this returns. */
  close(reason: string): void {
    this.#wasClosedByOwner = true
    this.#fail(this.#error('closed', reason))
  }

  /** Takes no new part in anything, but lets requests in flight be answered. */
  closeWhenIdle(): void {
    this.#retiresAtMs = Number.NEGATIVE_INFINITY
    if (this.#inFlight.length + this.#queued.length === 0) this.close('its session ended')
  }

  async #open({ node, tls, handshake, connectTimeoutMs }: LinkOptions): Promise<Link> {
    const startedAtMs = performance.now()
    const timer = setTimeout(() => {
      this.#fail(this.#error('refused', `no connection within ${connectTimeoutMs} ms`))
    }, connectTimeoutMs)
    timer.unref()
    try {
      await this.#connect(
        tls === undefined ? connectTcp(node.port, node.host) : connectTls(node, tls),
        tls !== undefined,
      )
      const session = await handshake(this, connectTimeoutMs)
      this.#session = session
      // Counted from before the handshake: the broker's clock for the session started no earlier.
      if (session.lifetimeMs !== null) this.#retiresAtMs = startedAtMs + session.lifetimeMs * sessionUse
      return this
    } catch (cause) {
      const error = this.#connectError(cause)
      this.#fail(error)
      throw error
    } finally {
      clearTimeout(timer)
    }
  }

  #connect(socket: Socket, isTls: boolean): Promise<void> {
    this.#socket = socket
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => this.#onBytes(chunk))
    socket.on('drain', () => {
      this.#isBlocked = false
      this.#send()
    })
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    socket.once(isTls ? 'secureConnect' : 'connect', resolve)
    socket.on('error', (cause) => this.#fail(this.#error('closed', `the connection broke: ${messageOf(cause)}`, cause)))
    // Whatever ended it, the first reason counts; a promise that is settled already does not mind.
    socket.on('close', () => {
      this.#fail(this.#error('closed', 'the broker closed the connection'))
      reject(this.#closedBy ?? new Error('closed'))
    })
    return promise
  }

  /** Before the handshake is through no request was sent for a caller, and the kind of the error must say so. */
  #connectError(cause: unknown): PortError {
    const reason = this.#closedBy ?? cause
    if (reason instanceof PortError) {
      const speaksForItself = reason.kind === 'auth' || reason.kind === 'unsupported' || reason.kind === 'refused'
      if (speaksForItself || this.#wasClosedByOwner) return reason
    }
    const root = reason instanceof PortError && reason.cause !== undefined ? reason.cause : reason
    return this.#error('refused', `cannot connect: ${messageOf(root)}`, root)
  }

  #send(): void {
    while (!this.#isBlocked && this.#inFlight.length < inFlightMax) {
      const pending = this.#queued.shift()
      if (pending === undefined) return
      const frame = pending.frame as Buffer
      pending.frame = null
      this.#inFlight.push(pending)
      // False means that the kernel takes no more: the rest waits here, where it can still be aborted.
      this.#isBlocked = this.#socket?.write(frame) === false
    }
  }

  #onBytes(chunk: Buffer): void {
    try {
      this.#frames.push(chunk, (frame) => this.#onFrame(frame))
    } catch (cause) {
      this.#fail(this.#error('protocol', messageOf(cause), cause))
    }
  }

  #onFrame(frame: Buffer): void {
    const correlationId = frame.readInt32BE(0)
    const pending = this.#inFlight[0]
    if (pending?.correlationId !== correlationId) {
      throw new Error(
        `expected the answer to request ${pending?.correlationId ?? 'none'}, got that to ${correlationId}`,
      )
    }
    const answer = frame.subarray(pending.hasResponseTags ? tagsEnd(frame, 4) : 4)
    // Only now, so that an answer that cannot be read fails this request together with the others.
    this.#inFlight.shift()
    pending.settle?.(null, answer)
    if (this.#retiresAtMs === Number.NEGATIVE_INFINITY) this.closeWhenIdle()
    else if (this.#queued.length > 0) this.#send()
  }

  /** Nobody knows whether its answer still comes, and all later ones would be taken for it. */
  #onTimeout(pending: Pending, apiKey: number, timeoutMs: number): void {
    const message = `no answer to API ${apiKey} within ${timeoutMs} ms`
    pending.settle?.(this.#error('timeout', message))
    this.#fail(this.#error('closed', `closed because there was ${message}`))
  }

  #onAbort(pending: Pending): void {
    const queuedAt = this.#queued.indexOf(pending)
    if (queuedAt >= 0) this.#queued.splice(queuedAt, 1)
    pending.settle?.(this.#error('aborted', 'aborted by its caller'))
  }

  #fail(error: PortError): void {
    if (this.#closedBy !== null) return
    this.#closedBy = error
    this.#socket?.destroy()
    const waiting = [...this.#inFlight.splice(0), ...this.#queued.splice(0)]
    for (const pending of waiting) pending.settle?.(error)
    this.#onClosed(this)
  }

  #error(kind: PortError['kind'], message: string, cause?: unknown): PortError {
    return new PortError(kind, this.node, message, cause === undefined ? undefined : { cause })
  }
}

/** Size, key, version, correlation id, client id, tagged fields, then the payload: one buffer, copied once. */
function encodeFrame(request: OutgoingRequest, correlationId: number, clientId: Buffer): Buffer {
  const header = Buffer.allocUnsafe(14 + clientId.length + (request.hasRequestTags ? 1 : 0))
  let payloadSize = 0
  for (const part of request.payload) payloadSize += part.length
  header.writeInt32BE(header.length - 4 + payloadSize, 0)
  header.writeInt16BE(request.apiKey, 4)
  header.writeInt16BE(request.apiVersion, 6)
  header.writeInt32BE(correlationId, 8)
  header.writeInt16BE(clientId.length, 12)
  clientId.copy(header, 14)
  if (request.hasRequestTags) header[header.length - 1] = 0
  return Buffer.concat([header, ...request.payload], header.length + payloadSize)
}

/** Where the tagged fields that begin at `start` end. */
function tagsEnd(frame: Buffer, start: number): number {
  let at = start
  const next = (): number => {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = frame[at++]
      if (byte === undefined) break
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
    throw new Error('an answer ends within its header')
  }
  for (let count = next(); count > 0; count--) {
    next()
    at += next()
  }
  return at
}

/** A host with several addresses fails with one error for each of them, and an empty message of its own. */
function messageOf(cause: unknown): string {
  if (cause instanceof AggregateError) return cause.errors.map(messageOf).join('; ')
  return cause instanceof Error ? cause.message : String(cause)
}
