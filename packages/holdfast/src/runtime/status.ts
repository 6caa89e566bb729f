/** How a member stands, as the engine reports it: the types that leave through the public API. */
export { type MemberHealth, type PartitionStatus, type SubscriptionStatus } from '../engine/status.ts'
