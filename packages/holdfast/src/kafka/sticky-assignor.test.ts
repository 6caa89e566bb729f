/** R3: whom `cooperative-sticky` gives what, and when. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { partitionName, type TopicPartition } from '../model/topic-partition.ts'
import { assignEagerly, type Assignment, type GroupMember, type PartitionCounts } from './assignors.ts'
import { assignStickily, claimsOf, inTwoRounds } from './sticky-assignor.ts'

function at(topic: string, ...partitions: readonly number[]): TopicPartition[] {
  return partitions.map((partition) => ({ topic, partition }))
}

function member(memberId: string, owned: readonly TopicPartition[] = [], generation = 1, topics = ['t']): GroupMember {
  return { memberId, topics, owned, generation }
}

function names(share: readonly TopicPartition[] | undefined): string[] {
  return (share ?? []).map(partitionName)
}

function sizes(assignment: Assignment): number[] {
  return [...assignment.values()].map((share) => share.length)
}

function count(partitions: number): PartitionCounts {
  return new Map([['t', partitions]])
}

/** One round of a group: what each member is given. */
function round(members: readonly GroupMember[], counts: PartitionCounts): Map<string, TopicPartition[]> {
  return inTwoRounds(assignStickily(members, counts), members)
}

const topicNames = ['a', 'b', 'c']
const counts = fc
  .tuple(...topicNames.map(() => fc.nat(7)))
  .map((given): PartitionCounts => new Map(topicNames.map((topic, index) => [topic, given[index] ?? 0])))
const claimed = fc.array(fc.record({ topic: fc.constantFrom(...topicNames), partition: fc.nat(8) }), { maxLength: 9 })
const group = fc
  .array(fc.record({ topics: fc.subarray(topicNames), owned: claimed, generation: fc.integer({ min: -1, max: 3 }) }), {
    minLength: 1,
    maxLength: 5,
  })
  .map((given) => given.map((each, index): GroupMember => ({ ...each, memberId: `m${index}` })))

describe('the target', () => {
  test('every partition that somebody subscribed to has exactly one owner, and that is a subscriber', () => {
    fc.assert(
      fc.property(group, counts, (members, partitions) => {
        const shares = assignStickily(members, partitions)
        const wanted = new Set(members.flatMap(({ topics }) => topics))
        const all = [...partitions].flatMap(([topic, size]) => at(topic, ...Array.from({ length: size }).keys()))
        const expected = names(all.filter(({ topic }) => wanted.has(topic)))
        expect([...shares.values()].flatMap(names).sort()).toEqual(expected.sort())
        for (const { memberId, topics } of members)
          expect(shares.get(memberId)?.every(({ topic }) => topics.includes(topic))).toBe(true)
      }),
    )
  })

  test('is as even as one that remembers nothing', () => {
    const squares = (assignment: Assignment): number => sizes(assignment).reduce((sum, size) => sum + size * size, 0)
    fc.assert(
      fc.property(group, counts, (members, partitions) => {
        expect(squares(assignStickily(members, partitions))).toBe(squares(assignEagerly(members, partitions)))
      }),
    )
  })

  test('the order of members, topics and claims changes nothing', () => {
    fc.assert(
      fc.property(group, counts, (members, partitions) => {
        const reversed = members
          .map((each) => ({ ...each, topics: each.topics.toReversed(), owned: each.owned?.toReversed() }))
          .reverse()
        const target = assignStickily(reversed, new Map([...partitions].reverse()))
        expect([...target]).toEqual([...assignStickily(members, partitions)])
      }),
    )
  })

  test('moves nothing where shares are even', () => {
    const members = [member('m1', at('t', 0, 3)), member('m2', at('t', 1, 4)), member('m3', at('t', 2))]
    const target = assignStickily(members, count(5))
    expect([...target.values()].map(names)).toEqual([['t/0', 't/3'], ['t/1', 't/4'], ['t/2']])
  })

  test.each([
    { partitions: 4, before: [2, 2, 0], moved: 1 },
    { partitions: 7, before: [4, 3, 0], moved: 2 },
    { partitions: 6, before: [6, 0], moved: 3 },
    { partitions: 6, before: [6, 0, 0], moved: 4 },
  ])('with $before of $partitions partitions none starves and $moved move at most', ({ partitions, before, moved }) => {
    let next = 0
    const members = before.map((size, index) =>
      member(`m${index}`, at('t', ...Array.from({ length: size }, () => next++))),
    )
    const target = assignStickily(members, count(partitions))
    expect(Math.max(...sizes(target)) - Math.min(...sizes(target))).toBeLessThanOrEqual(1)
    const kept = members.reduce((sum, { memberId, owned = [] }) => {
      const share = new Set(names(target.get(memberId)))
      return sum + owned.filter((each) => share.has(partitionName(each))).length
    }, 0)
    expect(partitions - kept).toBeLessThanOrEqual(moved)
  })

  test('with equal subscriptions nobody gives up more than its share is too large', () => {
    const shares = fc.array(fc.nat(9), { minLength: 1, maxLength: 6 })
    fc.assert(
      fc.property(shares, fc.nat(9), (before, free) => {
        let next = 0
        const members = before.map((size, index) =>
          member(`m${index}`, at('t', ...Array.from({ length: size }, () => next++))),
        )
        const partitions = next + free
        const target = assignStickily(members, count(partitions))
        // The fewest moves: the largest shares are cut to the upper of the two even sizes as long as that one lasts.
        const lower = Math.floor(partitions / members.length)
        let uppers = partitions % members.length
        let moves = 0
        for (const size of before.toSorted((a, b) => b - a)) {
          const isUpper = size > lower && uppers > 0
          if (isUpper) uppers -= 1
          moves += Math.max(0, size - lower - (isUpper ? 1 : 0))
        }
        const given = members.flatMap(({ memberId, owned = [] }) => {
          const share = new Set(names(target.get(memberId)))
          return owned.filter((each) => !share.has(partitionName(each)))
        })
        expect(given.length).toBe(moves)
      }),
    )
  })
})

