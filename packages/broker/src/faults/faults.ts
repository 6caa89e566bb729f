/** All faults that a test has set: makes them out of the one primitive, and knows which of them never took effect.
 *
 *  A fault that nobody ran into is a test that proves nothing, so `EmbeddedKafka.stop` asks for those. */

import { BrokerError } from '../broker-error.ts'
import type { BrokerCore } from '../core/broker-core.ts'
import type { BrokerClock } from '../core/clock.ts'
import { type ApiName, apiNames, type RequestOf } from '../protocol/apis.ts'
import { withError } from './error-answers.ts'
import type { ErrorName } from './error-names.ts'
import {
  expectApi,
  expectErrorCode,
  expectFunction,
  expectMs,
  expectName,
  expectOption,
  expectOptions,
  expectWhole,
  refuseArgument,
} from './expectations.ts'
import { type Fault, type FaultScope, scopeOptions, SetFault } from './fault.ts'
import { type Gate, HoldingGate } from './gate.ts'
import type { FaultContext, FaultDecision } from './intercepts.ts'

/** `beforeApply`: the connection is cut, nothing was applied · `afterApply`: it is applied, then the connection is cut
 *  without an answer · `never`: nothing is applied and there is never an answer; the connection is mute from then on. */
export type Drop = 'beforeApply' | 'afterApply' | 'never'

export type FailOptions<A extends ApiName = ApiName> = FaultScope<A> &
  (
    | {
        /** The error to answer, by name or number. */
        readonly code: ErrorName | number
        /** Apply the request all the same: the client hears of an error where there was none. @default false */
        readonly applied?: boolean | undefined
      }
    | { readonly drop: Drop }
  )

export type FetchLimit = FaultScope<'Fetch'> & {
  /** `fetch.max.bytes` of every fetch is at most this; the first batch always comes whole, as in Kafka. */
  readonly bytes: number
}

/** Throttling is told in the answer and starts with the connection, so these are let through. */
const neverThrottled: readonly ApiName[] = ['ApiVersions', 'SaslHandshake', 'SaslAuthenticate']
const drops: Readonly<Record<Drop, 'close' | 'applyThenDrop' | 'drop'>> = {
  beforeApply: 'close',
  afterApply: 'applyThenDrop',
  never: 'drop',
}

export class Faults {
  readonly #core: BrokerCore
  readonly #clock: BrokerClock
  readonly #set: SetFault[] = []
  readonly #thrown: { readonly fault: SetFault; readonly error: unknown }[] = []

  constructor(core: BrokerCore, clock: BrokerClock) {
    this.#core = core
    this.#clock = clock
  }

