import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
  GroupProtocolError,
} from './group-protocol.ts'

const topic = fc.stringMatching(/^[a-z0-9._-]{1,20}$/)
const partitions = fc
  .uniqueArray(fc.record({ topic, partition: fc.nat(500) }), { selector: (at) => `${at.topic}/${at.partition}` })
  // Partitions travel grouped by topic, so that order is the one that comes back.
  .map((given) => [...Map.groupBy(given, (at) => at.topic).values()].flat())

/** Fields of the protocol by hand, as other clients write them. */
const int16 = (value: number): number[] => [(value >> 8) & 0xff, value & 0xff]
const int32 = (value: number): number[] => [...int16(value >> 16), ...int16(value & 0xffff)]
const text = (value: string): number[] => [...int16(value.length), ...Buffer.from(value)]

describe('subscription', () => {
  test('what was encoded comes back', () => {
    fc.assert(
      fc.property(fc.array(topic), partitions, fc.integer({ min: -1 }), (topics, ownedPartitions, generationId) => {
        const bytes = encodeSubscription({ topics, ownedPartitions, generationId })

        expect(decodeSubscription(bytes)).toEqual({ topics, ownedPartitions, generationId, rackId: null })
      }),
    )
  })

  test('every version is read, and what a newer one appends is passed over', () => {
    const topics = [...int32(1), ...text('t'), ...int32(2), 0xca, 0xfe] // with user data of two bytes
    const owned = [...int32(1), ...text('t'), ...int32(1), ...int32(7)]
    const none = { topics: ['t'], ownedPartitions: [], generationId: -1, rackId: null }
    const some = { ...none, ownedPartitions: [{ topic: 't', partition: 7 }] }
    const read = (...bytes: number[]): unknown => decodeSubscription(Buffer.from(bytes))

    expect(read(...int16(0), ...topics)).toEqual(none)
    expect(read(...int16(1), ...topics, ...owned)).toEqual(some)
    expect(read(...int16(2), ...topics, ...owned, ...int32(5))).toEqual({ ...some, generationId: 5 })
    expect(read(...int16(3), ...topics, ...owned, ...int32(5), ...text('r'))).toEqual({
      ...some,
      generationId: 5,
      rackId: 'r',
    })
    expect(read(...int16(9), ...topics, ...owned, ...int32(5), ...text('r'), 1, 2, 3)).toEqual({
      ...some,
      generationId: 5,
      rackId: 'r',
    })
  })
})

describe('assignment', () => {
  test('what was encoded comes back, also from other versions', () => {
    fc.assert(
      fc.property(partitions, fc.nat(9), (given, version) => {
        const bytes = encodeAssignment(given)
        bytes.writeInt16BE(version)

        expect(decodeAssignment(bytes)).toEqual(given)
      }),
    )
  })

  test('no bytes are no partitions', () => {
    expect(decodeAssignment(Buffer.alloc(0))).toEqual([])
  })
})

test('bytes that lie or end early are an error of ours, whatever they are', () => {
  const whole = encodeSubscription({ topics: ['t'], ownedPartitions: [{ topic: 't', partition: 1 }] })
  // Behind the user data, the owned partitions and the generation it may end, as some clients do.
  const ends = new Set([13, 28, 32])
  for (let cut = 0; cut < whole.length; cut++) {
    if (ends.has(cut)) expect(decodeSubscription(whole.subarray(0, cut)).topics, `cut at ${cut}`).toEqual(['t'])
    else expect(() => decodeSubscription(whole.subarray(0, cut)), `cut at ${cut}`).toThrow(GroupProtocolError)
  }
  const outcomeOf = (read: () => unknown): string => {
    try {
      read()
    } catch (error) {
      if (!(error instanceof GroupProtocolError)) return `not ours: ${String(error)}`
    }
    return 'ours'
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (garbage) => {
      expect(outcomeOf(() => decodeSubscription(Buffer.from(garbage)))).toBe('ours')
      expect(outcomeOf(() => decodeAssignment(Buffer.from(garbage)))).toBe('ours')
    }),
    { numRuns: 1_000 },
  )
})
