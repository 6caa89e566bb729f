/** What `expectDelivery` rejects with when it found a run that should not be. */

import { HoldfastError } from '../../model/errors.ts'
import type { GuaranteeName } from './guarantees.ts'

export type DeliveryFailure = {
  /** What did not hold: a promise of Holdfast, or the check that was passed. */
  readonly guarantee: GuaranteeName | 'your check'
  /** How it did not hold, one sentence. */
  readonly what: string
  /** `{ seed, runs: 1 }` finds the same failure again. */
  readonly seed: number
  /** The shortest run that fails in this way, event by event; at most 40 lines. */
  readonly story: string
}

export class DeliveryError extends HoldfastError {
  override readonly name = 'DeliveryError'
  readonly guarantee: DeliveryFailure['guarantee']
  readonly seed: number
  readonly story: string

  constructor(failure: DeliveryFailure & { readonly found: string; readonly cause: unknown }) {
    const { guarantee, what, seed, story, found, cause } = failure
    const expected = guarantee === 'your check' ? 'your check to pass' : `'${guarantee}' to hold`
    super(
      'DELIVERY_BROKEN',
      `expected ${expected} in every run, got seed ${seed}: ${what}\n\n${story}\n\n${found}\n` +
        `To see this run again: { seed: ${seed}, runs: 1 }`,
      {
        cause,
        remedy:
          guarantee === 'your check'
            ? 'Make the handler bear what the story shows: it may run again, and what only its memory holds is lost.'
            : 'Look in your handlers for what the story shows; if it is not there, it is a bug of Holdfast.',
      },
    )
    this.guarantee = guarantee
    this.seed = seed
    this.story = story
  }
}
