/** What a running app stands on: a port, its clock and where to begin. They travel together, because a port whose broker
 *  lives on virtual time is useless with a clock that does not (R33). */
import type { BatchCodec } from '../kafka/record-batch.ts'
import type { KafkaPort, NodeAddress } from '../kafka/port.ts'
import type { SubscriptionSettings } from '../model/settings.ts'
import type { RecordHandler } from './attempts.ts'
import type { Clock } from './clock.ts'

export type Environment = {
  readonly clock: Clock
  readonly bootstrap: readonly NodeAddress[]
  /** Opens a port of its own for each member and producer; connects to nothing yet. */
  openPort(options: { readonly clientId: string; readonly onWarning: (reason: string) => void }): Promise<OpenPort>
  /** Of a test that looks on: gives what records of the topic are handed to instead of their handler, which it calls.
   *  Asked once for each topic when an app starts, delay topics included. */
  watch?(watched: WatchedTopic): RecordHandler
}

/** A topic that a group reads, and what its records would be handed to. */
export type WatchedTopic = {
  readonly group: string
  readonly topic: string
  /** Of its `consume` call. */
  readonly settings: SubscriptionSettings
  readonly handle: RecordHandler
}

export type OpenPort = KafkaPort & { readonly codec: BatchCodec }
