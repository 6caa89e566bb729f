import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  answerFetch,
  feed,
  flowOf,
  ledBy,
  mebibyte,
  partitionFlow,
  recordView,
  relocated,
} from './engine-parts.fixture.ts'
import type { Entry } from './entry.ts'
import { chunkOf, MemberRig, offsets, type TestRecord } from './member-rig.fixture.ts'
import type { Chunk } from './partition-flow.ts'

/** As many consecutive offsets as are asked for. */
function run(length: number, first = 0): TestRecord[] {
  return Array.from({ length }, (_, at) => ({ offset: first + at, key: null }))
}

/** Gives `good` at once and then says that the rest makes no sense, once; asked again it goes on behind the bad part. */
function partlyUnreadable(
  good: readonly TestRecord[],
  behind: readonly TestRecord[],
  nextOffset: number,
): Chunk<TestRecord> {
  let asked = 0
  return {
    ...chunkOf([], nextOffset),
    take: () => {
      asked += 1
      if (asked === 1) return good
      if (asked === 2) throw new RangeError('bad batch')
      return asked === 3 ? behind : []
    },
  }
}

describe('held bytes', () => {
  test('bytes are held until the last record of their answer ends, and not longer', () => {
    const rig = new MemberRig({ subscription: { bufferedRecordsMax: 2 } }).assign()
    rig.deliver(chunkOf(offsets(0, 1, 2, 3), 10, 5_000))
    rig.end(0)
    rig.end(1)
    expect(flowOf(rig).heldBytes).toBe(5_000)
    rig.end(2)
    rig.end(3)
    expect(flowOf(rig).heldBytes).toBe(0)
  })

  test('bytes of an answer without a record for us are not held', () => {
    const rig = new MemberRig().assign()
    rig.deliver(chunkOf([], 10, 5_000))
    expect(flowOf(rig).heldBytes).toBe(0)
    expect(flowOf(rig).ledger.committable()).toBe(10)
  })

  test('an ownership that is over holds nothing', () => {
    const flow = partitionFlow({ bufferedRecordsMax: 1 })
    feed(flow, chunkOf(offsets(0, 1)))
    flow.close()
    expect(flow.heldBytes).toBe(0)
  })
})

describe('bounds', () => {
  test('a partition under pressure returns to the fetch at half of its bound, not before', () => {
    const rig = new MemberRig({ subscription: { bufferedRecordsMax: 1 } }).assign()
    for (const offset of [0, 1, 2]) rig.deliver(chunkOf(offsets(offset), offset + 1, mebibyte * 0.75))
    expect(flowOf(rig).pauses).toEqual(['pressure'])
    const fetches = rig.fetches.length
    rig.end(0)
    expect(flowOf(rig).pauses).toEqual(['pressure'])
    rig.end(1)
    expect(flowOf(rig).pauses).toEqual([])
    expect(rig.fetches.length).toBe(fetches + 1)
  })

  test('a million offsets above a stuck record are pressure', () => {
    const rig = new MemberRig().assign()
    rig.deliver(chunkOf(offsets(0, 1_000_000)))
    expect(flowOf(rig).pauses).toEqual(['pressure'])
    rig.end(0)
    expect(flowOf(rig).pauses).toEqual([])
  })

  test.each([
    [999_999, null],
    [1_000_000, 'begins'],
  ])('%i offsets between the line and the position: pressure %s', (span, pressure) => {
    const flow = partitionFlow()
    feed(flow, chunkOf(offsets(0), span))
    expect(flow.pressure()).toBe(pressure)
  })

  test('a hundred thousand finished records above a stuck one are pressure, one less is none', () => {
    const flow = partitionFlow({ bufferedRecordsMax: 200_000 })
    const [, ...rest] = feed(flow, chunkOf(run(100_001)))
    for (const entry of rest.slice(1)) flow.finish(entry, 'done')
    expect(flow.pressure()).toBe(null)
    flow.finish(rest[0]!, 'done')
    expect(flow.pressure()).toBe('begins')
  })

  test('at a bound nothing more is decoded, although there is room', () => {
    const flow = partitionFlow()
    feed(flow, chunkOf(offsets(0, 1_000_000)))
    feed(flow, chunkOf(offsets(1_000_001)))
    expect(flow.ledger.position).toBe(1_000_001)
    expect(flow.ledger.size).toBe(2)
  })

  test('pressure does not end while the partition is at a bound, however few bytes it holds', () => {
    const flow = partitionFlow()
    const [stuck] = feed(flow, chunkOf(offsets(0, 1_000_000), undefined, 10))
    flow.pause('pressure')
    expect(flow.pressure()).toBe(null)
    flow.finish(stuck!, 'done')
    expect(flow.pressure()).toBe('ends')
  })
})

