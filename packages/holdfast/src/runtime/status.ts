/** How a member stands, as the engine reports it: the types that leave through the public API. */
export type { MemberHealth, PartitionStatus, SubscriptionStatus } from '../engine/status.ts'