describe('a claim', () => {
  test('counts only for the newest generation that claims the partition', () => {
    const members = [member('m1', at('t', 0, 1), 3), member('m2', at('t', 0, 1), 4), member('m3', at('t', 2), 1)]
    const target = assignStickily(members, count(3))
    expect([...target.values()].map((share) => share.length)).toEqual([1, 1, 1])
    expect(names(target.get('m3'))).toEqual(['t/2'])
    const given = round(members, count(3))
    // One of the two goes to m1, in the next round; the other stays with m2 although m1 still believes in it.
    expect(names(given.get('m1'))).toEqual([])
    expect(names(given.get('m2'))).toHaveLength(1)
  })

  test('that another of the same generation contradicts leaves the partition to nobody for a round', () => {
    const members = [member('m1', at('t', 0), 3), member('m2', at('t', 0), 3)]
    expect([...round(members, count(1)).values()].flat()).toEqual([])
  })

  test('that a newer one and an equal one follow is judged by the newest', () => {
    const members = [member('m1', at('t', 0), 3), member('m2', at('t', 0), 3), member('m3', at('t', 0), 4)]
    expect(names(round(members, count(1)).get('m3'))).toEqual(['t/0'])
  })

  test('to a topic that its member left counts for nobody', () => {
    const members = [member('m1', at('t', 0), 3, ['u']), member('m2', [], 3)]
    expect(names(round(members, count(1)).get('m2'))).toEqual([])
    expect(names(assignStickily(members, count(1)).get('m2'))).toEqual(['t/0'])
  })
})

describe('rounds', () => {
  test('nobody is given what another member says that it owns', () => {
    fc.assert(
      fc.property(group, counts, (members, partitions) => {
        for (const [memberId, share] of round(members, partitions)) {
          for (const name of names(share)) {
            const own = members.find((each) => each.memberId === memberId)
            const isOwn = names(own?.owned).includes(name)
            const since = isOwn ? (own?.generation ?? -1) : -Infinity
            const rivals = members.filter((each) => each.memberId !== memberId && names(each.owned).includes(name))
            // A rival of an older generation is out of date; it learns so in this very round.
            for (const rival of rivals) expect(since).toBeGreaterThan(rival.generation ?? -1)
          }
        }
      }),
    )
  })

  test('after the second one, or the third if a claim counted for nobody, every partition is where it belongs', () => {
    fc.assert(
      fc.property(group, counts, (members, partitions) => {
        // Whoever has to give back does, before it joins again.
        const next = (given: Assignment, generation: number): GroupMember[] =>
          members.map((each) => ({ ...each, owned: given.get(each.memberId), generation }))
        // Contradicted, or of a topic that its member left: such a partition is dealt anew in the second round, and that may
        // move another one, which takes two rounds itself.
        const leftTopics = members.some(({ topics, owned }) => owned?.some(({ topic }) => !topics.includes(topic)))
        const contradict = [...claimsOf(members).values()].some(({ owner }) => owner === null)
        let last = round(members, partitions)
        for (let done = 1; done < (leftTopics || contradict ? 3 : 2); done++)
          last = round(next(last, 9 + done), partitions)
        const wanted = new Set(members.flatMap(({ topics }) => topics))
        const expected = [...partitions].reduce((sum, [topic, size]) => sum + (wanted.has(topic) ? size : 0), 0)
        expect(sizes(last).reduce((sum, size) => sum + size, 0)).toBe(expected)
        expect([...round(next(last, 20), partitions)]).toEqual([...last])
      }),
    )
  })
})
