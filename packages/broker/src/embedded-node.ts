/** One node of an embedded cluster: its listening socket, which can go and come back on the same port. */

import { BrokerError } from './broker-error.ts'
import type { BrokerCore } from './core/broker-core.ts'
import type { Listener } from './server/listener.ts'

/** Opens the node's socket on a port; 0 takes any free one. */
export type OpenListener = (port: number) => Promise<Listener>

export class EmbeddedNode {
  readonly nodeId: number
  readonly port: number
  readonly #core: BrokerCore
  readonly #open: OpenListener
  #listener: Listener | undefined

  constructor(core: BrokerCore, nodeId: number, listener: Listener, open: OpenListener) {
    this.#core = core
    this.nodeId = nodeId
    this.port = listener.port
    this.#listener = listener
    this.#open = open
  }

  get isUp(): boolean {
    return this.#listener !== undefined
  }

  /** Refuses connections from now on and cuts those that are open. What it led and coordinated moves to the next node that
   *  is up; without any other it waits for this one. Throws if it is stopped. */
  async stop(): Promise<void> {
    const listener = this.#listener
    if (listener === undefined) throw wrongState(this.nodeId, 'up', 'stopped', 'start()')
    this.#listener = undefined
    this.#core.stopNode(this.nodeId)
    await listener.close()
  }

  /** Listens on the same port again. Nothing moves back by itself: use `moveLeader` and `moveCoordinator`. Throws if it is
   *  up, or if another program has taken the port. */
  async start(): Promise<void> {
    if (this.#listener !== undefined) throw wrongState(this.nodeId, 'stopped', 'up', 'stop()')
    const listener = await this.#open(this.port)
    this.#listener = listener
    this.#core.startNode(this.nodeId)
  }

  /** Frees the port, whether it is up or not. */
  async close(): Promise<void> {
    await this.#listener?.close()
    this.#listener = undefined
  }
}

function wrongState(nodeId: number, expected: string, got: string, remedy: string): BrokerError {
  return new BrokerError('NODE_STATE', `expected node ${nodeId} to be ${expected}, it is ${got}`, {
    remedy: `Call ${remedy} on it first, or ask isUp.`,
  })
}