describe('intake', () => {
  test('a record below the position is counted as stale and not accepted', () => {
    const flow = partitionFlow()
    feed(flow, chunkOf(offsets(0, 1, 2)))
    const startable = feed(flow, chunkOf(offsets(1, 2, 3)))
    expect(startable.map((entry) => entry.offset)).toEqual([3])
    expect(flow.counts.stale).toBe(2)
    expect(flow.ledger.accepted).toBe(4)
  })

  test.each(['none', 'partition'] as const)('without key order no key is hashed (%s)', (order) => {
    const keyHash = (): never => {
      throw new Error('hashed')
    }
    const [entry] = feed(partitionFlow({ order }, { ...recordView, keyHash }), chunkOf([{ offset: 0, key: 7 }]))
    expect(entry).toMatchObject({ hasLane: false, laneId: 0 })
  })

  test('what is asked for next lies behind what was received, and was written under its leader epoch', () => {
    const rig = new MemberRig().assign()
    rig.deliver({ ...chunkOf(offsets(0)), leaderEpoch: 3 })
    relocated(rig, 500)
    rig.take()
    ledBy(rig, 4)
    const relocate = rig.take().find((effect) => effect.verb === 'relocate')
    expect(relocate?.given[0]).toMatchObject({ position: 500, lastFetchedEpoch: 3 })
  })

  test('only an open partition that stands under no pause and is not moving is fetched', () => {
    const flow = partitionFlow()
    expect(flow.isFetchable).toBe(true)
    flow.isRelocating = true
    expect(flow.isFetchable).toBe(false)
    flow.isRelocating = false
    flow.pause('user')
    expect(flow.isFetchable).toBe(false)
    flow.resume('user')
    flow.quieten('stop')
    expect(flow.isFetchable).toBe(false)
    const ended = partitionFlow()
    ended.close()
    expect(ended.isFetchable).toBe(false)
  })

  test('a pause is told once', () => {
    const rig = new MemberRig().assign()
    rig.take()
    rig.step({ kind: 'paused', topic: 'orders' })
    rig.step({ kind: 'paused', topic: 'orders' })
    expect(rig.names().filter((name) => name === 'partition.paused')).toHaveLength(1)
  })
})

describe('decoding', () => {
  test('a buffer is filled again when a quarter of it is free, not record by record', () => {
    const rig = new MemberRig({ subscription: { bufferedRecordsMax: 8 } }).assign()
    rig.deliver(chunkOf(run(16)))
    rig.end(0)
    expect(flowOf(rig).ledger.position).toBe(8)
    rig.end(1)
    expect(flowOf(rig).ledger.position).toBe(10)
  })

  test('bytes that could not be decoded once are never asked again, and no commit passes them', () => {
    const rig = new MemberRig({ subscription: { bufferedRecordsMax: 2 } }).assign()
    rig.deliver(partlyUnreadable(offsets(0, 1), offsets(7), 10))
    rig.end(0)
    rig.end(1)
    expect([...rig.running.keys()]).toEqual([])
    rig.advance(5_000)
    for (const commit of rig.commits) for (const each of commit.offsets) expect(each.offset).toBeLessThanOrEqual(2)
  })

  test('a partition with bytes that cannot be decoded stays paused, whatever ends in it', () => {
    const rig = new MemberRig().assign()
    rig.deliver(partlyUnreadable(offsets(0, 1), [], 10))
    expect(flowOf(rig).pauses).toEqual(['retry'])
    rig.take()
    rig.end(0)
    rig.end(1)
    expect(rig.names()).not.toContain('partition.resumed')
    expect(flowOf(rig).pauses).toEqual(['retry'])
  })
})

