/** `holdfast/testing`: a Kafka in the test's own process, on virtual time. Needs `@holdfast/broker` as a dev dependency. */

/** One call and a test has its Kafka. */
export { testKit, type TestKit, type TestKitOptions, type TopicRecord, type WaitOptions } from './test-kit.ts'
/** Time that moves when told. */
export { type RunOptions, VirtualClock, type VirtualClockOptions } from './virtual-clock.ts'
export { type ClockView } from './clock-view.ts'
/** Chance that repeats itself. */
export { SeededRandom } from './seeded-random.ts'
/** The way between client and broker, and what may go wrong on it. */
export {
  type NetworkConditions,
  type NetworkFault,
  networkFaults,
  perfectNetwork,
  SimulatedNetwork,
  type Way,
} from './simulated-network.ts'
/** The parts that a kit is made of, for simulations of several machines. */
export { type ClusterNode, clusterNodes, type InProcessParts, Machine } from './in-process-port.ts'
/** The user's own handlers under faults. */
export { type DeliveryReport, expectDelivery } from './delivery/expect-delivery.ts'
export type { DeliveryOptions, DeliveryOutcome } from './delivery/options.ts'
export type { DeliveryStage } from './delivery/stage.ts'
export { DeliveryError } from './delivery/delivery-error.ts'
export { DownstreamError } from './delivery/downstream.ts'
export { type DeliveryFault, deliveryFaults } from './delivery/plan.ts'
