/** The faults that a history can hold, by name. Counted is what happened to somebody, so a name that is listed here and never
 *  counted is a fault that the world only believes to make. */

import { type NetworkFault, networkFaults } from 'holdfast/testing'
import { type Incident } from './incident-plan.ts'

/** A machine that is cut off from all nodes meets `unreachable` at each of them. */
type IncidentFault = Exclude<Incident['kind'], 'isolated'>

/** A table, so that a new kind of incident that is missing here does not compile. */
const others: Readonly<Record<Exclude<IncidentFault, NetworkFault> | 'crash', true>> = {
  crash: true,
  leaderMoved: true,
  coordinatorMoved: true,
  memberExpired: true,
  controlBatch: true,
  calendarJump: true,
  brokerError: true,
  produceRefused: true,
  produceAmbiguous: true,
  commitRefused: true,
  userPause: true,
}

export const knownFaults: readonly string[] = [...networkFaults, ...Object.keys(others)].toSorted()
