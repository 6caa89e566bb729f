/** The engine's sink in a running member: it notes what a step asks for, and `perform` does it when the step is over, so
 *  that handlers and listeners never run in the middle of a decision. */
import type { MemberEffects } from '../engine/effects.ts'
import type { Entry } from '../engine/entry.ts'
import { ReadyQueue } from '../engine/ready-queue.ts'
import type { KafkaRecord } from '../model/record.ts'

type Verbs = MemberEffects<KafkaRecord>
type Verb = keyof Verbs

export class EffectQueue {
  /** Pass this to the engine. */
  readonly effects: Verbs
  readonly #performer: Verbs
  /** Starts have a queue of their own: there is one for each record, and they need no closure. */
  readonly #starts = new ReadyQueue<Entry<KafkaRecord>>()
  readonly #rest = new ReadyQueue<() => void>()

  /** `wantsEnded` tells whether anybody listens for the end of single records; it is asked for each of them. */
  constructor(performer: Verbs, wantsEnded: () => boolean) {
    this.#performer = performer
    this.effects = {
      start: (entry) => this.#starts.push(entry),
      ended: (entry, outcome) => {
        if (wantsEnded()) this.#rest.push(() => performer.ended(entry, outcome))
      },
      abort: this.#later('abort'),
      timedOut: this.#later('timedOut'),
      zombie: this.#later('zombie'),
      attemptFailed: this.#later('attemptFailed'),
      handOff: this.#later('handOff'),
      blocked: this.#later('blocked'),
      join: this.#later('join'),
      sync: this.#later('sync'),
      heartbeat: this.#later('heartbeat'),
      leave: this.#later('leave'),
      forgetCoordinator: this.#later('forgetCoordinator'),
      fail: this.#later('fail'),
      resolvePositions: this.#later('resolvePositions'),
      fetch: this.#later('fetch'),
      commit: this.#later('commit'),
      relocate: this.#later('relocate'),
      refreshMetadata: this.#later('refreshMetadata'),
      drained: this.#later('drained'),
      finished: this.#later('finished'),
      emit: this.#later('emit'),
    }
  }

  /** Does everything noted and what that leads to, in order; handlers start last. */
  perform(): void {
    for (;;) {
      const act = this.#rest.shift()
      if (act !== undefined) {
        act()
        continue
      }
      const entry = this.#starts.shift()
      if (entry === undefined) return
      this.#performer.start(entry)
    }
  }

  #later<V extends Verb>(verb: V): Verbs[V] {
    const note = (...given: unknown[]): void => {
      this.#rest.push(() => {
        const act = this.#performer[verb] as (...given: unknown[]) => void
        act.apply(this.#performer, given)
      })
    }
    return note
  }
}
