/** Waiting for a state of the broker: looks after each of its turns, never by the clock. The clock only says when to give up,
 *  and then the error shows how everything stands. */

import { BrokerError } from '../broker-error.ts'
import type { BrokerCore } from '../core/broker-core.ts'
import type { BrokerClock } from '../core/clock.ts'
import { expectMs } from '../faults/expectations.ts'

/** Long enough for a rebalance with a client's default timings, shorter than the patience of test runners. */
export const waitTimeoutMsDefault = 10_000

export type WaitOptions = {
  /** When to give up, in milliseconds of the broker's clock. @default 10,000 */
  readonly timeoutMs?: number | undefined
}

export type WaitParts = { readonly core: BrokerCore; readonly clock: BrokerClock; readonly dump: () => string }

type Waiting = { look(): void; stop(): void }

export class Waits {
  readonly #parts: WaitParts
  readonly #waiting = new Set<Waiting>()
  #stopListening: (() => void) | undefined
  #isStopped = false

  constructor(parts: WaitParts) {
    this.#parts = parts
  }

  /** Resolves with the first result of `look` that is not undefined. `what` says in the error what was waited for. */
  until<T>(what: string, look: () => T | undefined, { timeoutMs = waitTimeoutMsDefault }: WaitOptions): Promise<T> {
    expectMs('timeoutMs', timeoutMs)
    return new Promise<T>((resolve, reject) => {
      if (this.#isStopped) return reject(stopped(what, ''))
      const settle = (how: () => void): void => {
        timer.cancel()
        this.#waiting.delete(waiting)
        if (this.#waiting.size === 0) {
          this.#stopListening?.()
          this.#stopListening = undefined
        }
        how()
      }
      const waiting: Waiting = {
        look: () => {
          try {
            const found = look()
            if (found !== undefined) settle(() => resolve(found))
          } catch (error) {
            settle(() => reject(error))
          }
        },
        stop: () => settle(() => reject(stopped(what, this.#parts.dump()))),
      }
      const timer = this.#parts.clock.setTimer(timeoutMs, () =>
        settle(() => reject(timedOut(what, timeoutMs, this.#parts.dump()))),
      )
      this.#waiting.add(waiting)
      this.#stopListening ??= this.#parts.core.onTurn(() => {
        for (const each of [...this.#waiting]) each.look()
      })
      waiting.look()
    })
  }

  stop(): void {
    this.#isStopped = true
    for (const each of [...this.#waiting]) each.stop()
  }
}

function timedOut(what: string, timeoutMs: number, dump: string): BrokerError {
  return new BrokerError('WAIT_TIMED_OUT', `waited ${timeoutMs} ms for ${what}`, {
    remedy: 'Below is how everything stood. Give timeoutMs if it only takes longer.',
    details: dump,
  })
}

function stopped(what: string, dump: string): BrokerError {
  return new BrokerError('BROKER_STOPPED', `the broker was stopped while ${what} was waited for`, {
    remedy: 'Await everything before stop().',
    ...(dump === '' ? {} : { details: dump }),
  })
}
