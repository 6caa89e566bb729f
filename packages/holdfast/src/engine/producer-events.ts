/** What the producer's flow is told and what it asks for: the whole surface between `producer-flow.ts` and the runtime. */
import type { Backoff } from './backoff.ts'
import type { FlowRecord, Identity, ProducerBatch } from './producer-lane.ts'

export type { FlowRecord, Identity, ProducerBatch } from './producer-lane.ts'

export type ProducerRules = {
  readonly lingerMs: number
  readonly batchBytesMax: number
  readonly backoff: Backoff
}

export type ProducerEvent<R extends FlowRecord> =
  | {
      readonly kind: 'added'
      readonly topic: string
      readonly partition: number
      readonly record: R
      readonly nowMs: number
    }
  /** Time went on, at least to what `wakeAt` asked for. */
  | { readonly kind: 'ticked'; readonly nowMs: number }
  /** A request came back with an answer for each of these batches. */
  | { readonly kind: 'answered'; readonly results: readonly BatchResult<R>[]; readonly nowMs: number }
  /** A request ended without an answer. */
  | {
      readonly kind: 'unanswered'
      readonly batches: readonly ProducerBatch<R>[]
      readonly reason: string
      /** False only if the broker certainly never saw the request. */
      readonly mayBeStored: boolean
      readonly nowMs: number
    }
  | { readonly kind: 'identified'; readonly identity: Identity; readonly nowMs: number }
  /** No producer id can be had, and asking again will not help. */
  | { readonly kind: 'unidentified'; readonly reason: string; readonly remedy: string; readonly nowMs: number }
  | { readonly kind: 'leadersChanged'; readonly nowMs: number }
  /** Everything added so far leaves without lingering. */
  | { readonly kind: 'flushed'; readonly nowMs: number }
  | { readonly kind: 'closed'; readonly reason: string }

export type BatchResult<R extends FlowRecord> = {
  readonly batch: ProducerBatch<R>
  readonly errorCode: number
  /** −1 with error 46: stored, but where is not told. */
  readonly baseOffset: number
  readonly logAppendTimeMs: number
  readonly errorMessage: string | null
}

export type SendFailure = {
  readonly topic: string
  readonly partition: number
  readonly reason: string
  /** What to do about it, if anything can be done. */
  readonly remedy: string | undefined
  /** The records may be stored all the same. */
  readonly ambiguous: boolean
  /** The same records may be accepted later without anybody changing anything. */
  readonly retriable: boolean
  /** The record is larger than its topic takes: a smaller one may be stored. */
  readonly isTooLarge: boolean
}

/** An implementation may only note what it is told or start what ends later: calling back into the flow from here is an
 *  error. */
export type ProducerEffects<R extends FlowRecord> = {
  /** One Produce request. A batch without bytes yet is encoded under its stamp, once; the bytes stay until it is settled.
   *  Ends in exactly one `answered` or `unanswered`. */
  send(nodeId: number, batches: readonly ProducerBatch<R>[]): void
  /** Ends in exactly one `identified` or `unidentified`. */
  requestIdentity(): void
  refreshMetadata(reason: string): void
  acknowledge(batch: ProducerBatch<R>, baseOffset: number, logAppendTimeMs: number): void
  reject(records: readonly R[], failure: SendFailure): void
  /** The batch no longer exists; its bytes may go. Comes after `acknowledge` or `reject`. */
  discard(batch: ProducerBatch<R>): void
  willResend(batch: ProducerBatch<R>, reason: string): void
  /** A `ticked` is wanted then, or earlier. Each call may only bring it forward. */
  wakeAt(atMs: number): void
}

export type ProducerGiven = {
  /** The metadata as it is now: the flow keeps no copy. */
  readonly leaderOf: (topic: string, partition: number) => number | undefined
  readonly random: () => number
}
