/** The way from a handler to whatever it calls, with what can happen on it: the call takes its time, fails before it
 *  took effect, fails after it did, or does not settle for long. What fails is drawn for each call by its own name, so
 *  that one call that is spared changes no other.
 *
 *  The last attempt of a record is never disturbed: a record that dies has a handler that fails by itself. */

import { AsyncLocalStorage } from 'node:async_hooks'
import type { Clock } from '../../index.ts'
import type { SeededRandom } from '../seeded-random.ts'
import type { At, CallEnd, DeliveryLog } from './log.ts'
import type { CallPlan } from './plan.ts'

/** One call of a handler, known to everything that is called within it. */
export type HandlerCall = {
  readonly run: number
  readonly source: At
  /** Of the record, whatever else is sent: its calls have the same fate in a run with fewer messages. */
  readonly name: string
  readonly attempt: number
  readonly attemptsMax: number
  readonly signal: () => AbortSignal
  /** Of the downstream, so far. */
  calls: number
}

/** Which handler call the code that runs now belongs to. */
export const handlerCalls: AsyncLocalStorage<HandlerCall> = new AsyncLocalStorage()

/** What a call that was made to fail rejects with. */
export class DownstreamError extends Error {
  override readonly name = 'DownstreamError'
  /** Whether the call took effect all the same. */
  readonly tookEffect: boolean

  constructor(call: string, tookEffect: boolean) {
    super(tookEffect ? `${call} was done, and its answer was lost` : `${call} was refused`)
    this.tookEffect = tookEffect
  }
}

export type DownstreamParts = {
  readonly machine: string
  /** That of the machine: when it crashes, nothing that waits goes on. */
  readonly clock: Clock
  readonly random: SeededRandom
  readonly plan: CallPlan
  readonly log: DeliveryLog
  /** Something has taken effect, or might have, while this record was handled. */
  readonly onMoment: (source: At) => void
}

type Fate = { readonly beforeMs: number; readonly afterMs: number; readonly end: CallEnd; readonly obeys: boolean }

/** Longer than an attempt may take, and shorter than anybody waits. */
const hangMs = 60_000

export class Downstream {
  /** Names of the calls that failed or hung. */
  readonly faulted: string[] = []
  readonly #parts: DownstreamParts
  #outside = 0

  constructor(parts: DownstreamParts) {
    this.#parts = parts
  }

  faulty<A extends readonly unknown[], R>(
    call: (...args: A) => R | Promise<R>,
    name: string = call.name === '' ? 'downstream' : call.name,
  ): (...args: A) => Promise<R> {
    return (...args) => this.#call(name, () => call(...args))
  }

  async #call<R>(name: string, call: () => R | Promise<R>): Promise<R> {
    const { machine, log, onMoment } = this.#parts
    const handlerCall = handlerCalls.getStore()
    const { beforeMs, afterMs, end, obeys } = this.#fateOf(handlerCall)
    const tell = (told: CallEnd): void => {
      log.add({ kind: 'called', machine, run: handlerCall?.run ?? null, call: name, end: told })
      if (handlerCall !== undefined) onMoment(handlerCall.source)
    }
    await this.#pass(beforeMs)
    if (end === 'failedBefore' || end === 'hungBefore') {
      tell(end)
      if (end === 'hungBefore') await this.#hang(handlerCall, obeys)
      throw new DownstreamError(name, false)
    }
    const result = await settled(call)
    tell('error' in result ? 'threw' : end)
    if (end === 'hungAfter') await this.#hang(handlerCall, obeys)
    await this.#pass(afterMs)
    if ('error' in result) throw result.error
    if (end === 'failedAfter') throw new DownstreamError(name, true)
    return result.value
  }

  #fateOf(handlerCall: HandlerCall | undefined): Fate {
    const { random, plan, machine } = this.#parts
    const name =
      handlerCall === undefined
        ? `${machine} ${(this.#outside += 1)}`
        : `${machine} ${handlerCall.name} ${handlerCall.attempt} ${(handlerCall.calls += 1)}`
    const own = random.stream(name)
    const beforeMs = own.fraction() * plan.latencyMaxMs
    const afterMs = own.fraction() * plan.latencyMaxMs
    const draw = own.fraction()
    const isBefore = own.chance(0.5)
    const obeys = own.chance(0.5)
    const mayFail = handlerCall !== undefined && handlerCall.attempt < handlerCall.attemptsMax && !plan.spared.has(name)
    const fails = draw < plan.fails
    const hangs = !fails && draw < plan.fails + plan.hangs
    if (!mayFail || !(fails || hangs)) return { beforeMs, afterMs, end: 'answered', obeys }
    this.faulted.push(name)
    const [failed, hung] = isBefore
      ? (['failedBefore', 'hungBefore'] as const)
      : (['failedAfter', 'hungAfter'] as const)
    return { beforeMs, afterMs, end: fails ? failed : hung, obeys }
  }

  #pass(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#parts.clock.setTimer(ms, resolve)
    })
  }

  /** A well-made client gives up when its attempt is aborted; others do not. */
  #hang(handlerCall: HandlerCall | undefined, obeys: boolean): Promise<void> {
    const over = this.#pass(hangMs)
    if (!obeys || handlerCall === undefined) return over
    const signal = handlerCall.signal()
    return new Promise((resolve, reject) => {
      const abort = (): void => reject(signal.reason)
      if (signal.aborted) abort()
      else signal.addEventListener('abort', abort, { once: true })
      void over.then(resolve)
    })
  }
}

async function settled<R>(call: () => R | Promise<R>): Promise<{ readonly value: R } | { readonly error: unknown }> {
  try {
    return { value: await call() }
  } catch (error) {
    return { error }
  }
}
