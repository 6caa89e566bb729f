/** Carries events from whoever tells to whoever listens. A listener that throws or rejects is told on once and harms
 *  nobody: neither the consumer that emitted nor the listeners after it. */

import { describeThrown } from '../model/errors.ts'
import type { Emit, HoldfastEventName, HoldfastEvents } from './events.ts'

export type Listener<N extends HoldfastEventName> = (event: HoldfastEvents[N], name: N) => unknown

/** Hears every event; checking `name` tells the compiler what `event` is. */
export type AnyListener = (
  ...heard: { [N in HoldfastEventName]: [event: HoldfastEvents[N], name: N] }[HoldfastEventName]
) => unknown

/** Events are told to all kinds of listeners by one loop, which therefore cannot know their types. */
type Registration = { readonly hear: (event: never, name: never) => unknown; hasFailed: boolean }

const nobody: readonly Registration[] = Object.freeze([])

export class Emitter {
  readonly #byName = new Map<HoldfastEventName, readonly Registration[]>()
  #ofAll: readonly Registration[] = nobody
  readonly #report: (sentence: string) => void

  /** `report` is told, once for each listener, that it failed. */
  constructor(report: (sentence: string) => void = (sentence) => console.error(sentence)) {
    this.#report = report
  }

  /** Returns a function that ends the listening; calling it again does nothing. A listener that is added or taken away
   *  while an event is told hears, or still hears, that event or not: nobody should build on it. */
  on<N extends HoldfastEventName>(name: N, listener: Listener<N>): () => void
  on(name: '*', listener: AnyListener): () => void
  on(name: HoldfastEventName | '*', listener: Registration['hear']): () => void {
    const registration: Registration = { hear: listener, hasFailed: false }
    this.#change(name, (present) => [...present, registration])
    return () => this.#change(name, (present) => present.filter((one) => one !== registration))
  }

  /** Whether building an event is worth it: most events have no listener most of the time. */
  hasListeners(name: HoldfastEventName): boolean {
    return this.#ofAll.length > 0 || this.#byName.has(name)
  }

  /** A field, so that it can be handed on without its emitter. */
  readonly emit: Emit = (name, event) => {
    const listeners = this.#byName.get(name)
    if (listeners !== undefined) this.#tell(listeners, name, event)
    if (this.#ofAll.length > 0) this.#tell(this.#ofAll, name, event)
  }

  #tell(listeners: readonly Registration[], name: HoldfastEventName, event: unknown): void {
    for (const listener of listeners) {
      try {
        const result = listener.hear(event as never, name as never)
        if (result instanceof Promise) result.catch((error: unknown) => this.#blame(listener, name, error))
      } catch (error) {
        this.#blame(listener, name, error)
      }
    }
  }

  #blame(listener: Registration, name: HoldfastEventName, error: unknown): void {
    if (listener.hasFailed) return
    listener.hasFailed = true
    try {
      this.#report(
        `a listener of ${name} failed: ${describeThrown(error)}; it goes on listening, further failures are not told`,
      )
    } catch {
      // Nobody is left to tell.
    }
  }

  #change(name: HoldfastEventName | '*', change: (present: readonly Registration[]) => readonly Registration[]): void {
    if (name === '*') {
      this.#ofAll = change(this.#ofAll)
      return
    }
    const changed = change(this.#byName.get(name) ?? nobody)
    if (changed.length > 0) this.#byName.set(name, changed)
    else this.#byName.delete(name)
  }
}
