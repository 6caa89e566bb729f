/** The flow against a naive broker that may lose requests, lose answers, append late, forget producers and refuse, in any
 *  order. Whatever the world does, an acknowledged record is stored, once, where it was said to be, and in order. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { ProducerBatch, ProducerEffects } from './producer-events.ts'
import { ProducerFlow } from './producer-flow.ts'

type Sent = {
  readonly id: number
  readonly partition: number
  readonly sizeInBytes: number
  readonly deadlineMs: number
}
type Batch = ProducerBatch<Sent>
type Entry = { readonly id: number; readonly producerId: number }

const partitions = 3
const deliveryTimeoutMs = 3_000
const rules = { lingerMs: 5, batchBytesMax: 30, backoff: { firstMs: 20, maxMs: 200 } }

/** One partition as Kafka keeps it: the next sequence of each producer, and its last batches to recognise a repetition. */
class NaivePartition {
  readonly log: Entry[] = []
  readonly #next = new Map<number, number>()
  readonly #batches = new Map<string, number>()

  /** As it would be read off the wire: copied, because what arrives late arrives as it was sent. */
  append(batch: { ids: number[]; producerId: number; baseSequence: number }): {
    errorCode: number
    baseOffset: number
  } {
    const { ids, producerId, baseSequence } = batch
    const name = `${producerId}:${baseSequence}:${ids.length}`
    const earlier = this.#batches.get(name)
    if (earlier !== undefined) return { errorCode: 0, baseOffset: earlier }
    const expected = this.#next.get(producerId)
    if (expected !== undefined && expected !== baseSequence) return { errorCode: 45, baseOffset: -1 }
    if (expected === undefined && baseSequence !== 0) return { errorCode: 59, baseOffset: -1 }
    const baseOffset = this.log.length
    this.log.push(...ids.map((id) => ({ id, producerId })))
    this.#next.set(producerId, baseSequence + ids.length)
    this.#batches.set(name, baseOffset)
    return { errorCode: 0, baseOffset }
  }

  forget(): void {
    this.#next.clear()
    this.#batches.clear()
  }
}

/** What happens to the oldest request: how its answer looks, and whether its batches are appended now, later or never. */
const fates = {
  stored: { append: 'now', answer: 'own' },
  answerLost: { append: 'now', answer: 'none' },
  requestLost: { append: 'never', answer: 'none' },
  refusedConnection: { append: 'never', answer: 'refused' },
  appendedLate: { append: 'later', answer: 'none' },
  movedAfterAppend: { append: 'now', answer: 6 },
  moved: { append: 'never', answer: 6 },
  tooFewReplicas: { append: 'never', answer: 19 },
  tooFewAfterAppend: { append: 'now', answer: 20 },
  tooLarge: { append: 'never', answer: 10 },
  forbidden: { append: 'never', answer: 29 },
} as const
type Fate = keyof typeof fates

const act = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('add' as const),
      partition: fc.nat(partitions - 1),
      size: fc.constantFrom(10, 10, 10, 40),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('request' as const),
      fate: fc.constantFrom(...(Object.keys(fates) as Fate[])),
      at: fc.nat(2),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('request' as const),
      fate: fc.constant('stored' as const),
      at: fc.constant(0),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(1, 5, 30, 400, 3_000) }),
  },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('identity' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('forget' as const), partition: fc.nat(partitions - 1) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('leader' as const),
      partition: fc.nat(partitions - 1),
      node: fc.constantFrom(1, 2, undefined),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('late' as const) }) },
)
type Act = typeof act extends fc.Arbitrary<infer A> ? A : never

class World {
  readonly brokers = Array.from({ length: partitions }, () => new NaivePartition())
  readonly sent: Sent[] = []
  readonly acknowledged = new Map<number, number>()
  readonly rejected = new Map<number, { ambiguous: boolean }>()
  readonly #leaders: (number | undefined)[] = [1, 1, 2]
  readonly #requests: (readonly Batch[])[] = []
  readonly #late: { partition: number; ids: number[]; producerId: number; baseSequence: number }[] = []
  readonly #flow: ProducerFlow<Sent>
  readonly #effects: ProducerEffects<Sent>
  #nowMs = 0
  #wakesAtMs = Infinity
  #identitiesWanted = 0
  #identities = 0

