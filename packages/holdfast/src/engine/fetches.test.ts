import { describe, expect, test } from 'vitest'
import { kafkaErrors } from '../model/kafka-errors.ts'
import { answerFetch, failFetch, flowOf, ledBy, relocated, runningOf } from './engine-parts.fixture.ts'
import type { FetchOrder } from './fetch-session.ts'
import { chunkOf, MemberRig, offsets, testGroup, topicId } from './member-rig.fixture.ts'
import { explain } from './status.ts'

/** A member whose partitions 0, 1, … are led by these nodes, each of which is being asked. */
function led(nodes: readonly number[], limits: Partial<typeof testGroup.fetch> = {}): MemberRig {
  const rig = new MemberRig({ fetch: { ...testGroup.fetch, ...limits } }).assign(nodes.length)
  const leaders = nodes.map((nodeId, partition) => {
    return { topic: 'orders', partition, nodeId, leaderEpoch: 0, topicId }
  })
  rig.step({ kind: 'leaders', leaders })
  for (const order of [...rig.fetches]) answerEmpty(rig, order)
  rig.fetches = nodes.map((nodeId) => newestOf(rig, nodeId))
  return rig
}

function answerEmpty(rig: MemberRig, { nodeId, stamp }: FetchOrder): void {
  rig.step({ kind: 'fetched', nodeId, stamp, sessionId: 7, partitions: [] })
}

function newestOf(rig: MemberRig, nodeId: number): FetchOrder {
  return rig.fetches.findLast((order) => order.nodeId === nodeId)!
}

describe('who is asked', () => {
  test('one request per node is in flight', () => {
    const rig = new MemberRig().assign()
    ledBy(rig, 0)
    rig.step({ kind: 'resumed', topic: 'orders' })
    expect(rig.fetches).toHaveLength(1)
  })

  test('a node none of whose partitions may be fetched is not asked', () => {
    const rig = new MemberRig().assign()
    rig.step({ kind: 'paused', topic: 'orders' })
    rig.deliver(null)
    expect(rig.fetches).toHaveLength(1)
    rig.step({ kind: 'resumed', topic: 'orders' })
    expect(rig.fetches).toHaveLength(2)
  })

  test('with more brokers than the byte limit has requests, every broker is asked in its turn', () => {
    const nodes = Array.from({ length: 9 }, (_, node) => node)
    const rig = led(nodes)
    const asked = new Set<number>()
    const open: FetchOrder[] = []
    for (let answers = 0; answers < 100; answers++) {
      for (const order of rig.fetches.splice(0)) {
        asked.add(order.nodeId)
        open.push(order)
      }
      answerEmpty(rig, open.shift()!)
    }
    expect(asked.size).toBe(nodes.length)
  })

  test('when there is room for one request, the nodes are asked in turn', () => {
    const rig = led([1, 2], { heldBytesMax: 10, requestBytesMax: 10 })
    const second = rig.fetches[0]!
    rig.deliver(chunkOf(offsets(0), 1, 6), 1)
    const asked: number[] = []
    for (let order = second; asked.length < 6; order = rig.fetches.at(-1)!) {
      answerEmpty(rig, order)
      asked.push(rig.fetches.at(-1)!.nodeId)
    }
    expect(asked).toEqual([2, 1, 2, 1, 2, 1])
  })

  test('a partition at its old position is not named again', () => {
    const rig = new MemberRig().assign(2)
    rig.deliver(null)
    expect(rig.fetches.at(-1)).toMatchObject({ sessionId: 7, sessionEpoch: 1, named: [], forgotten: [] })
    rig.deliver(chunkOf(offsets(0)), 1)
    expect(rig.fetches.at(-1)!.named.map((target) => target.partition)).toEqual([1])
  })

  test('a partition that metadata leaves out is asked of the leader that is known', () => {
    const rig = new MemberRig().assign()
    rig.step({ kind: 'leaders', leaders: [] })
    rig.deliver(null)
    expect(rig.fetches.at(-1)).toMatchObject({ nodeId: 1 })
    expect(rig.fetches).toHaveLength(2)
  })
})

describe('bytes', () => {
  test('what is held and what may still come never exceed the limit together', () => {
    const rig = led([1, 2], { heldBytesMax: 10, requestBytesMax: 8 })
    rig.deliver(chunkOf(offsets(0), 1, 4), 1)
    expect([newestOf(rig, 1).bytesMax, newestOf(rig, 2).bytesMax]).toEqual([5, 1])
  })

  test('no node is given the room of all', () => {
    const rig = led([1, 2], { heldBytesMax: 10, requestBytesMax: 10 })
    expect(rig.fetches.map((order) => order.bytesMax)).toEqual([5, 5])
  })

  test('a failed session gives back the bytes that it reserved', () => {
    const rig = new MemberRig({
      fetch: { ...testGroup.fetch, requestBytesMax: 8, partitionBytesMax: 8, heldBytesMax: 8 },
    }).assign()
    failFetch(rig, true)
    expect(rig.fetches.at(-1)).toMatchObject({ bytesMax: 8 })
    expect(rig.fetches).toHaveLength(2)
  })

  test('a partition that stands still for a retry does not hurry the others of its node', () => {
    const rig = new MemberRig({ subscription: { inPlaceDelaysMs: [] } }).assign(2)
    rig.deliver(chunkOf(offsets(0)), 0)
    rig.end(0, 'failed')
    rig.deliver(null, 1)
    expect(rig.fetches.at(-1)).toMatchObject({ maxWaitMs: 500 })
    expect([...rig.fetches.at(-1)!.targets.keys()]).toEqual(['orders/1'])
  })
})

