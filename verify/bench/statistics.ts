/** Decides what a number of rounds comes to: medians, because a single disturbed round must not move a figure, and ratios
 *  taken within a round, because what disturbs a round disturbs all that is compared in it. */

/** The middle value, or the mean of the two in the middle. Throws without values: a figure that nobody measured is none. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

/** Between two values it is interpolated. `share` is from 0 (the lowest) to 1 (the highest). */
export function quantile(values: readonly number[], share: number): number {
  if (!(share >= 0 && share <= 1)) throw new RangeError(`expected a share from 0 to 1, got ${share}`)
  const ascending = Float64Array.from(values).sort()
  const place = (ascending.length - 1) * share
  const below = ascending[Math.floor(place)]
  const above = ascending[Math.ceil(place)]
  if (below === undefined || above === undefined) throw new RangeError('expected at least one value, got none')
  return below + (above - below) * (place - Math.floor(place))
}

export function mean(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError('expected at least one value, got none')
  return sum(values) / values.length
}

export function sum(values: Iterable<number>): number {
  let total = 0
  for (const value of values) total += value
  return total
}

/** The median of each figure over its rounds; every round must have them all. */
export function medians<K extends string>(rounds: readonly Readonly<Record<K, number>>[]): Record<K, number> {
  const [first] = rounds
  if (first === undefined) throw new RangeError('expected at least one round, got none')
  const names = Object.keys(first) as K[]
  return Object.fromEntries(names.map((name) => [name, median(rounds.map((round) => round[name]))])) as Record<
    K,
    number
  >
}

/** How two rows of rounds compare: each round's ratio, then the median of these, and the lowest and highest. */
export function pairedRatio(
  ours: readonly number[],
  theirs: readonly number[],
): { readonly ratio: number; readonly low: number; readonly high: number } {
  if (ours.length !== theirs.length)
    throw new RangeError(`expected ${ours.length} rounds of both, got ${theirs.length}`)
  const ratios = ours.map((value, round) => value / (theirs[round] as number))
  return { ratio: median(ratios), low: Math.min(...ratios), high: Math.max(...ratios) }
}

/** The order of a round: each other one runs backwards, so that nobody always comes after the same neighbour. */
export function orderOfRound<S>(subjects: readonly S[], round: number): S[] {
  return round % 2 === 0 ? [...subjects] : subjects.toReversed()
}

/** To so many significant digits: more of them would claim what no measurement here can know. */
export function rounded(value: number, digits = 4): number {
  return Number.isFinite(value) ? Number(value.toPrecision(digits)) : value
}
