/** What some answers of a group coordinator have in common. */
import { kafkaErrors } from '../model/kafka-errors.ts'

/** The coordinator moved, is loading or is not there yet: find it again. */
export function isCoordinatorElsewhere(code: number): boolean {
  return (
    code === kafkaErrors.COORDINATOR_LOAD_IN_PROGRESS ||
    code === kafkaErrors.COORDINATOR_NOT_AVAILABLE ||
    code === kafkaErrors.NOT_COORDINATOR
  )
}

/** The group does not know us, or does not exist any more (Kafka 4 answers a commit to a missing group with
 *  GROUP_ID_NOT_FOUND): we are a new member to it. */
export function isUnknownMember(code: number): boolean {
  return code === kafkaErrors.UNKNOWN_MEMBER_ID || code === kafkaErrors.GROUP_ID_NOT_FOUND
}