  constructor() {
    this.#flow = new ProducerFlow<Sent>(rules, {
      leaderOf: (_topic, partition) => this.#leaders[partition],
      random: () => 1,
    })
    this.#effects = {
      send: (_node, batches) => void this.#requests.push(batches),
      requestIdentity: () => this.#identitiesWanted++,
      refreshMetadata: () => {},
      acknowledge: (batch, baseOffset) => {
        for (const [index, { id }] of batch.records.entries()) {
          this.#assertUnsettled(id)
          this.acknowledged.set(id, baseOffset + index)
        }
      },
      reject: (records, { ambiguous }) => {
        for (const { id } of records) {
          this.#assertUnsettled(id)
          this.rejected.set(id, { ambiguous })
        }
      },
      discard: () => {},
      willResend: () => {},
      wakeAt: (atMs) => {
        this.#wakesAtMs = Math.min(this.#wakesAtMs, atMs)
      },
    }
  }

  perform(act: Act): void {
    switch (act.kind) {
      case 'add': {
        const record = {
          id: this.sent.length,
          partition: act.partition,
          sizeInBytes: act.size,
          deadlineMs: this.#nowMs + deliveryTimeoutMs,
        }
        this.sent.push(record)
        return this.#step({ kind: 'added', topic: 't', partition: act.partition, record, nowMs: this.#nowMs })
      }
      case 'request':
        return this.#endRequest(act.fate, act.at)
      case 'wait':
        return this.#wait(act.ms)
      case 'identity':
        if (this.#identitiesWanted === 0) return
        this.#identitiesWanted--
        return this.#step({
          kind: 'identified',
          identity: { producerId: ++this.#identities, producerEpoch: 0 },
          nowMs: this.#nowMs,
        })
      case 'forget':
        return this.brokers[act.partition]?.forget()
      case 'leader':
        this.#leaders[act.partition] = act.node
        return this.#step({ kind: 'leadersChanged', nowMs: this.#nowMs })
      case 'late': {
        const late = this.#late.shift()
        if (late !== undefined) this.brokers[late.partition]?.append(late)
      }
    }
  }

  /** From now on all is well, for as long as it takes. */
  recover(): void {
    for (let partition = 0; partition < partitions; partition++) this.perform({ kind: 'leader', partition, node: 1 })
    for (let round = 0; round < 40; round++) {
      this.perform({ kind: 'identity' })
      while (this.#requests.length > 0) this.perform({ kind: 'request', fate: 'stored', at: 0 })
      this.#wait(250)
    }
  }

  #step(event: Parameters<ProducerFlow<Sent>['step']>[0]): void {
    this.#flow.step(event, this.#effects)
    const onTheWire = this.#requests.flat().map(({ lane }) => lane.partition)
    if (new Set(onTheWire).size < onTheWire.length) throw new Error('a partition has two batches on the wire')
  }

  #assertUnsettled(id: number): void {
    if (this.acknowledged.has(id) || this.rejected.has(id)) throw new Error(`record ${id} was settled twice`)
  }

  #wait(ms: number): void {
    const untilMs = this.#nowMs + ms
    while (this.#wakesAtMs <= untilMs) {
      this.#nowMs = Math.max(this.#nowMs, this.#wakesAtMs)
      this.#wakesAtMs = Infinity
      this.#step({ kind: 'ticked', nowMs: this.#nowMs })
    }
    this.#nowMs = untilMs
  }

  #endRequest(name: Fate, at: number): void {
    const [batches] = this.#requests.splice(at % Math.max(this.#requests.length, 1), 1)
    if (batches === undefined) return
    const fate = fates[name]
    const results = batches.map((batch) => {
      const written = this.#written(batch)
      const own = fate.append === 'now' ? this.brokers[written.partition]?.append(written) : undefined
      if (fate.append === 'later') this.#late.push(written)
      const errorCode = typeof fate.answer === 'number' ? fate.answer : (own?.errorCode ?? 0)
      return {
        batch,
        errorCode,
        baseOffset: errorCode === 0 ? (own?.baseOffset ?? -1) : -1,
        logAppendTimeMs: -1,
        errorMessage: null,
      }
    })
    if (fate.answer === 'none' || fate.answer === 'refused') {
      const mayBeStored = fate.answer === 'none'
      this.#step({ kind: 'unanswered', batches, reason: name, mayBeStored, nowMs: this.#nowMs })
    } else this.#step({ kind: 'answered', results, nowMs: this.#nowMs })
  }

  #written({ lane, records, stamp }: Batch) {
    if (stamp === undefined) throw new Error('a batch without a stamp was sent')
    const { producerId, baseSequence } = stamp
    return { partition: lane.partition, ids: records.map(({ id }) => id), producerId, baseSequence }
  }
}

/** Plays the script, then lets all be well, and looks at what came of it. */
function play(script: readonly Act[]): World {
  const world = new World()
  for (const act of script) world.perform(act)
  world.recover()
  return world
}

const runs = { numRuns: 500 }
const scripts = fc.array(act, { maxLength: 100, size: 'max' })

test('every send settles exactly once, however the world answers', () => {
  fc.assert(
    fc.property(scripts, (script) => {
      const { sent, acknowledged, rejected } = play(script)
      expect(acknowledged.size + rejected.size).toBe(sent.length)
    }),
    runs,
  )
})

test('an acknowledged record is stored where it was said to be', () => {
  fc.assert(
    fc.property(scripts, (script) => {
      const { sent, acknowledged, brokers } = play(script)
      for (const [id, offset] of acknowledged) expect(brokers[sent[id]?.partition ?? -1]?.log[offset]?.id).toBe(id)
    }),
    runs,
  )
})

test('a record that was rejected without doubt is not stored', () => {
  fc.assert(
    fc.property(scripts, (script) => {
      const { rejected, brokers } = play(script)
      const stored = new Set(brokers.flatMap(({ log }) => log.map(({ id }) => id)))
      for (const [id, { ambiguous }] of rejected) if (!ambiguous) expect(stored.has(id)).toBe(false)
    }),
    runs,
  )
})

test('no record is stored twice while the broker remembers its producers', () => {
  fc.assert(
    fc.property(scripts, (script) => {
      const { brokers } = play(script.filter(({ kind }) => kind !== 'forget'))
      for (const { log } of brokers) expect(new Set(log.map(({ id }) => id)).size).toBe(log.length)
    }),
    runs,
  )
})

test('the acknowledged records of a partition are stored in the order of their sends', () => {
  fc.assert(
    fc.property(scripts, (script) => {
      const { sent, acknowledged } = play(script)
      for (let partition = 0; partition < partitions; partition++) {
        const offsets = sent
          .filter((record) => record.partition === partition && acknowledged.has(record.id))
          .map(({ id }) => acknowledged.get(id) ?? -1)
        expect(offsets).toEqual(offsets.toSorted((one, other) => one - other))
      }
    }),
    runs,
  )
})
