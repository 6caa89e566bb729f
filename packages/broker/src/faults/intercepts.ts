/** The one fault primitive: a function that sees a request before its handler does and may take its place. Every other fault
 *  is made of it; who a fault is meant for, and how often, is decided in `fault.ts`. */

import type { ApiName } from '../protocol/apis.ts'

export type FaultContext = { readonly nodeId: number; readonly clientId: string; readonly version: number }

/** Makes another answer out of the one that was about to be sent. */
export type AnswerChange = (answer: never) => object

/** undefined: handle it as always · an object: answer that · a function: handle it, and answer what the function makes of
 *  the answer · `close`: cut the connection, nothing is applied · `drop`: never answer, so that the connection is mute from
 *  here on · `applyThenDrop`: apply it, then cut the connection. */
export type FaultDecision = undefined | object | AnswerChange | 'close' | 'drop' | 'applyThenDrop'

/** A promise holds the request, and whatever follows on its connection, until it settles. */
export type Intercept = (request: never, context: FaultContext) => FaultDecision | Promise<FaultDecision>

export type Verdict = {
  /** The first decision that was neither undefined nor a function, in the order in which the faults were added. */
  readonly decision: undefined | object | 'close' | 'drop' | 'applyThenDrop'
  /** Applied to the answer one after the other, oldest fault first. */
  readonly changes: readonly AnswerChange[]
}

export const noVerdict: Verdict = { decision: undefined, changes: [] }

export class Intercepts {
  readonly #byApi = new Map<ApiName, Set<Intercept>>()

  /** Returns how to take the fault away again. */
  add(api: ApiName, intercept: Intercept): () => void {
    const intercepts = this.#byApi.get(api) ?? new Set<Intercept>()
    intercepts.add(intercept)
    this.#byApi.set(api, intercepts)
    return () => intercepts.delete(intercept)
  }

  async decide(api: ApiName, request: object, context: FaultContext): Promise<Verdict> {
    const changes: AnswerChange[] = []
    for (const intercept of [...(this.#byApi.get(api) ?? [])]) {
      const decision = await intercept(request as never, context)
      if (typeof decision === 'function') changes.push(decision as AnswerChange)
      else if (decision !== undefined) return { decision, changes }
    }
    return { decision: undefined, changes }
  }

  has(api: ApiName): boolean {
    return (this.#byApi.get(api)?.size ?? 0) > 0
  }
}
