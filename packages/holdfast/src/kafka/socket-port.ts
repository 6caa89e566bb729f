/** The port over sockets: keeps one link per broker and channel, opens it when it is first needed and forgets it when it
 *  breaks. It retries nothing: the next call opens the next link, and when that should be is the engine's decision. */

import type { BatchCodec } from './batch-layout.ts'
import { Link, type Handshake } from './link.ts'
import type * as client from './platformatic/client.ts'
import {
  type CallOptions,
  type Channel,
  type KafkaApi,
  type KafkaPort,
  type NodeAddress,
  PortError,
  type RequestOf,
  type ResponseOf,
} from './port.ts'
import type { Credentials } from './sasl.ts'
import type { TlsOptions } from './tls.ts'

export type { Credentials, TlsOptions }

/** PASSWORD_UNENCRYPTED SASL PLAIN without TLS · TLS_UNVERIFIED certificates are not checked · CRC_SLOW the native
 *  checksum is not installed. */
export type SocketPortWarning = {
  readonly code: 'PASSWORD_UNENCRYPTED' | 'TLS_UNVERIFIED' | 'CRC_SLOW'
  readonly message: string
}

export type SocketPortOptions = {
  /** How brokers name us in their logs and quotas. */
  readonly clientId: string
  /** An empty object switches TLS on with Node's authorities. @default no TLS */
  readonly tls?: TlsOptions | undefined
  readonly sasl?: Credentials | undefined
  /** Longest a connection may take to be ready: name lookup, TCP, TLS, versions and authentication. @default 10_000 */
  readonly connectTimeoutMs?: number | undefined
  /** Called while the port is being made, once per warning. */
  readonly onWarning?: ((warning: SocketPortWarning) => void) | undefined
}

const connectTimeoutDefaultMs = 10_000

type Client = typeof client

/** Loads the client library, which takes some tenths of a second; connects to nothing yet. */
export async function createSocketPort(
  options: SocketPortOptions,
): Promise<KafkaPort & { readonly codec: BatchCodec }> {
  const loaded: Client = await import('./platformatic/client.ts')
  for (const warning of warningsOf(options, loaded.isCrcNative)) options.onWarning?.(warning)
  return new SocketPort(options, loaded)
}

function warningsOf({ tls, sasl }: SocketPortOptions, isCrcNative: boolean): SocketPortWarning[] {
  const warnings: SocketPortWarning[] = []
  if (sasl !== undefined && tls === undefined) {
    const message = 'SASL PLAIN sends the password readably over the network; set `tls`.'
    warnings.push({ code: 'PASSWORD_UNENCRYPTED', message })
  }
  if (tls?.rejectUnauthorized === false) {
    const message = 'TLS certificates are not verified; anybody in the network can play the broker.'
    warnings.push({ code: 'TLS_UNVERIFIED', message })
  }
  if (!isCrcNative) {
    const message = 'The native CRC-32C is not installed; checksums cost four times as much. Install @node-rs/crc32.'
    warnings.push({ code: 'CRC_SLOW', message })
  }
  return warnings
}

/** A link while it is made and while it lives. */
type Slot = { readonly link: Link; readonly ready: Promise<Link>; isReady: boolean }

class SocketPort implements KafkaPort {
  readonly codec: BatchCodec
  readonly #clientId: string
  readonly #tls: TlsOptions | undefined
  readonly #connectTimeoutMs: number
  readonly #handshake: Handshake
  readonly #call: Client['call']
  readonly #slots = new Map<string, Slot>()
  /** Left by new requests, still answering old ones. */
  readonly #retired = new Set<Link>()
  #isClosed = false

  constructor({ clientId, tls, sasl, connectTimeoutMs }: SocketPortOptions, loaded: Client) {
    this.codec = loaded.batchCodec
    this.#clientId = clientId
    this.#tls = tls
    this.#connectTimeoutMs = connectTimeoutMs ?? connectTimeoutDefaultMs
    this.#handshake = loaded.createHandshake(sasl)
    this.#call = loaded.call
  }

  async call<A extends KafkaApi>(
    node: NodeAddress,
    api: A,
    request: RequestOf<A>,
    { channel, timeoutMs, signal }: CallOptions,
  ): Promise<ResponseOf<A>> {
    if (this.#isClosed) throw new PortError('closed', node, `${api} after the port was closed`)
    if (signal?.aborted === true) throw new PortError('aborted', node, `${api} was aborted before it was sent`)
    const slot = this.#slotOf(node, channel)
    if (slot.isReady) return this.#call(slot.link, api, request, { timeoutMs, signal })
    const startedAtMs = performance.now()
    const link = await within(slot.ready, node, timeoutMs, signal)
    const leftMs = Math.max(1, timeoutMs - (performance.now() - startedAtMs))
    return this.#call(link, api, request, { timeoutMs: leftMs, signal })
  }

  close(): void {
    this.#isClosed = true
    // Closing a link takes it out of both collections.
    for (const { link } of [...this.#slots.values()]) link.close('the port was closed')
    for (const link of [...this.#retired]) link.close('the port was closed')
  }

  /** The one link that all callers of a node and channel share, whether it is ready or not. */
  #slotOf(node: NodeAddress, channel: Channel): Slot {
    const key = `${channel} ${node.host}:${node.port}`
    const known = this.#slots.get(key)
    if (known !== undefined && !known.link.isRetired) return known
    if (known !== undefined) this.#retire(key, known.link)
    return this.#open(key, node)
  }

  #open(key: string, node: NodeAddress): Slot {
    const { link, ready } = Link.open({
      node,
      clientId: this.#clientId,
      tls: this.#tls,
      handshake: this.#handshake,
      connectTimeoutMs: this.#connectTimeoutMs,
      onClosed: (closed) => {
        this.#retired.delete(closed)
        if (this.#slots.get(key)?.link === closed) this.#slots.delete(key)
      },
    })
    const slot: Slot = { link, ready, isReady: false }
    this.#slots.set(key, slot)
    // Callers see the failure through `ready`; without any caller left it is nobody's loss.
    ready.then(
      () => (slot.isReady = true),
      () => undefined,
    )
    return slot
  }

  #retire(key: string, link: Link): void {
    this.#slots.delete(key)
    this.#retired.add(link)
    link.closeWhenIdle()
  }
}

/** Waits for a connection that others may be waiting for too: this caller's deadline and signal end only its own wait. */
function within(ready: Promise<Link>, node: NodeAddress, timeoutMs: number, signal?: AbortSignal): Promise<Link> {
  const { promise, resolve, reject } = Promise.withResolvers<Link>()
  const timer = setTimeout(
    () => reject(new PortError('refused', node, `no connection within ${timeoutMs} ms`)),
    timeoutMs,
  )
  timer.unref()
  const onAbort = (): void => reject(new PortError('aborted', node, 'aborted while connecting'))
  signal?.addEventListener('abort', onAbort, { once: true })
  ready.then(resolve, reject)
  return promise.finally(() => {
    clearTimeout(timer)
    signal?.removeEventListener('abort', onAbort)
  })
}
