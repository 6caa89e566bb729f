/** R22: a source partition and the same partition of each of its delay topics go to one member. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { partitionName, type TopicPartition } from '../model/topic-partition.ts'
import { assignorNamed } from './assignment-protocols.ts'
import type { Assignment, Assignor, GroupMember } from './assignors.ts'

const delayTopics = new Map([
  ['orders', ['orders.30s', 'orders.5m']],
  ['clicks', ['clicks.1m']],
])
const everything = ['orders', 'orders.30s', 'orders.5m', 'clicks', 'clicks.1m']

function assignor(name: string): Assignor {
  const assign = assignorNamed(name, delayTopics)
  if (assign === undefined) throw new RangeError(`no assignor ${name}`)
  return assign
}

function ownerOf(shares: Assignment, topic: string, partition: number): string | undefined {
  const name = partitionName({ topic, partition })
  return [...shares].find(([, share]) => share.some((at) => partitionName(at) === name))?.[0]
}

function members(size: number, topics: readonly string[] = everything): GroupMember[] {
  return Array.from({ length: size }, (_, index) => ({ memberId: `m${index}`, topics }))
}

function names(shares: Assignment): string[] {
  return [...shares.values()].flat().map(partitionName).sort()
}

const protocols = ['roundrobin', 'RoundRobinAssigner', 'range', 'cooperative-sticky']

describe.each(protocols)('%s', (protocol) => {
  test('whoever has a source partition has its delay partitions', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), fc.nat(8), fc.nat(8), fc.nat(8), (size, orders, short, long) => {
        const counts = new Map([
          ['orders', orders],
          ['orders.30s', short],
          ['orders.5m', long],
        ])
        const shares = assignor(protocol)(members(size), counts)
        for (const topic of ['orders.30s', 'orders.5m']) {
          for (let partition = 0; partition < Math.min(orders, counts.get(topic) ?? 0); partition++)
            expect(ownerOf(shares, topic, partition)).toBe(ownerOf(shares, 'orders', partition))
        }
        const all = [...counts].flatMap(([topic, count]) =>
          Array.from({ length: count }, (_, partition) => partitionName({ topic, partition })),
        )
        expect(names(shares)).toEqual(all.sort())
      }),
    )
  })

  test('delay partitions beyond those of the source are dealt out evenly', () => {
    const counts = new Map([
      ['clicks', 1],
      ['clicks.1m', 7],
    ])
    const shares = assignor(protocol)(members(3), counts)
    const beyond = [...shares.values()].map(
      (share) => share.filter((at) => at.topic === 'clicks.1m' && at.partition > 0).length,
    )
    expect(beyond).toEqual([2, 2, 2])
  })

  test('a member that did not subscribe to a delay topic is not given its partitions', () => {
    const counts = new Map([
      ['clicks', 4],
      ['clicks.1m', 4],
    ])
    const group = [
      { memberId: 'm0', topics: everything },
      { memberId: 'm1', topics: ['clicks'] },
    ]
    const shares = assignor(protocol)(group, counts)
    expect(shares.get('m0')?.filter((at) => at.topic === 'clicks.1m')).toHaveLength(4)
    expect(shares.get('m1')?.map((at) => at.topic)).toEqual(['clicks', 'clicks'])
  })

  test('the order of members changes nothing', () => {
    const counts = new Map(everything.map((topic, index) => [topic, 3 + index]))
    const shares = assignor(protocol)(members(3), counts)
    expect([...assignor(protocol)(members(3).toReversed(), counts)]).toEqual([...shares])
  })

  test('what one member has of a topic that nobody else reads stays out of the delay topics of another', () => {
    const counts = new Map([['clicks.1m', 2]])
    expect(names(assignor(protocol)(members(1, ['orders']), counts))).toEqual([])
  })
})

describe('in two rounds', () => {
  const counts = new Map([
    ['clicks', 2],
    ['clicks.1m', 2],
  ])

  function owning(memberId: string, generation: number, ...owned: readonly TopicPartition[]): GroupMember {
    return { memberId, topics: everything, owned, generation }
  }

  test('a source partition and its delay partition leave and arrive together', () => {
    const all = ['clicks', 'clicks.1m'].flatMap((topic) => [0, 1].map((partition) => ({ topic, partition })))
    const assign = assignor('cooperative-sticky')
    const first = assign([owning('m0', 1, ...all), owning('m1', -1)], counts)
    expect(first.get('m1')).toEqual([])
    expect(first.get('m0')).toHaveLength(2)
    const second = assign([owning('m0', 2, ...(first.get('m0') ?? [])), owning('m1', 2)], counts)
    expect(names(second)).toHaveLength(4)
    for (const partition of [0, 1])
      expect(ownerOf(second, 'clicks', partition)).toBe(ownerOf(second, 'clicks.1m', partition))
  })

  test('nobody is given a delay partition while another member still owns its source', () => {
    const sources = [0, 1].map((partition) => ({ topic: 'clicks', partition }))
    const given = assignor('cooperative-sticky')([owning('m0', 1, ...sources), owning('m1', -1)], counts)
    expect(given.get('m1')).toEqual([])
    expect(given.get('m0')?.map((at) => at.topic)).toEqual(['clicks', 'clicks.1m'])
  })

  test('a delay topic that is made later goes to the owners of its source at once', () => {
    const group = [
      owning('m0', 1, { topic: 'clicks', partition: 1 }),
      owning('m1', 1, { topic: 'clicks', partition: 0 }),
    ]
    const given = assignor('cooperative-sticky')(group, counts)
    expect(ownerOf(given, 'clicks.1m', 1)).toBe('m0')
    expect(ownerOf(given, 'clicks.1m', 0)).toBe('m1')
  })

  test('delay partitions that follow no source stay where they are', () => {
    const beyond = new Map([
      ['clicks', 0],
      ['clicks.1m', 3],
    ])
    const group = [
      owning('m0', 1, { topic: 'clicks.1m', partition: 2 }),
      owning('m1', 1, { topic: 'clicks.1m', partition: 0 }, { topic: 'clicks.1m', partition: 1 }),
    ]
    const given = assignor('cooperative-sticky')(group, beyond)
    expect(ownerOf(given, 'clicks.1m', 2)).toBe('m0')
    expect(ownerOf(given, 'clicks.1m', 0)).toBe('m1')
    expect(names(given)).toHaveLength(3)
  })
})