  fail<A extends ApiName>(api: A, options: FailOptions<A>): Fault {
    expectApi(api)
    const { code, applied, drop, ...scope } = checkedFailOptions(api, options)
    const fault = this.#new(`fail('${api}')`, scope, 1)
    if (drop !== undefined) return this.#on(fault, api, () => drops[drop])
    const number = expectErrorCode(code as ErrorName | number)
    return this.#on(fault, api, (request, context) =>
      applied === true
        ? (answer: object) => withError(api, context.version, answer, number)
        : this.#core.errorAnswer(api, request, context, number),
    )
  }

  delay<A extends ApiName>(api: A, ms: number, scope: FaultScope<A> = {}): Fault {
    expectApi(api)
    expectMs('the delay', ms)
    expectOptions('delay', scope, scopeOptions)
    return this.#on(this.#new(`delay('${api}')`, scope, Infinity), api, () => this.#wait(ms))
  }

  hold<A extends ApiName>(api: A, scope: FaultScope<A> & { readonly timeoutMs?: number | undefined } = {}): Gate<A> {
    expectApi(api)
    expectOptions('hold', scope, [...scopeOptions, 'timeoutMs'])
    const { timeoutMs = HoldingGate.timeoutMsDefault, ...rest } = scope
    expectMs('timeoutMs', timeoutMs)
    const fault = this.#new(`hold('${api}')`, rest, Infinity)
    const gate = new HoldingGate(fault, this.#clock, timeoutMs)
    this.#on(fault, api, (request, context) => gate.hold({ request, ...context }))
    this.#gates.add(gate)
    return gate
  }

  readonly #gates = new Set<HoldingGate>()

  intercept<A extends ApiName>(
    api: A,
    decide: (request: RequestOf<A>, context: FaultContext) => FaultDecision | Promise<FaultDecision>,
    scope: FaultScope<A> = {},
  ): Fault {
    expectApi(api)
    expectFunction('intercept', decide)
    expectOptions('intercept', scope, scopeOptions)
    const fault = this.#new(`intercept('${api}')`, scope, Infinity)
    return this.#on(fault, api, (request, context) => decide(request as RequestOf<A>, context))
  }

  /** Kafka answers a throttled client at once, tells it how long to be silent, and is deaf to it for that long (KIP-219). */
  throttle(name: string, ms: number, scope: FaultScope = {}): Fault {
    expectName('client or group', name)
    expectWhole('the throttle time in milliseconds', ms, { min: 1 })
    expectOptions('throttle', scope, ['times', 'where', 'node'])
    const isMeant = (request: never, context: FaultContext): boolean =>
      context.clientId === name || new SetFault(this.#core, '', { group: name }, Infinity).takes(request, context)
    const where = (request: never, context: FaultContext): boolean =>
      isMeant(request, context) && (scope.where === undefined || scope.where(request, context))
    const fault = this.#new(`throttle('${name}')`, { ...scope, where }, Infinity)
    const mutedUntilMs = new Map<string, number>()
    for (const api of apiNames.filter((each) => !neverThrottled.includes(each))) {
      this.#on(fault, api, async (_request, { clientId, nodeId }) => {
        const client = `${clientId} ${nodeId}`
        const leftMs = (mutedUntilMs.get(client) ?? 0) - this.#clock.monotonicMs()
        if (leftMs > 0) await this.#wait(leftMs)
        return (answer: object) => {
          mutedUntilMs.set(client, this.#clock.monotonicMs() + ms)
          return { ...answer, throttleTimeMs: ms }
        }
      })
    }
    return fault
  }

  fetchLimit(options: FetchLimit): Fault {
    expectOptions('fetchLimit', options, ['bytes', ...scopeOptions])
    const { bytes, ...scope } = options
    expectWhole('bytes', bytes, { min: 1 })
    const fault = this.#new('fetchLimit()', scope, Infinity)
    return this.#on(fault, 'Fetch', (request) => {
      const fetch = request as RequestOf<'Fetch'>
      fetch.maxBytes = Math.min(fetch.maxBytes, bytes)
      return undefined
    })
  }

  /** Faults that never took effect, as they were written and where. */
  get unused(): readonly string[] {
    return this.#set.filter(({ calls }) => calls === 0).map(({ label, setAt }) => `${label}, set at ${setAt}`)
  }

  /** Faults that are still there, for a dump. */
  get standing(): readonly string[] {
    return this.#set.map(({ label, calls }) => `${label}: ${calls} ${calls === 1 ? 'request' : 'requests'}`)
  }

  /** What a function of the test threw inside the broker, where nobody but a client could have noticed. */
  get thrown(): BrokerError | undefined {
    const [first] = this.#thrown
    if (first === undefined) return undefined
    return new BrokerError('FAULT_THREW', `${first.fault.label} threw an error: ${String(first.error)}`, {
      remedy: `The request was cut off. Mend the function that was set at ${first.fault.setAt}.`,
      cause: first.error,
    })
  }

  /** Nothing is held any more, and nobody waits for a request that cannot come. */
  stop(): void {
    for (const gate of this.#gates) gate.stop()
  }

  #new(label: string, scope: FaultScope<never>, timesDefault: number): SetFault {
    const fault = new SetFault(this.#core, label, scope as FaultScope, timesDefault)
    this.#set.push(fault)
    return fault
  }

  #on<A extends ApiName>(
    fault: SetFault,
    api: A,
    decide: (request: object, context: FaultContext) => FaultDecision | Promise<FaultDecision>,
  ): SetFault {
    const remove = this.#core.intercept(api, async (request, context) => {
      try {
        return fault.takes(request, context) ? checkedDecision(await decide(request, context)) : undefined
      } catch (error) {
        this.#thrown.push({ fault, error })
        throw error
      }
    })
    fault.onRemove(remove)
    return fault
  }

  #wait(ms: number): Promise<undefined> {
    return new Promise((resolve) => void this.#clock.setTimer(ms, () => resolve(undefined)))
  }
}

type AnyFailOptions = FaultScope<never> & {
  readonly code?: ErrorName | number | undefined
  readonly applied?: boolean | undefined
  readonly drop?: Drop | undefined
}

function checkedFailOptions(api: string, options: object): AnyFailOptions {
  expectOptions('fail', options, ['code', 'applied', 'drop', ...scopeOptions])
  const given = options as AnyFailOptions
  if ((given.code === undefined) === (given.drop === undefined)) {
    refuseArgument(
      `fail('${api}') to be given either a code or a drop`,
      options,
      `Write { code: 'COORDINATOR_NOT_AVAILABLE' } or { drop: 'afterApply' }.`,
    )
  }
  if (given.drop !== undefined) expectOption('drop', given.drop, Object.keys(drops) as Drop[])
  return given
}

const wordsOfDecisions: readonly unknown[] = [undefined, 'close', 'drop', 'applyThenDrop']

function checkedDecision(decision: FaultDecision): FaultDecision {
  const isAnswer = (typeof decision === 'object' && decision !== null) || typeof decision === 'function'
  if (isAnswer || wordsOfDecisions.includes(decision)) return decision
  return refuseArgument(
    'an intercept to return undefined, an answer, a function of the answer, or one of the words',
    decision,
    `The words are 'close', 'drop' and 'applyThenDrop'.`,
  )
}
