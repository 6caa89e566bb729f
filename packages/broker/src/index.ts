/** `@holdfast/broker`: an in-memory Kafka for tests and demos that speaks the real wire protocol. */

/** The cluster over TCP. */
export { EmbeddedKafka, type PlacedRecord } from './embedded-kafka.ts'
export { EmbeddedNode } from './embedded-node.ts'
export type { EmbeddedKafkaOptions, UnusedFaults } from './embedded-options.ts'
/** What it throws at whoever uses it wrongly, or waits in vain. */
export { BrokerError, type BrokerErrorCode } from './broker-error.ts'
/** The cluster without sockets, for calls in the same process. */
export { BrokerCore, type BrokerCoreOptions } from './core/broker-core.ts'
/** A connection to a core, and how its calls fail when it ends. */
export { ConnectionClosed, CoreConnection } from './core/connection.ts'
/** Time and chance, to be replaced by a simulation. */
export { type BrokerClock, type BrokerTimer, systemBrokerClock } from './core/clock.ts'
export { VirtualClock } from './testing/virtual-clock.ts'
/** Topics and nodes. */
export type { BrokerNode, TopicSpec } from './core/cluster.ts'
/** Where the cluster listens and how it speaks TLS. */
export type { AddressOptions } from './server/address.ts'
export type { TlsOptions } from './server/listener.ts'
/** How clients sign in. */
export type { MechanismName } from './security/exchange.ts'
export type { SaslOptions } from './security/sasl-settings.ts'
/** What tests see. */
export type { BrokerEvent, HistoryChange, HistoryEntry } from './core/events.ts'
export type { GroupView, MemberView } from './core/group-view.ts'
export { type HistoryFilter, HistoryView } from './watching/history-view.ts'
export type { WaitOptions } from './watching/waits.ts'
export type { TransactionView } from './core/transaction-view.ts'
export type { ConsumerGroupSettings } from './groups/consumer-settings.ts'
export type { CommittedPartition } from './groups/offsets.ts'
export type { NewRecord, RecordHeader, StoredRecord } from './log/records.ts'
/** Faults, and the primitive that they are made of. */
export type { Chaos, ChaosHit, ChaosKind, ChaosOptions } from './faults/chaos.ts'
export type { ErrorName } from './faults/error-names.ts'
export type { Fault, FaultScope } from './faults/fault.ts'
export type { Drop, FailOptions, FetchLimit } from './faults/faults.ts'
export type { Gate, HeldRequest } from './faults/gate.ts'
export type { AnswerChange, FaultContext, FaultDecision } from './faults/intercepts.ts'
/** The APIs that are served, and the types of their messages. */
export type { ApiName, DecodedResponse, GivenRequest, RequestOf } from './protocol/apis.ts'
