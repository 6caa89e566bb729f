/** The faults that a history can hold, by name. Counted is what happened to somebody, so a name that is listed here and never
 *  counted is a fault that the world only believes to make. */

import { type NetworkFault, networkFaults } from 'holdfast/testing'
import { type Incident } from './incident-plan.ts'

/** A table, so that a new kind of incident that is missing here does not compile. */
const others: Readonly<Record<Exclude<Incident['kind'], NetworkFault> | 'crash', true>> = {
  crash: true,
  leaderMoved: true,
  coordinatorMoved: true,
  memberExpired: true,
  controlBatch: true,
  calendarJump: true,
  frozen: true,
  topicMissing: true,
  outage: true,
  groupError: true,
  offsetsError: true,
  readError: true,
  lookupError: true,
  slowAnswers: true,
  throttled: true,
  produceRefused: true,
  produceAmbiguous: true,
  commitRefused: true,
  userPause: true,
}

export const knownFaults: readonly string[] = [...networkFaults, ...Object.keys(others)].toSorted()
