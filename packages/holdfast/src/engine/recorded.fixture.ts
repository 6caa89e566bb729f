/** A sink that collects what a flow asked for, in the words of the engine, so that a test can read it. */
import type { MemberEffects } from './effects.ts'

export type RecordedEffect<R> = {
  [V in keyof MemberEffects<R>]: { readonly verb: V; readonly given: Parameters<MemberEffects<R>[V]> }
}[keyof MemberEffects<R>]

type Verb = keyof MemberEffects<unknown>

const verbs: readonly Verb[] = [
  'start',
  'abort',
  'timedOut',
  'zombie',
  'attemptFailed',
  'ended',
  'handOff',
  'blocked',
  'join',
  'sync',
  'heartbeat',
  'leave',
  'forgetCoordinator',
  'fail',
  'resolvePositions',
  'fetch',
  'commit',
  'relocate',
  'refreshMetadata',
  'drained',
  'finished',
  'emit',
]

/** `effects` goes into a step; `take` gives what came out since the last call and forgets it. */
export class Recorded<R> {
  readonly effects: MemberEffects<R>
  #recorded: RecordedEffect<R>[] = []

  constructor() {
    const noting = (verb: Verb) => [verb, (...given: unknown[]) => this.#recorded.push({ verb, given } as never)]
    this.effects = Object.fromEntries(verbs.map(noting)) as MemberEffects<R>
  }

  take(): readonly RecordedEffect<R>[] {
    const recorded = this.#recorded
    this.#recorded = []
    return recorded
  }
}