describe('what may start', () => {
  test('a record that waits for its retry pauses nothing while there is room for others', () => {
    const rig = new MemberRig().assign()
    rig.deliver(chunkOf(offsets(0)))
    rig.take()
    rig.end(0, 'failed')
    expect(rig.names()).not.toContain('partition.paused')
  })

  test('while parking is full no record starts for the first time, and retries go on', () => {
    const rig = new MemberRig({ subscription: { concurrency: 1, parkedRecordsMax: 1 } }).assign()
    rig.deliver(chunkOf(offsets(0, 1)))
    rig.end(0, 'failed')
    expect([...rig.running.keys()]).toEqual([])
    expect(flowOf(rig).pauses).toEqual(['retry'])
    rig.advance(100)
    expect([...rig.running.keys()]).toEqual([0])
    rig.end(0)
    expect([...rig.running.keys()]).toEqual([1])
    expect(flowOf(rig).pauses).toEqual([])
    expect(rig.flow.subscriptions.get('orders')!.running).toBe(1)
  })

  test('when a retry pause ends the partition is fetched again', () => {
    const rig = new MemberRig({ subscription: { concurrency: 1, parkedRecordsMax: 1 } }).assign()
    rig.deliver(chunkOf(offsets(0)))
    rig.end(0, 'failed')
    answerFetch(rig, {})
    const fetches = rig.fetches.length
    rig.advance(50)
    expect(rig.fetches.length).toBe(fetches + 1)
  })

  test('entries that were kept are handed back once', () => {
    const flow = partitionFlow()
    const [entry] = feed(flow, chunkOf(offsets(0)))
    flow.withhold(entry!)
    expect(flow.takeWithheld()).toEqual([entry])
    expect(flow.takeWithheld()).toEqual([])
  })

  test('nothing starts in an ownership that is over', () => {
    const flow = partitionFlow()
    const [entry] = feed(flow, chunkOf(offsets(0)))
    expect(flow.mayStart(entry!)).toBe(true)
    flow.close()
    expect(flow.mayStart(entry!)).toBe(false)
  })

  test('a stop lets go on what lies below the highest record that ever started, though a lower one started last', () => {
    const flow = partitionFlow()
    const entries = feed(flow, chunkOf(offsets(0, 1, 2, 3)))
    flow.noteStarted(entries[2]!)
    flow.noteStarted(entries[0]!)
    flow.quieten('stop')
    expect(entries.map((entry) => flow.mayStart(entry))).toEqual([true, true, true, false])
  })
})

describe('the end of an ownership', () => {
  test('everything unfinished is handed back, and only what runs is kept in sight, its zombies included', () => {
    const flow = partitionFlow()
    const [running, zombie, parked, queued] = feed(flow, chunkOf(offsets(0, 1, 2, 3)))
    Object.assign(running!, { state: 'running', phase: 'timed' })
    Object.assign(zombie!, { state: 'running', phase: 'zombie' })
    parked!.state = 'parked'
    expect(flow.close()).toEqual([running, zombie])
    expect(flow.counts.abandoned).toBe(4)
    expect([parked!.state, queued!.state]).toEqual(['finished', 'finished'])
  })

  test('an attempt that goes on keeps no record of its ended ownership alive', () => {
    const flow = partitionFlow({ order: 'partition' })
    const [first] = feed(flow, chunkOf(offsets(0, 1)))
    first!.state = 'running'
    const [leftover] = flow.close()
    expect(leftover).toMatchObject({ older: null, newer: null, behind: null })
  })
})

/** Goal: however chunks come and records end, the bytes held are those of the chunks that are not wholly finished, records
 *  are accepted in their order, each once, never more than there is room for, and the line is what a naive look says. */
