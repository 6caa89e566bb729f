/** A port and a clock for tests of the runtime: answers come from a script, time moves only when the test says so.
 *  Not a broker: whoever needs one that behaves takes the embedded broker. */
import {
  type CallOptions,
  type KafkaApi,
  type KafkaPort,
  type NodeAddress,
  PortError,
  type RequestOf,
  type ResponseOf,
} from '../kafka/port.ts'
import type { Clock, Timer } from './clock.ts'

/** Longer than any chain of promises between a timer and the next request. */
const microtaskTurns = 64

export class ManualClock implements Clock {
  #nowMs = 0
  #timers: { readonly dueMs: number; readonly callback: () => void }[] = []
  /** What `random()` answers. */
  chance = 0.5

  monotonicMs(): number {
    return this.#nowMs
  }

  epochMs(): number {
    return 1_750_000_000_000 + this.#nowMs
  }

  random(): number {
    return this.chance
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    const timer = { dueMs: this.#nowMs + Math.max(delayMs, 0), callback }
    this.#timers.push(timer)
    return {
      cancel: () => {
        this.#timers = this.#timers.filter((other) => other !== timer)
      },
    }
  }

  get timersPending(): number {
    return this.#timers.length
  }

  /** Lets everything happen that needs no time. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < microtaskTurns; turn++) await Promise.resolve()
  }

  /** Runs every timer that comes due meanwhile, in order, each with everything that follows from it. */
  async advance(byMs: number): Promise<void> {
    const untilMs = this.#nowMs + byMs
    await this.settle()
    for (let next = this.#earliest(untilMs); next !== undefined; next = this.#earliest(untilMs)) {
      const due = next
      this.#timers = this.#timers.filter((other) => other !== due)
      this.#nowMs = Math.max(this.#nowMs, due.dueMs)
      due.callback()
      await this.settle()
    }
    this.#nowMs = untilMs
  }

  #earliest(untilMs: number): { readonly dueMs: number; readonly callback: () => void } | undefined {
    let earliest: { readonly dueMs: number; readonly callback: () => void } | undefined
    for (const timer of this.#timers) {
      if (timer.dueMs <= untilMs && (earliest === undefined || timer.dueMs < earliest.dueMs)) earliest = timer
    }
    return earliest
  }
}

/** A `PortError` rejects the call, `silence` lets it run into its timeout. */
export type Scripted = object | PortError
export const silence: unique symbol = Symbol('silence')

export type ScriptedCall = {
  readonly node: NodeAddress
  readonly api: KafkaApi
  readonly request: unknown
  readonly options: CallOptions
  readonly atMs: number
}

export class ScriptedPort implements KafkaPort {
  readonly calls: ScriptedCall[] = []
  readonly #clock: ManualClock
  /** Replaced by tests at will. May answer later by returning a promise. */
  answer: (call: ScriptedCall) => Scripted | typeof silence | Promise<Scripted | typeof silence>

  constructor(clock: ManualClock, answer: ScriptedPort['answer'] = () => silence) {
    this.#clock = clock
    this.answer = answer
  }

  call<A extends KafkaApi>(
    node: NodeAddress,
    api: A,
    request: RequestOf<A>,
    options: CallOptions,
  ): Promise<ResponseOf<A>> {
    const call = { node, api, request, options, atMs: this.#clock.monotonicMs() }
    this.calls.push(call)
    return new Promise((resolve, reject) => {
      const fail = (kind: 'timeout' | 'aborted'): void => {
        timer.cancel()
        reject(new PortError(kind, node, `${api} ${kind}`))
      }
      const timer = this.#clock.setTimer(options.timeoutMs, () => fail('timeout'))
      options.signal?.addEventListener('abort', () => fail('aborted'), { once: true })
      if (options.signal?.aborted === true) fail('aborted')
      void Promise.resolve(this.answer(call)).then((answer) => {
        if (answer === silence) return
        timer.cancel()
        if (answer instanceof PortError) reject(answer)
        else resolve(answer as ResponseOf<A>)
      })
    })
  }

  close(): void {
    this.answer = ({ node }) => new PortError('closed', node, 'the port is closed')
  }

  /** The calls of one API. */
  of(api: KafkaApi): ScriptedCall[] {
    return this.calls.filter((call) => call.api === api)
  }
}
