/** One client connection as the core sees it: its identity, its SASL session, and the rule that a connection serves one
 *  request at a time, so that a long poll holds up whatever comes after it. */

import type { SaslSession } from '../security/sasl-session.ts'

/** The connection ended before the answer: it was cut, or a fault closed it. */
export class ConnectionClosed extends Error {
  override readonly name = 'ConnectionClosed'

  constructor() {
    super('the connection was closed before the answer')
  }
}

export class CoreConnection {
  readonly nodeId: number
  clientId: string
  /** undefined where nobody has to sign in. */
  readonly sasl: SaslSession | undefined
  #tail: Promise<unknown> = Promise.resolve()
  #isClosed = false
  readonly #onClose = new Set<() => void>()

  constructor(nodeId: number, clientId: string, sasl?: SaslSession) {
    this.nodeId = nodeId
    this.clientId = clientId
    this.sasl = sasl
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Runs when the connection ends. Returns how to take the callback back. */
  onClose(callback: () => void): () => void {
    this.#onClose.add(callback)
    return () => this.#onClose.delete(callback)
  }

  /** Ends the connection: calls that wait on it reject, its long polls stop. Group members live on until their sessions
   *  end, because a coordinator does not see connections. */
  disconnect(): void {
    this.#isClosed = true
    for (const callback of [...this.#onClose]) callback()
    this.#onClose.clear()
  }

  /** Runs `serve` after everything that was asked before; rejects with `ConnectionClosed` once the connection ends. */
  inOrder<T>(serve: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const forget = this.onClose(() => reject(new ConnectionClosed()))
      if (this.#isClosed) return reject(new ConnectionClosed())
      this.#tail = this.#tail.then(async () => {
        if (this.#isClosed) return
        try {
          resolve(await serve())
        } catch (error) {
          reject(error)
        } finally {
          forget()
        }
      })
    })
  }
}
