/** A mistake that is planted into a copy of the sources to see whether the simulation notices it. */

import { type PlantedDefect } from '../planted/defects.ts'

export type SimulatedDefect = PlantedDefect & {
  /** Where such a mistake was made: a place in the list of known bugs. `verify/planted/simulation/README.md` says what the
   *  names stand for. */
  readonly from: string
}
