/** Faults of brokers as their clients see them: answers that refuse, come late, or do not come although the request was
 *  applied. Each is made of the broker's one primitive, an intercept, and counts when somebody ran into it. */

import { type BrokerCore } from '@holdfast/broker'
import { type VirtualClock } from 'holdfast/testing'
import { type AnswerFault } from './incident-plan.ts'

export type AnswerFaultParts = {
  readonly core: BrokerCore
  readonly clock: VirtualClock
  /** Tells that a fault met somebody. */
  readonly happened: (fault: AnswerFault['kind'], what: string) => void
}

/** So many requests are stored before the brokers take nothing any more. */
const appliedSilentlyMax = 8
/** What quotas of Kafka count. */
const throttledApis = ['Fetch', 'Produce', 'Metadata', 'Heartbeat', 'OffsetCommit', 'FindCoordinator'] as const

export class AnswerFaults {
  readonly #parts: AnswerFaultParts
  #isOver = false

  constructor(parts: AnswerFaultParts) {
    this.#parts = parts
  }

  /** What is held is let go when its time has come; nothing else happens any more. */
  end(): void {
    this.#isOver = true
  }

  /** `client`: somebody who runs, for what befalls one client only. */
  begin(fault: AnswerFault, client: string | undefined): void {
    switch (fault.kind) {
      case 'groupError':
      case 'offsetsError':
      case 'readError':
      case 'lookupError':
        return this.#refuse(fault)
      case 'produceRefused':
        return this.#refuseFor(fault, 'Produce')
      case 'commitRefused':
        return this.#refuseFor(fault, 'OffsetCommit')
      case 'produceAmbiguous':
        return this.#applySilently(fault)
      case 'slowAnswers':
        return this.#hold(fault)
      case 'throttled':
        return client === undefined ? undefined : this.#throttle(fault, client)
    }
  }

  /** The next few requests of one API. */
  #refuse({ kind, api, code, times }: Extract<AnswerFault, { readonly times: number }>): void {
    const { core, happened } = this.#parts
    let left = times
    const forget = core.intercept(api, (request, context) => {
      left -= 1
      if (left <= 0) forget()
      if (this.#isOver) return undefined
      happened(kind, `${api} answers ${code} to ${context.clientId}`)
      return core.errorAnswer(api, request, context, code)
    })
  }

  #refuseFor(
    { kind, code, forMs }: Extract<AnswerFault, { readonly code: number; readonly forMs: number }>,
    api: 'Produce' | 'OffsetCommit',
  ): void {
    const { core, clock, happened } = this.#parts
    const forget = core.intercept(api, (request, context) => {
      if (this.#isOver) return undefined
      happened(kind, `${api} answers ${code} to ${context.clientId}`)
      return core.errorAnswer(api, request, context, code)
    })
    clock.setTimer(forMs, forget)
  }

  #applySilently({ kind, forMs }: Extract<AnswerFault, { readonly kind: 'produceAmbiguous' }>): void {
    const { core, clock, happened } = this.#parts
    let applied = 0
    const forget = core.intercept('Produce', () => {
      if (forMs === undefined) forget()
      if (this.#isOver) return undefined
      const decision = applied < appliedSilentlyMax ? 'applyThenDrop' : 'close'
      applied += 1
      happened(kind, decision === 'close' ? 'Produce is never answered' : 'Produce is applied and never answered')
      return decision
    })
    if (forMs !== undefined) clock.setTimer(forMs, forget)
  }

  /** Requests are served late, and still in the order in which they came: whoever gave one up and sent the next does not
   *  overtake himself. */
  #hold({ kind, api, forMs, heldMs }: Extract<AnswerFault, { readonly kind: 'slowAnswers' }>): void {
    const { core, clock, happened } = this.#parts
    const untilMs = clock.monotonicMs() + forMs
    let freeAtMs = 0
    const forget = core.intercept(api, (_request, { clientId }) => {
      const nowMs = clock.monotonicMs()
      const isSlow = nowMs < untilMs && !this.#isOver
      if (isSlow) happened(kind, `${api} of ${clientId} waits for ${heldMs} ms`)
      freeAtMs = Math.max(freeAtMs, isSlow ? nowMs + heldMs : nowMs)
      return freeAtMs > nowMs ? this.#wait(freeAtMs - nowMs) : undefined
    })
    // Whoever comes after the fault waits for those before.
    clock.setTimer(forMs + heldMs + 1, forget)
  }

  /** A client is answered at once, told how long to be silent, and not heard for that long. */
  #throttle({ kind, forMs, silenceMs }: Extract<AnswerFault, { readonly kind: 'throttled' }>, client: string): void {
    const { core, clock, happened } = this.#parts
    const deafUntilMs = new Map<number, number>()
    const forgets = throttledApis.map((api) =>
      core.intercept(api, async (_request, { clientId, nodeId }) => {
        if (clientId !== client || this.#isOver) return undefined
        const leftMs = (deafUntilMs.get(nodeId) ?? 0) - clock.monotonicMs()
        if (leftMs > 0) await this.#wait(leftMs)
        happened(kind, `${client} for ${silenceMs} ms after ${api}`)
        return (answer: object) => {
          deafUntilMs.set(nodeId, clock.monotonicMs() + silenceMs)
          return { ...answer, throttleTimeMs: silenceMs }
        }
      }),
    )
    clock.setTimer(forMs, () => forgets.forEach((forget) => forget()))
  }

  #wait(ms: number): Promise<undefined> {
    return new Promise((resolve) => void this.#parts.clock.setTimer(ms, () => resolve(undefined)))
  }
}
