/** What a running app stands on: a port, its clock and where to begin. They travel together, because a port whose broker
 *  lives on virtual time is useless with a clock that does not (R33). */
import type { BatchCodec } from '../kafka/record-batch.ts'
import type { KafkaPort, NodeAddress } from '../kafka/port.ts'
import type { Clock } from './clock.ts'

export type Environment = {
  readonly clock: Clock
  readonly bootstrap: readonly NodeAddress[]
  /** Opens a port of its own for each member and producer; connects to nothing yet. */
  openPort(options: { readonly clientId: string; readonly onWarning: (reason: string) => void }): Promise<OpenPort>
}

export type OpenPort = KafkaPort & { readonly codec: BatchCodec }