describe('failures', () => {
  test('a fetch goes out again when the wait after its failure is over, not before', () => {
    const rig = new MemberRig().assign()
    failFetch(rig)
    expect(rig.flow.nextWakeMs - rig.nowMs).toBe(75)
    ledBy(rig, 0)
    expect(rig.fetches).toHaveLength(1)
    rig.advance(75)
    expect(rig.fetches).toHaveLength(2)
    expect(rig.fetches[1]).toMatchObject({ sessionId: 0, sessionEpoch: 0 })
  })

  test('a node that answered in between is not made to wait for its earlier failures', () => {
    const rig = new MemberRig().assign()
    const fail = (): number => {
      failFetch(rig)
      const waitMs = rig.flow.nextWakeMs - rig.nowMs
      rig.advance(waitMs)
      return waitMs
    }
    expect([fail(), fail()]).toEqual([75, 150])
    answerFetch(rig, {})
    expect(fail()).toBe(75)
  })

  test('a session that the broker forgot is opened again at once, but not over and over', () => {
    const rig = new MemberRig().assign()
    failFetch(rig, true)
    expect(rig.fetches).toHaveLength(2)
    failFetch(rig, true)
    expect(rig.fetches).toHaveLength(2)
    rig.advance(150)
    expect(rig.fetches).toHaveLength(3)
  })

  test('a partition whose fetch failed is asked for again when its wait is over', () => {
    const rig = new MemberRig().assign()
    answerFetch(rig, { errorCode: kafkaErrors.LEADER_NOT_AVAILABLE })
    const before = rig.fetches.length
    rig.advance(75)
    expect(rig.fetches.length).toBe(before + 1)
  })

  test('failures in a row wait ever longer, and an answer that is good ends that', () => {
    const rig = new MemberRig().assign()
    const fail = (): number => {
      answerFetch(rig, { errorCode: kafkaErrors.NOT_LEADER_OR_FOLLOWER })
      const waitMs = flowOf(rig).fetchNotBeforeMs - rig.nowMs
      rig.advance(waitMs)
      return waitMs
    }
    expect([fail(), fail()]).toEqual([75, 150])
    expect(explain(rig.flow, 'orders', rig.nowMs)).toEqual([expect.stringContaining('2 failures in a row')])
    answerFetch(rig, {})
    expect(explain(rig.flow, 'orders', rig.nowMs)).toEqual([])
    expect(fail()).toBe(75)
  })

  test('bytes that failed their checksum are not taken in, and are asked for again after a wait', () => {
    const rig = new MemberRig().assign()
    rig.take()
    answerFetch(rig, { corruption: 'bad checksum', offsets: [0] })
    expect(rig.names()).toEqual(expect.arrayContaining(['fetch.corrupt', 'refreshMetadata']))
    expect(rig.running.size).toBe(0)
    rig.advance(75)
    expect(rig.fetches.at(-1)!.targets.get('orders/0')).toMatchObject({ fetchOffset: 0 })
  })

  test('another leader is asked at once, although the last one failed', () => {
    const rig = new MemberRig().assign()
    answerFetch(rig, { errorCode: kafkaErrors.NOT_LEADER_OR_FOLLOWER })
    ledBy(rig, 0, 2)
    expect(rig.fetches.at(-1)).toMatchObject({ nodeId: 2 })
  })
})

describe('answers', () => {
  test('a broker that does not say where the log ends leaves what is known', () => {
    const rig = new MemberRig().assign()
    answerFetch(rig, { endOffset: 40 })
    answerFetch(rig, { endOffset: -1 })
    expect(flowOf(rig).endOffset).toBe(40)
  })

  test('an answer to a position that was left meanwhile is dropped', () => {
    const rig = new MemberRig().assign()
    const order = rig.fetches.at(-1)!
    relocated(rig, 10)
    answerFetch(rig, { offsets: [0] }, order)
    expect(rig.running.size).toBe(0)
    expect(flowOf(rig).fetchPosition).toBe(10)
  })

  test('an answer of an older epoch is dropped, though its position is that of the newer one', () => {
    const rig = new MemberRig().assign()
    rig.deliver(chunkOf(offsets(0, 1, 2)))
    const old = rig.fetches.at(-1)!
    ledBy(rig, 1, 2)
    relocated(rig, 1)
    rig.deliver(chunkOf(offsets(1, 2)))
    expect(flowOf(rig).fetchPosition).toBe(3)
    answerFetch(rig, { offsets: [3] }, old)
    expect(runningOf(rig)).toEqual([0, 1, 2])
  })

  test('an answer that comes while the position is being checked changes nothing', () => {
    const rig = new MemberRig().assign()
    rig.deliver(chunkOf(offsets(0, 1)))
    ledBy(rig, 1)
    rig.deliver(chunkOf(offsets(2, 3)))
    rig.take()
    relocated(rig, 2)
    expect(rig.names()).not.toContain('partition.reset')
    expect(flowOf(rig).epoch).toBe(1)
  })
})
