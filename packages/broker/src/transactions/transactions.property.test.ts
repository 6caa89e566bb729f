/** Random producers that share transactional ids, restart, commit, abort, take too long and repeat themselves, in both
 *  protocols. Whoever reads committed sees what was committed and nothing else, and never has to look back. */

import assert from 'node:assert/strict'

import fc from 'fast-check'
import { expect, test } from 'vitest'

import { BrokerCore } from '../core/broker-core.ts'
import { encodeBatch, readBatchHeader, recordsOf } from '../log/record-batch.ts'
import { VirtualClock } from '../testing/virtual-clock.ts'
import type { ProducerIdentity } from './transaction.ts'

const partitionCount = 2
const timeoutMs = 1_000
const [none, concurrent] = [0, 51]
const allBytes = 10_000_000

type Protocol = 'classic' | 'bumping'
type Step =
  | { readonly kind: 'restart'; readonly producer: number }
  | { readonly kind: 'write'; readonly producer: number; readonly partition: number; readonly isRepeated: boolean }
  | {
      readonly kind: 'end'
      readonly producer: number
      readonly outcome: 'commit' | 'abort'
      readonly isRepeated: boolean
    }
  | { readonly kind: 'plain'; readonly partition: number }
  | { readonly kind: 'wait'; readonly ms: number }

/** Producers 0 and 1 fight for one transactional id; 2 has its own. */
const idOf = (producer: number): string => (producer < 2 ? 'shared' : 'own')

const producer = fc.nat(2)
const partition = fc.nat(partitionCount - 1)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('restart' as const), producer }) },
  {
    weight: 8,
    arbitrary: fc.record({ kind: fc.constant('write' as const), producer, partition, isRepeated: fc.boolean() }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('end' as const),
      producer,
      outcome: fc.constantFrom('commit' as const, 'abort' as const),
      isRepeated: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('plain' as const), partition }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(300, timeoutMs) }) },
)

type Written = { readonly value: string; readonly partition: number }
type ProducerState = {
  identity: ProducerIdentity
  /** By partition: what comes next. */
  sequences: number[]
  /** Accepted in the transaction that the producer believes to be open. */
  open: Written[]
}

class World {
  readonly clock = new VirtualClock()
  readonly core = new BrokerCore({
    brokers: [{ nodeId: 1, host: 'a', port: 1 }],
    clock: this.clock,
    topics: { orders: partitionCount },
  })
  readonly #connection = this.core.connect(1, 'world')
  readonly #protocol: Protocol
  readonly #producers: ProducerState[] = []
  readonly #committed = new Set<string>()
  readonly #stable = Array.from({ length: partitionCount }, () => 0)
  #values = 0

  constructor(protocol: Protocol) {
    this.#protocol = protocol
  }

  async play(played: Step): Promise<void> {
    if (played.kind === 'wait') await this.clock.advance(played.ms)
    else if (played.kind === 'plain') this.#plain(played.partition)
    else if (played.kind === 'restart') await this.#restart(played.producer)
    else {
      if (this.#producers[played.producer] === undefined) await this.#restart(played.producer)
      const state = this.#producers[played.producer] as ProducerState
      if (played.kind === 'write') await this.#write(state, idOf(played.producer), played)
      else await this.#end(state, idOf(played.producer), played)
    }
    this.#look()
  }

  #plain(index: number): void {
    const value = `plain-${this.#values++}`
    this.core.append('orders', index, [{ value }])
    this.#committed.add(value)
  }

