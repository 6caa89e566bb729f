import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { type AssignedMember, assignors, type PartitionCounts } from './assignors.ts'
import { fromWire, noPartitions, type TopicPartitions, toWire } from './topic-partitions.ts'

const uniform = assignors.get('uniform') as NonNullable<ReturnType<typeof assignors.get>>
const range = assignors.get('range') as NonNullable<ReturnType<typeof assignors.get>>

function member(memberId: string, topics: readonly string[], previous: TopicPartitions = noPartitions): AssignedMember {
  return { memberId, instanceId: null, subscribed: new Set(topics), previous }
}

const sizeOf = (partitions: TopicPartitions | undefined): number =>
  [...(partitions ?? [])].reduce((sum, [, indexes]) => sum + indexes.size, 0)

const group = fc.record({
  topics: fc
    .uniqueArray(fc.constantFrom('a', 'b', 'c'), { minLength: 1 })
    .chain((names) =>
      fc
        .array(fc.integer({ min: 1, max: 7 }), { minLength: names.length, maxLength: names.length })
        .map((counts): PartitionCounts => new Map(names.map((name, index) => [name, counts[index] ?? 1]))),
    ),
  wishes: fc.array(fc.subarray(['a', 'b', 'c']), { minLength: 1, maxLength: 6 }),
})

describe.each([...assignors])('%s', (_, assign) => {
  test('gives every partition that somebody wants to one member that wants it', () => {
    fc.assert(
      fc.property(group, ({ topics, wishes }) => {
        const members = wishes.map((wish, index) => member(`m${index}`, wish))
        const given = assign(members, topics)
        for (const [topicId, count] of topics) {
          const takers = members.filter(({ subscribed }) => subscribed.has(topicId))
          for (let index = 0; index < count; index++) {
            const owners = members.filter(({ memberId }) => given.get(memberId)?.get(topicId)?.has(index))
            expect(owners.length).toBe(takers.length === 0 ? 0 : 1)
            expect(takers).toEqual(expect.arrayContaining(owners))
          }
        }
      }),
    )
  })
})

test('uniform: members that want the same differ by one partition at most, and keep what they can', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 12 }), (count, partitions) => {
      const topics = new Map([['a', partitions]])
      const before = uniform(
        Array.from({ length: count }, (_, index) => member(`m${index}`, ['a'])),
        topics,
      )
      const members = [...before].map(([id, previous]) => member(id, ['a'], previous))
      const after = uniform([...members, member('new', ['a'])], topics)
      const sizes = [...after.values()].map(sizeOf)
      expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1)
      // Nothing moves but what the new member gets.
      const kept = members.map(({ memberId, previous }) => ({ now: after.get(memberId), previous }))
      for (const { now, previous } of kept) {
        for (const index of now?.get('a') ?? []) expect(previous.get('a')?.has(index)).toBe(true)
      }
    }),
  )
})

test('uniform: who must give keeps the lowest partitions', () => {
  const all = fromWire([{ topicId: 'a', partitions: [0, 1, 2, 3] }])
  const given = uniform([member('first', ['a'], all), member('second', ['a'])], new Map([['a', 4]]))
  expect(toWire(given.get('first') ?? noPartitions)[0]?.partitions).toEqual([0, 1])
})

test('range: topics of the same size are cut alike, static members first', () => {
  const members = [member('z', ['a', 'b']), { ...member('y', ['a', 'b']), instanceId: 'i' }]
  const given = range(
    members,
    new Map([
      ['a', 3],
      ['b', 3],
    ]),
  )
  const partsOf = (id: string): readonly (readonly number[])[] =>
    toWire(given.get(id) ?? noPartitions).map(({ partitions }) => partitions)
  expect([partsOf('y'), partsOf('z')]).toEqual([
    [
      [0, 1],
      [0, 1],
    ],
    [[2], [2]],
  ])
})
