/** The answers of a group coordinator that the engine acts on, by the names of the protocol. */
export const groupCodes = {
  unknownTopicOrPartition: 3,
  offsetMetadataTooLarge: 12,
  coordinatorLoading: 14,
  coordinatorNotAvailable: 15,
  notCoordinator: 16,
  illegalGeneration: 22,
  inconsistentGroupProtocol: 23,
  invalidGroupId: 24,
  unknownMemberId: 25,
  invalidSessionTimeout: 26,
  rebalanceInProgress: 27,
  topicAuthorizationFailed: 29,
  groupAuthorizationFailed: 30,
  groupIdNotFound: 69,
  memberIdRequired: 79,
  fencedInstanceId: 82,
} as const

/** The coordinator moved, is loading or is not there yet: find it again. */
export function isCoordinatorElsewhere(code: number): boolean {
  return (
    code === groupCodes.coordinatorLoading ||
    code === groupCodes.coordinatorNotAvailable ||
    code === groupCodes.notCoordinator
  )
}

/** The group does not know us, or does not exist any more (Kafka 4 answers a commit to a missing group with 69): we are a
 *  new member to it. */
export function isUnknownMember(code: number): boolean {
  return code === groupCodes.unknownMemberId || code === groupCodes.groupIdNotFound
}
