/** What a row of the contract is: one behaviour of a Kafka broker, told in words for the table and as code for the proof.
 *
 *  A row runs unchanged on the embedded broker and on real Kafka. Where the two differ, the broker is wrong or the row is.
 *  The clusters that rows run on are made by `ground.ts`; which rows there are is `rows/index.ts`. */

import { type EmbeddedKafka } from '../../packages/broker/src/index.ts'
import { type ApiName, type DecodedResponse, type GivenRequest } from '../../packages/broker/src/protocol/apis.ts'

export type Row = {
  /** `api/condition`, in kebab case; no two rows have the same. */
  readonly id: string
  readonly api: ApiName
  /** The condition, in words. */
  readonly when: string
  /** The expected code (number and NAME) or effect, in words. */
  readonly expect: string
  /** The rule of Kafka that it mirrors: a KIP, a section of the protocol guide, or `seen on 4.3.1`. */
  readonly rule: string
  readonly priority: 'P0' | 'P1'
  /** Set if one node is not enough. */
  readonly nodes?: 3
  /** For what cannot be provoked on Kafka from outside. */
  readonly only?: { readonly on: 'embedded'; readonly reason: string }
  /** Throws when the behaviour differs. */
  run(ground: Ground): Promise<void>
}

/** A running cluster as one row sees it. */
export type Ground = {
  readonly kind: 'embedded' | 'kafka'
  /** `host:port`, split by commas. */
  readonly bootstrap: string
  /** Only where `kind` is `embedded`. */
  readonly kafka?: EmbeddedKafka
  /** A name for a topic, group or transactional id that nobody else uses. */
  name(prefix: string): string
  /** Creates a topic; resolves when every node knows its leaders and they serve it. @default 1 partition */
  topic(partitions?: number, configs?: Readonly<Record<string, string>>): Promise<string>
  /** A new connection to a node; closed after the row. @default any node */
  node(nodeId?: number): Promise<Wire>
  /** A new connection to the leader of a partition. @default partition 0 */
  leader(topic: string, partition?: number): Promise<Wire>
  /** A new connection to the coordinator of a group or a transactional id, once it has loaded. @default 'group' */
  coordinator(key: string, type?: 'group' | 'transaction'): Promise<Wire>
  /** Asks again until the answer is yes, for effects that Kafka shows later than it answers. Rejects after about 20 s. */
  until(look: () => Promise<boolean>, what: string): Promise<void>
}

/** One connection to one node. Requests may be sent ahead; answers come in the order of the requests. */
export type Wire = {
  readonly nodeId: number
  /** Resolves when the connection has ended, whoever ended it. */
  readonly closed: Promise<void>
  /** Rejects if the connection ends before the answer, or if the answer is not laid out as the version promises.
   *  `Produce` with `acks: 0` has no answer: resolves with an empty one when the request was written. */
  call<A extends ApiName>(api: A, version: number, request: GivenRequest<A>): Promise<DecodedResponse<A>>
  /** Sends these bytes as they are, the length in front included (`frameOf` makes legal ones), and resolves with what
   *  follows the correlation id of the next answer. Rejects if the connection ends first. */
  raw(bytes: Buffer): Promise<Buffer>
  close(): void
}
