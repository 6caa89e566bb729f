/** What the user's code gets to build one app with. */

import type { TestKafka } from '../../index.ts'
import type { Duration } from '../../model/duration.ts'

export type DeliveryStage<D> = {
  /** For `createHoldfast({ kafka })`. */
  readonly kafka: TestKafka
  /** What `downstream` of the options made: the same for all machines of a run. */
  readonly downstream: D
  /** `a` is the first machine; each that takes the place of a crashed one, or joins for a while, has the next
   *  letter. */
  readonly machine: string
  /** Different for each machine of each run. A module that is imported with it has variables of its own, as in a new
   *  process: ``await import(/* @vite-ignore *\/ `./billing.ts?${life}`)``. Modules that it imports in turn are
   *  shared. */
  readonly life: string
  /** Makes a call one that can fail: it takes up to 200 ms, rejects with a `DownstreamError` before or after it took
   *  effect, or hangs, as `faults` say. Never in the last attempt of a record and never outside of handlers. `name`
   *  is for the story.
   *  @default the name of the function, else 'downstream' */
  faulty<A extends readonly unknown[], R>(
    call: (...args: A) => R | Promise<R>,
    name?: string,
  ): (...args: A) => Promise<R>
  /** Resolves when so much virtual time has passed; never if the machine crashes before. */
  pass(duration: Duration): Promise<void>
}
