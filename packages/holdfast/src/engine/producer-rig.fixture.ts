/** For tests: a producer's flow whose effects are noted and whose answers the test writes, on a clock that it moves. */
import type { ProducerBatch, ProducerEffects, SendFailure } from './producer-events.ts'
import { ProducerFlow } from './producer-flow.ts'

type Sent = { readonly name: string; readonly sizeInBytes: number; readonly deadlineMs: number }
type Batch = ProducerBatch<Sent>
type Leaders = Record<number, number | undefined>

export const rules = { lingerMs: 5, batchBytesMax: 100, backoff: { firstMs: 100, maxMs: 1_000 } }
export const first = { producerId: 1, producerEpoch: 0 }
export const second = { producerId: 2, producerEpoch: 0 }

/** A flow whose effects are noted and whose answers the test writes. Partition p is led by node 1 unless told otherwise. */
export function setUp(leaders: Leaders = {}) {
  let nowMs = 0
  let wakesAtMs = Infinity
  const requests: { nodeId: number; batches: readonly Batch[] }[] = []
  const stored: [name: string, offset: number][] = []
  const failed: (Pick<SendFailure, 'ambiguous' | 'reason'> & { names: string[] })[] = []
  const resent: string[] = []
  let identityRequests = 0
  let refreshes = 0
  let discarded = 0
  const effects: ProducerEffects<Sent> = {
    send: (nodeId, batches) => requests.push({ nodeId, batches }),
    requestIdentity: () => identityRequests++,
    refreshMetadata: () => refreshes++,
    acknowledge: (batch, offset) =>
      stored.push(...batch.records.map(({ name }, at) => [name, offset + at] as [string, number])),
    reject: (records, { ambiguous, reason }) =>
      failed.push({ names: records.map(({ name }) => name), ambiguous, reason }),
    discard: () => discarded++,
    willResend: (_batch, reason) => resent.push(reason),
    wakeAt: (atMs) => (wakesAtMs = Math.min(wakesAtMs, atMs)),
  }
  const flow = new ProducerFlow<Sent>(rules, {
    leaderOf: (_topic, partition) => (partition in leaders ? leaders[partition] : 1),
    random: () => 1,
  })
  const step = (event: Parameters<typeof flow.step>[0]): void => flow.step(event, effects)
  const result = (batch: Batch, errorCode: number, baseOffset: number) => ({
    batch,
    errorCode,
    baseOffset,
    logAppendTimeMs: -1,
    errorMessage: null,
  })
  return {
    leaders,
    requests,
    stored,
    failed,
    resent,
    step,
    counts: () => ({ identityRequests, refreshes, discarded }),
    /** Adds records named like `a b c` to partition `partition`. */
    add(names: string, partition = 0, sizeInBytes = 10): void {
      for (const name of names.split(' ')) {
        const record = { name, sizeInBytes, deadlineMs: nowMs + 30_000 }
        step({ kind: 'added', topic: 'orders', partition, record, nowMs })
      }
    },
    identify: (identity = first): void => step({ kind: 'identified', identity, nowMs }),
    /** Goes to `atMs` as a runtime would: waking when asked to. */
    go(atMs: number): void {
      while (wakesAtMs <= atMs) {
        nowMs = Math.max(nowMs, wakesAtMs)
        wakesAtMs = Infinity
        step({ kind: 'ticked', nowMs })
      }
      nowMs = atMs
    },
    /** Answers every batch of the oldest open request. */
    answer(errorCode = 0, baseOffset = errorCode === 0 ? 0 : -1): void {
      const batches = requests.shift()?.batches ?? []
      step({ kind: 'answered', results: batches.map((batch) => result(batch, errorCode, baseOffset)), nowMs })
    },
    lose(mayBeStored = true): void {
      const batches = requests.shift()?.batches ?? []
      step({ kind: 'unanswered', batches, reason: 'lost', mayBeStored, nowMs })
    },
    /** What is on the wire, as `names@producer:sequence`. */
    onTheWire: () =>
      requests.map(({ batches }) =>
        batches
          .map(
            ({ records, stamp }) =>
              `${records.map(({ name }) => name).join('')}@${stamp?.producerId}:${stamp?.baseSequence}`,
          )
          .join(' '),
      ),
  }
}

/** As above, with a producer id and `names` on the wire. */
export function sending(names: string) {
  const world = setUp()
  world.identify()
  world.add(names)
  world.go(5)
  return world
}
