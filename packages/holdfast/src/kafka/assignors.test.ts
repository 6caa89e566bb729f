import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { TopicPartition } from '../model/topic-partition.ts'
import { assignorNamed, assignorNames } from './assignment-protocols.ts'
import { assignEagerly, assignRanges, type GroupMember, type PartitionCounts } from './assignors.ts'

const topicNames = ['a', 'b', 'c']
const member = fc.record({ topics: fc.subarray([...topicNames, 'missing']) })
const group = fc.record({
  members: fc
    .array(member, { minLength: 1, maxLength: 5 })
    .map((given) => given.map(({ topics }, index): GroupMember => ({ memberId: `m${index}`, topics }))),
  counts: fc
    .tuple(...topicNames.map(() => fc.nat(9)))
    .map((counts): PartitionCounts => new Map(topicNames.map((topic, index) => [topic, counts[index] ?? 0]))),
})

function partitionsWithTakers(members: readonly GroupMember[], counts: PartitionCounts): string[] {
  const wanted = new Set(members.flatMap(({ topics }) => topics))
  return [...counts].flatMap(([topic, count]) =>
    wanted.has(topic) ? Array.from({ length: count }, (_, partition) => `${topic}/${partition}`) : [],
  )
}

function names(share: readonly TopicPartition[] | undefined): string[] {
  return (share ?? []).map(({ topic, partition }) => `${topic}/${partition}`)
}

/** The smallest sum of squares that any division has, found by trying all of them. */
function bestSumOfSquares(members: readonly GroupMember[], partitions: readonly string[]): number {
  const sizes = members.map(() => 0)
  const tryFrom = (at: number): number => {
    const topic = partitions[at]?.split('/')[0]
    if (topic === undefined) return sizes.reduce((sum, size) => sum + size * size, 0)
    let best = Number.POSITIVE_INFINITY
    for (const [index, { topics }] of members.entries()) {
      if (!topics.includes(topic)) continue
      sizes[index] = (sizes[index] ?? 0) + 1
      best = Math.min(best, tryFrom(at + 1))
      sizes[index] = (sizes[index] ?? 0) - 1
    }
    return best
  }
  return tryFrom(0)
}

describe.each([
  ['eager', assignEagerly],
  ['range', assignRanges],
] as const)('%s', (_name, assign) => {
  test('every partition that somebody subscribed to has exactly one owner, and that is a subscriber', () => {
    fc.assert(
      fc.property(group, ({ members, counts }) => {
        const shares = assign(members, counts)

        expect([...shares.values()].flatMap(names).sort()).toEqual(partitionsWithTakers(members, counts).sort())
        for (const { memberId, topics } of members) {
          expect(shares.get(memberId)?.every(({ topic }) => topics.includes(topic))).toBe(true)
        }
      }),
    )
  })

  test('the order of members and topics changes nothing', () => {
    fc.assert(
      fc.property(group, ({ members, counts }) => {
        const reversed = members.map(({ memberId, topics }) => ({ memberId, topics: topics.toReversed() })).reverse()
        const reversedCounts = new Map([...counts].reverse())

        expect([...assign(reversed, reversedCounts)]).toEqual([...assign(members, counts)])
      }),
    )
  })
})

test('with equal subscriptions no member has two more than another', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 12 }), fc.nat(40), fc.nat(40), (size, a, b) => {
      const members = Array.from({ length: size }, (_, index) => ({ memberId: `m${index}`, topics: ['a', 'b'] }))
      const counts = new Map([
        ['a', a],
        ['b', b],
      ])
      const sizes = [...assignEagerly(members, counts).values()].map((share) => share.length)

      expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1)
    }),
  )
})

test('with different subscriptions no division is more even', () => {
  fc.assert(
    fc.property(group, ({ members, counts }) => {
      const partitions = partitionsWithTakers(members, counts)
      fc.pre(partitions.length <= 7)
      const shares = assignEagerly(members, counts)
      const sum = [...shares.values()].reduce((total, share) => total + share.length ** 2, 0)

      expect(sum).toBe(bestSumOfSquares(members, partitions))
    }),
    { numRuns: 300 },
  )
})

test('shares are levelled over a third member where two have no topic in common', () => {
  const members = [
    { memberId: 'm1', topics: ['a'] },
    { memberId: 'm2', topics: ['a', 'b'] },
    { memberId: 'm3', topics: ['b'] },
  ]
  const shares = assignEagerly(
    members,
    new Map([
      ['a', 5],
      ['b', 1],
    ]),
  )

  expect([...shares.values()].map((share) => share.length)).toEqual([3, 2, 1])
  expect(names(shares.get('m3'))).toEqual(['b/0'])
})

test('range deals each topic out in runs, the first members one more', () => {
  const members = ['m2', 'm1', 'm3'].map((memberId) => ({ memberId, topics: ['t', 'u'] }))
  const shares = assignRanges(
    members,
    new Map([
      ['t', 5],
      ['u', 1],
    ]),
  )

  expect([...shares].map(([memberId, share]) => [memberId, ...names(share)])).toEqual([
    ['m1', 't/0', 't/1', 'u/0'],
    ['m2', 't/2', 't/3'],
    ['m3', 't/4'],
  ])
})

test('every protocol that we offer can be led, and no other', () => {
  const offered = [...assignorNames('eager'), ...assignorNames('cooperative')]
  expect(offered.every((name) => assignorNamed(name, new Map()) !== undefined)).toBe(true)
  expect(assignorNamed('sticky', new Map())).toBe(undefined)
})

test('an eager and a cooperative member have no protocol in common', () => {
  expect(assignorNames('eager').filter((name) => assignorNames('cooperative').includes(name))).toEqual([])
})
