/** Makes what failed smaller for as long as the smaller one fails too. It knows neither what it shrinks nor why it
 *  fails; the order in which simpler ones are offered decides how soon it ends. */

export type Shrunk<P, R> = { readonly plan: P; readonly result: R; readonly tried: number }

export type ShrinkOptions<P, R> = {
  /** Ways to make a plan simpler, the boldest first; each gives simpler plans, the boldest first. What the result of
   *  a plan was may say what is worth leaving out. */
  readonly passes: readonly ((plan: P, result: R) => Iterable<P>)[]
  /** Tries one; null if it does not fail in the same way. */
  readonly fails: (plan: P) => Promise<R | null>
  /** Most attempts. */
  readonly triesMax: number
}

/** Goes one way for as long as it makes the failure smaller, then the next; ends when none does any more, or when
 *  the tries are used up. */
export async function shrink<P, R>(plan: P, result: R, options: ShrinkOptions<P, R>): Promise<Shrunk<P, R>> {
  const { passes, fails, triesMax } = options
  let smallest = { plan, result }
  let tried = 0
  const step = async (pass: (plan: P, result: R) => Iterable<P>): Promise<boolean> => {
    for (const candidate of pass(smallest.plan, smallest.result)) {
      if (tried === triesMax) return false
      tried += 1
      // Each is offered because the one before it did not fail.
      const found = await fails(candidate)
      if (found === null) continue
      smallest = { plan: candidate, result: found }
      return true
    }
    return false
  }
  for (let hasShrunk = true; hasShrunk;) {
    hasShrunk = false
    for (const pass of passes) {
      while (await step(pass)) hasShrunk = true
    }
  }
  return { ...smallest, tried }
}

/** A list without some of its entries: the halves first, then ever smaller pieces, at last one by one. */
export function* withoutSome<T>(list: readonly T[]): Generator<readonly T[]> {
  for (let size = Math.ceil(list.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let from = 0; from < list.length; from += size) {
      if (size < list.length) yield [...list.slice(0, from), ...list.slice(from + size)]
    }
  }
}