test('held bytes, buffer, order and line agree with lists of chunks and records', () => {
  const act = fc.oneof(
    fc.record({
      kind: fc.constant('receive' as const),
      gaps: fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 6 }),
      bytes: fc.integer({ min: 1, max: 1_000 }),
    }),
    fc.record({ kind: fc.constant('end' as const), pick: fc.nat() }),
    fc.record({ kind: fc.constant('end' as const), pick: fc.nat() }),
  )
  const script = fc.record({ room: fc.integer({ min: 1, max: 8 }), acts: fc.array(act, { maxLength: 60 }) })
  fc.assert(
    fc.property(script, ({ room, acts }) => {
      const flow = partitionFlow({ bufferedRecordsMax: room })
      const chunks: { bytes: number; unfinished: Set<number> }[] = []
      const received: number[] = []
      const unfinished = new Set<number>()
      const accepted: Entry<TestRecord>[] = []
      let position = 0
      for (const each of acts) {
        if (each.kind === 'receive') {
          const of = each.gaps.map((gap) => (position += gap + 1) - 1)
          chunks.push({ bytes: each.bytes, unfinished: new Set(of) })
          received.push(...of)
          for (const offset of of) unfinished.add(offset)
          accepted.push(...feed(flow, chunkOf(offsets(...of), (position += 1), each.bytes)))
        } else {
          const open = accepted.filter((entry) => unfinished.has(entry.offset))
          const entry = open[each.pick % Math.max(1, open.length)]
          if (entry === undefined) continue
          unfinished.delete(entry.offset)
          for (const chunk of chunks) chunk.unfinished.delete(entry.offset)
          flow.finish(entry, 'done')
          flow.refill(0, (next) => accepted.push(next))
        }
        const held = chunks.filter((chunk) => chunk.unfinished.size > 0)
        expect(flow.heldBytes).toBe(held.reduce((sum, chunk) => sum + chunk.bytes, 0))
        expect(accepted.map((entry) => entry.offset)).toEqual(received.slice(0, accepted.length))
        expect(flow.ledger.size).toBe(Math.min(room, unfinished.size))
        expect(flow.ledger.committable()).toBe(unfinished.size === 0 ? position : Math.min(...unfinished))
      }
    }),
    { numRuns: 300 },
  )
})

test('a partition begins with no known end, led by nobody, and is not fetched before it has a leader', () => {
  const flow = partitionFlow()
  expect(flow.endOffset).toBe(-1)
  flow.leader = null
  expect(flow.isFetchable).toBe(false)
})

test('bytes are held while some of them are undecoded, although all that was decoded has ended', () => {
  const flow = partitionFlow({ bufferedRecordsMax: 1 })
  const [first] = feed(flow, chunkOf(offsets(0, 1), undefined, 700))
  flow.finish(first!, 'done')
  expect(flow.heldBytes).toBe(700)
  const startable: Entry<TestRecord>[] = []
  flow.refill(0, (entry) => startable.push(entry))
  flow.finish(startable[0]!, 'done')
  flow.refill(0, (entry) => startable.push(entry))
  expect(flow.heldBytes).toBe(0)
})

test('the end of a pause is told once, and only if there was one', () => {
  const flow = partitionFlow()
  expect(flow.resume('user')).toBe(false)
  flow.pause('user')
  expect([flow.resume('user'), flow.resume('user')]).toEqual([true, false])
})

test('of entries that were kept, those that may start are handed back and the others stay kept', () => {
  const flow = partitionFlow({ parkedRecordsMax: 1 })
  const entries = feed(flow, chunkOf(offsets(0, 1)))
  flow.parked = 1
  for (const entry of entries) flow.withhold(entry)
  entries[1]!.attempt = 1
  expect(flow.takeStartable()).toEqual([entries[1]])
  flow.parked = 0
  expect(flow.takeStartable()).toEqual([entries[0]])
  expect(flow.takeStartable()).toEqual([])
})

test('marks count as told only where their reader could know for which topic and log they were made', () => {
  const flow = partitionFlow()
  const [, second] = feed(flow, chunkOf(offsets(0, 1)))
  flow.finish(second!, 'done')
  flow.told = 1
  expect(flow.untold).toBe(0)
  flow.lastFetchedEpoch = -1
  expect(flow.untold).toBe(1)
  flow.lastFetchedEpoch = 0
  flow.leader = null
  expect(flow.untold).toBe(1)
})
