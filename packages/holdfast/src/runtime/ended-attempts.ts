/** Takes ended attempts to the engine: all that there are, then all that their ends let start and that ended at once, and so
 *  on. Handlers that end at once lead from microtask to microtask, and no socket, timer or heartbeat has its turn between
 *  them; so after some milliseconds without a turn for others it waits for one. */
import type { MemberEffects } from '../engine/effects.ts'
import type { MemberFlow } from '../engine/member-flow.ts'
import type { KafkaRecord } from '../model/record.ts'
import type { Attempts, OnEnded } from './attempts.ts'
import type { Clock } from './clock.ts'

export type EndedAttemptsParts = {
  readonly clock: Clock
  readonly flow: Pick<MemberFlow<KafkaRecord>, 'attemptEnded' | 'settle'>
  readonly attempts: Attempts
  readonly effects: MemberEffects<KafkaRecord>
  /** Does what the engine asked for. */
  readonly perform: () => void
}

/** After this long in one turn of the event loop others have theirs: a heartbeat must not wait for handlers. */
const turnMsMax = 10

export class EndedAttempts {
  readonly #parts: EndedAttemptsParts
  /** When this turn of the event loop began, as far as we know; null when nothing ended in it yet. */
  #turnStartedMs: number | null = null
  #nowMs = 0
  #isYielding = false
  #isClosed = false

  constructor(parts: EndedAttemptsParts) {
    this.#parts = parts
  }

  /** Nothing is taken any more. */
  close(): void {
    this.#isClosed = true
  }

  /** Call it in a microtask of its own, when attempts have ended. */
  readonly take = (): void => {
    // What ended inside of a call asks for another one, and is taken by the time that it comes.
    if (this.#isClosed || this.#isYielding || !this.#parts.attempts.hasEnded) return
    const { clock, flow, attempts, effects, perform } = this.#parts
    this.#nowMs = clock.monotonicMs()
    this.#turnStartedMs ??= this.#turnBegins()
    while (attempts.hasEnded) {
      if (this.#nowMs - this.#turnStartedMs > turnMsMax) return this.#yield()
      attempts.takeEnded(this.#onEnded)
      flow.settle(this.#nowMs, effects)
      perform()
      // What ended meanwhile ended at once; the clock is looked at again only for it.
      if (attempts.hasEnded) this.#nowMs = clock.monotonicMs()
    }
  }

  readonly #onEnded: OnEnded = (entry, result, error) => {
    const { flow, effects } = this.#parts
    flow.attemptEnded(entry, result, error, this.#nowMs, effects)
  }

  #turnBegins(): number {
    this.#parts.clock.setTimer(0, () => {
      this.#turnStartedMs = null
    })
    return this.#nowMs
  }

  /** The timer of the turn was set before this one, so the next turn begins anew. */
  #yield(): void {
    this.#isYielding = true
    this.#parts.clock.setTimer(0, () => {
      this.#isYielding = false
      this.take()
    })
  }
}
