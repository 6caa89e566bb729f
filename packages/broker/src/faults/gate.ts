/** A gate in front of an API: requests stop at it until the test opens it. It makes one order of events out of many. */

import { BrokerError } from '../broker-error.ts'
import type { BrokerClock } from '../core/clock.ts'
import type { ApiName, RequestOf } from '../protocol/apis.ts'
import type { Fault, SetFault } from './fault.ts'
import type { FaultContext } from './intercepts.ts'

export type HeldRequest<A extends ApiName = ApiName> = FaultContext & { readonly request: RequestOf<A> }

export type Gate<A extends ApiName = ApiName> = Fault & {
  /** Resolves with the first request that stopped here. Rejects after `timeoutMs`, counted from when it was first asked for,
   *  and when the broker stops. */
  readonly arrived: Promise<HeldRequest<A>>
  /** How many requests stand here now. */
  readonly held: number
  /** Lets all of them go on, in the order in which they came, and everything that comes later pass. */
  release(): void
}

export class HoldingGate implements Gate {
  static readonly timeoutMsDefault = 10_000

  readonly #fault: SetFault
  readonly #clock: BrokerClock
  readonly #timeoutMs: number
  readonly #waiting: (() => void)[] = []
  readonly #first = Promise.withResolvers<HeldRequest>()
  #isTimed = false
  #isOpen = false

  constructor(fault: SetFault, clock: BrokerClock, timeoutMs: number) {
    this.#fault = fault
    this.#clock = clock
    this.#timeoutMs = timeoutMs
    // Whoever never asks for it need not hear that it never came.
    this.#first.promise.catch(() => {})
  }

  get arrived(): Promise<HeldRequest> {
    if (!this.#isTimed) {
      this.#isTimed = true
      const timer = this.#clock.setTimer(this.#timeoutMs, () => {
        this.#first.reject(
          new BrokerError('WAIT_TIMED_OUT', `no request reached ${this.#fault.label} in ${this.#timeoutMs} ms`, {
            remedy: 'Nobody sends it, or it does not fit where, node, clientId or group. Look at kafka.dump().',
          }),
        )
      })
      const cancel = (): void => timer.cancel()
      this.#first.promise.then(cancel, cancel)
    }
    return this.#first.promise
  }

  get held(): number {
    return this.#waiting.length
  }

  get calls(): number {
    return this.#fault.calls
  }

  hold(held: HeldRequest<never> | (FaultContext & { readonly request: object })): Promise<undefined> | undefined {
    if (this.#isOpen) return undefined
    this.#first.resolve(held as HeldRequest)
    return new Promise((resolve) => this.#waiting.push(() => resolve(undefined)))
  }

  release(): void {
    this.#isOpen = true
    this.#fault.remove()
    for (const goOn of this.#waiting.splice(0)) goOn()
  }

  /** The same as `release`: a gate that is gone cannot hold. */
  remove(): void {
    this.release()
  }

  [Symbol.dispose](): void {
    this.release()
  }

  stop(): void {
    this.#first.reject(
      new BrokerError('BROKER_STOPPED', `the broker stopped before a request reached ${this.#fault.label}`, {
        remedy: 'Await gate.arrived before the test ends.',
      }),
    )
  }
}
