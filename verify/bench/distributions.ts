/** Decides what random work looks like: how long it takes, whose key it has, when it arrives. Everything is drawn from a
 *  seed, so that all subjects of a comparison get the same work, and gets the same again tomorrow. */
import { type SeededRandom } from 'holdfast/testing'

type Chance = Pick<SeededRandom, 'fraction'>

/** Never 0, of which there is no logarithm. */
function above0(chance: Chance): number {
  return 1 - chance.fraction()
}

/** For times between arrivals that know nothing of each other. */
export function exponential(mean: number, chance: Chance): number {
  return -mean * Math.log(above0(chance))
}

/** By the method of Box and Muller. */
function normal(chance: Chance): number {
  return Math.sqrt(-2 * Math.log(above0(chance))) * Math.cos(2 * Math.PI * chance.fraction())
}

/** With this mean; `sigma` is that of the logarithm. */
export function lognormal(mean: number, sigma: number, chance: Chance): number {
  return Math.exp(Math.log(mean) - sigma ** 2 / 2 + sigma * normal(chance))
}

/** Draws 0 … count − 1; rank r has a share ∝ 1 / (r + 1)^exponent, so 0 is the most frequent one. */
export function zipf(count: number, exponent: number): (chance: Chance) => number {
  const cumulative = new Float64Array(count)
  let total = 0
  for (let rank = 0; rank < count; rank++) {
    total += 1 / (rank + 1) ** exponent
    cumulative[rank] = total
  }
  return (chance) => {
    const wanted = chance.fraction() * total
    let low = 0
    let high = count - 1
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((cumulative[middle] as number) > wanted) high = middle
      else low = middle + 1
    }
    return low
  }
}
