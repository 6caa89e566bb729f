/** The one fault primitive: a function that sees a request before its handler does and may take its place. */

import { type ApiName } from '../protocol/apis.ts'

export type FaultContext = { readonly nodeId: number; readonly clientId: string; readonly version: number }

/** undefined: handle it as always · an object: answer that · `close`: cut the connection, nothing is applied · `drop`:
 *  never answer, so that the connection is mute from here on · `applyThenDrop`: apply it, then cut the connection. */
export type FaultDecision = undefined | object | 'close' | 'drop' | 'applyThenDrop'

/** A promise holds the request, and whatever follows on its connection, until it settles. */
export type Fault = (request: never, context: FaultContext) => FaultDecision | Promise<FaultDecision>

export class Faults {
  readonly #faults = new Map<ApiName, Set<Fault>>()

  /** Returns how to take the fault away again. */
  add(api: ApiName, fault: Fault): () => void {
    const faults = this.#faults.get(api) ?? new Set<Fault>()
    faults.add(fault)
    this.#faults.set(api, faults)
    return () => faults.delete(fault)
  }

  /** The first decision that is not undefined, in the order in which the faults were added. */
  async decide(api: ApiName, request: object, context: FaultContext): Promise<FaultDecision> {
    for (const fault of [...(this.#faults.get(api) ?? [])]) {
      const decision = await fault(request as never, context)
      if (decision !== undefined) return decision
    }
    return undefined
  }

  has(api: ApiName): boolean {
    return (this.#faults.get(api)?.size ?? 0) > 0
  }
}