  async #restart(index: number): Promise<void> {
    const request = { transactionalId: idOf(index), transactionTimeoutMs: timeoutMs }
    let answer = await this.core.handle(1, 'InitProducerId', 5, request, this.#connection)
    if (answer.errorCode === concurrent)
      answer = await this.core.handle(1, 'InitProducerId', 5, request, this.#connection)
    assert.equal(answer.errorCode, none)
    const { producerId, producerEpoch } = answer
    this.#producers[index] = { identity: { producerId, producerEpoch }, sequences: [], open: [] }
  }

  async #write(
    state: ProducerState,
    transactionalId: string,
    { partition: index, isRepeated }: { readonly partition: number; readonly isRepeated: boolean },
  ): Promise<void> {
    const isClassic = this.#protocol === 'classic'
    if (isClassic) {
      const topics = [{ name: 'orders', partitions: [index] }]
      const joining = { transactionalId, ...state.identity, topics }
      const { results } = await this.core.handle(1, 'AddPartitionsToTxn', 3, joining, this.#connection)
      if (results[0]?.partitions[0]?.errorCode !== none) return
    }
    const value = `v-${this.#values++}`
    const baseSequence = state.sequences[index] ?? 0
    const nowMs = this.clock.epochMs()
    const records = encodeBatch([{ value }], { ...state.identity, baseSequence, isTransactional: true, nowMs })
    const topics = [{ name: 'orders', partitions: [{ index, records }] }]
    for (let time = 0; time < (isRepeated ? 2 : 1); time++) {
      const request = { transactionalId, acks: -1, timeoutMs: 1_000, topics }
      const { responses } = await this.core.handle(1, 'Produce', isClassic ? 11 : 12, request, this.#connection)
      if (responses[0]?.partitions[0]?.errorCode !== none) return
    }
    state.sequences[index] = baseSequence + 1
    state.open.push({ value, partition: index })
  }

  async #end(
    state: ProducerState,
    transactionalId: string,
    { outcome, isRepeated }: { readonly outcome: 'commit' | 'abort'; readonly isRepeated: boolean },
  ): Promise<void> {
    const isClassic = this.#protocol === 'classic'
    const request = { transactionalId, ...state.identity, committed: outcome === 'commit' }
    const first = await this.core.handle(1, 'EndTxn', isClassic ? 4 : 5, request, this.#connection)
    if (first.errorCode !== none) return
    if (isRepeated) {
      assert.deepEqual(await this.core.handle(1, 'EndTxn', isClassic ? 4 : 5, request, this.#connection), first)
    }
    if (outcome === 'commit') for (const { value } of state.open) this.#committed.add(value)
    state.open = []
    if (isClassic) return
    state.identity = { producerId: first.producerId, producerEpoch: first.producerEpoch }
    state.sequences = []
  }

  #look(): void {
    for (let index = 0; index < partitionCount; index++) {
      const partitionLog = this.core.topics()[0]?.partitions[index]?.log
      if (partitionLog === undefined) throw new Error('the topic is gone')
      const { lastStableOffset, endOffset } = partitionLog
      assert.ok(lastStableOffset >= (this.#stable[index] ?? 0), `${lastStableOffset} is behind ${this.#stable[index]}`)
      assert.ok(lastStableOffset <= endOffset)
      this.#stable[index] = lastStableOffset
    }
  }

  /** As a client does it: aborted records are told by the list and end at their producer's marker. */
  async readCommitted(index: number): Promise<string[]> {
    const partitions = [{ partition: index, fetchOffset: 0, partitionMaxBytes: allBytes }]
    const topics = [{ topic: 'orders', partitions }]
    const request = { maxWaitMs: 0, minBytes: 0, maxBytes: allBytes, isolationLevel: 1, topics }
    const { responses } = await this.core.handle(1, 'Fetch', 12, request, this.#connection)
    const answer = responses[0]?.partitions[0]
    const aborted = (answer?.abortedTransactions ?? []).toSorted((one, other) => one.firstOffset - other.firstOffset)
    const aborting = new Set<number>()
    const values: string[] = []
    for (let rest = answer?.records ?? Buffer.alloc(0); rest.length > 0;) {
      const header = readBatchHeader(rest)
      if (header === undefined) break
      while (aborted[0] !== undefined && aborted[0].firstOffset <= header.baseOffset) {
        aborting.add((aborted.shift() as { producerId: number }).producerId)
      }
      if (header.isControl) aborting.delete(header.producerId)
      else if (!header.isTransactional || !aborting.has(header.producerId)) {
        const records = recordsOf(rest.subarray(0, header.sizeBytes), header) ?? []
        values.push(...records.map(({ value }) => String(value)))
      }
      rest = rest.subarray(header.sizeBytes)
    }
    return values
  }

  /** Everything that is in a log and was committed, in the order of the log. */
  expected(index: number): string[] {
    const { lastStableOffset } = this.core.topics()[0]?.partitions[index]?.log ?? { lastStableOffset: 0 }
    return this.core
      .records('orders', index)
      .filter(({ offset }) => offset < lastStableOffset)
      .map(({ value }) => String(value))
      .filter((value) => this.#committed.has(value))
  }

  get committedCount(): number {
    return this.#committed.size
  }
}

test.each(['classic', 'bumping'] as const)(
  'readers of committed records see exactly what was committed, in order, whatever producers do (%s)',
  async (protocol) => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60 }), async (steps) => {
        const world = new World(protocol)
        for (const each of steps) {
          await world.play(each)
          for (let index = 0; index < partitionCount; index++) {
            expect(await world.readCommitted(index)).toEqual(world.expected(index))
          }
        }
        // Whatever is still open is aborted when its time is over: then nothing holds readers back.
        await world.clock.advance(timeoutMs)
        let seen = 0
        for (let index = 0; index < partitionCount; index++) {
          const values = await world.readCommitted(index)
          expect(values).toEqual(world.expected(index))
          seen += values.length
        }
        expect(seen).toBe(world.committedCount)
        world.core.close()
      }),
      { numRuns: 60 },
    )
  },
)
