/** The state that API handlers work on, and the context in which one request is handled. One event loop owns it all. */

import type { ApiName, RequestOf, ResponseOf } from '../protocol/apis.ts'
import type { GroupCoordinator } from '../groups/group-coordinator.ts'
import type { SaslSettings } from '../security/sasl-settings.ts'
import type { TransactionCoordinator } from '../transactions/transaction-coordinator.ts'
import type { BrokerClock } from './clock.ts'
import type { Cluster } from './cluster.ts'
import type { CoreConnection } from './connection.ts'
import type { BrokerEvent } from './events.ts'
import type { FetchSessions } from './fetch-sessions.ts'

export type BrokerSettings = {
  readonly autoCreateTopics: boolean
  readonly rebalanceDelayMs: number
  /** Without it every connection may send everything. */
  readonly sasl: SaslSettings | undefined
  readonly topicBytesMax: number
  readonly frameBytesMax: number
}

export type BrokerState = {
  readonly clock: BrokerClock
  readonly settings: BrokerSettings
  readonly cluster: Cluster
  readonly groups: GroupCoordinator
  readonly transactions: TransactionCoordinator
  readonly sessionsOf: (nodeId: number) => FetchSessions
  readonly nextProducerId: () => number
  readonly emit: (event: BrokerEvent) => void
  /** For what an operator of the broker must see; never silent, never thrown. */
  readonly warn: (message: string) => void
}

export type HandlerContext = {
  readonly broker: BrokerState
  readonly nodeId: number
  readonly version: number
  readonly connection: CoreConnection
}

/** A handler answers at once or later. It throws only for a bug: refusals are codes in the answer. */
export type Handler<A extends ApiName> = (
  request: RequestOf<A>,
  context: HandlerContext,
) => ResponseOf<A> | Promise<ResponseOf<A>>
