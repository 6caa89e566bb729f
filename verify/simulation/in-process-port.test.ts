/** What only a simulated network can do to the port in process; the contract that every port keeps is in `contract/`. */

import { BrokerCore } from '@holdfast/broker'
import { clusterNodes, Machine, SimulatedNetwork, VirtualClock } from 'holdfast/testing'
import { describe, expect, test } from 'vitest'
import { type KafkaPort, type NodeAddress } from '../../packages/holdfast/src/kafka/port.ts'
import { kindOf } from '../contract/port-fixture.ts'

type Stage = {
  readonly clock: VirtualClock
  readonly core: BrokerCore
  readonly network: SimulatedNetwork
  readonly machine: Machine
  readonly port: KafkaPort
  readonly node: NodeAddress
}

async function stage(): Promise<Stage> {
  const clock = new VirtualClock()
  const nodes = clusterNodes(2)
  const core = new BrokerCore({ brokers: nodes, clock: clock.view('broker'), topics: { orders: 1 } })
  const network = new SimulatedNetwork(clock.stream('network'))
  const machine = new Machine('client', { core, clock, nodes, network })
  return {
    clock,
    core,
    network,
    machine,
    port: await machine.openPort({ clientId: 'c' }),
    node: nodes[0] as NodeAddress,
  }
}

const nobody = { topics: [], allowAutoTopicCreation: false } as const

function ask({ port, node }: Stage, timeoutMs = 1_000, signal?: AbortSignal): Promise<unknown> {
  return port.call(node, 'Metadata', nobody, { channel: 'main', timeoutMs, signal })
}

/** A commit outside any group, which the broker takes from everybody. */
function commit({ port, core, node }: Stage, committedOffset: number): Promise<unknown> {
  const coordinator = core.coordinatorOf('g') === 1 ? node : { host: 'broker-2.invalid', port: 9092 }
  const partitions = [{ partitionIndex: 0, committedOffset, committedLeaderEpoch: -1, committedMetadata: null }]
  const request = { groupId: 'g', memberId: '', groupInstanceId: null, generationIdOrMemberEpoch: -1 }
  const topics = [{ name: 'orders', partitions }]
  return port.call(coordinator, 'OffsetCommit', { ...request, topics }, { channel: 'main', timeoutMs: 1_000 })
}

function committed({ core }: Stage): readonly number[] {
  return core.committed('g').map(({ offset }) => offset)
}

describe('on a perfect network', () => {
  test('an answer needs no time at all', async () => {
    const on = await stage()
    await ask(on)
    expect(on.clock.monotonicMs()).toBe(0)
  })

  test('the broker serves one request of a connection at a time', async () => {
    const on = await stage()
    const { topicId } = (await on.port.call(on.node, 'Metadata', { ...nobody, topics: ['orders'] }, main))
      .topics[0] ?? {
      topicId: '',
    }
    const partitions = [
      { partition: 0, currentLeaderEpoch: -1, fetchOffset: 0, lastFetchedEpoch: -1, partitionMaxBytes: 1 },
    ]
    const fetch = {
      maxWaitMs: 300,
      minBytes: 1,
      maxBytes: 1,
      isolationLevel: 0,
      sessionId: 0,
      sessionEpoch: -1,
    } as const
    const topics = [{ topic: 'orders', topicId, partitions }]
    const story: string[] = []
    void on.port
      .call(on.node, 'Fetch', { ...fetch, topics, forgottenTopics: [] }, main)
      .then(() => story.push(`fetch at ${on.clock.monotonicMs()}`))
    void ask(on).then(() => story.push(`metadata at ${on.clock.monotonicMs()}`))

    await on.clock.advance(1_000)

    expect(story).toEqual(['fetch at 300', 'metadata at 300'])
  })
})

const main = { channel: 'main', timeoutMs: 1_000 } as const

describe('what goes wrong', () => {
  test('an answer that is lost was applied; the call ends at its deadline, and so does its connection', async () => {
    const on = await stage()
    on.network.conditions = { ...on.network.conditions, answerLost: 1 }
    const late = kindOf(commit(on, 7))
    await on.clock.advance(999)
    expect(committed(on)).toEqual([7])
    on.network.heal()
    const behind = kindOf(commit(on, 8))
    await on.clock.advance(1)

    expect([await late, await behind]).toEqual(['timeout', 'closed'])
    expect(await kindOf(commit(on, 9))).toBe('answered')
    expect(on.network.counts).toMatchObject({ answerLost: 1, requestLost: 0 })
  })

  test('a request that is lost was not applied, and whatever follows on its connection is lost as well', async () => {
    const on = await stage()
    on.network.conditions = { ...on.network.conditions, requestLost: 1 }
    const lost = kindOf(commit(on, 7))
    on.network.heal()
    const behind = kindOf(commit(on, 8))
    await on.clock.advance(1_000)

    expect([await lost, await behind]).toEqual(['timeout', 'closed'])
    expect(committed(on)).toEqual([])
  })

  test('a reset tells the caller at once, before or after the broker applied the request', async () => {
    const on = await stage()
    on.network.conditions = { ...on.network.conditions, resetBeforeApplied: 1 }
    expect(await kindOf(commit(on, 7))).toBe('closed')
    expect(committed(on)).toEqual([])

    on.network.conditions = { ...on.network.conditions, resetBeforeApplied: 0, resetAfterApplied: 1 }
    expect(await kindOf(commit(on, 7))).toBe('closed')
    expect(committed(on)).toEqual([7])
    expect(on.clock.monotonicMs()).toBe(0)
  })

  test('behind a partition of the network a connection is never made, until the partition ends', async () => {
    const on = await stage()
    on.network.separate('client', 1)
    const call = kindOf(ask(on))
    await on.clock.advance(1_000)
    expect(await call).toBe('refused')

    on.network.join('client', 1)
    expect(await kindOf(ask(on))).toBe('answered')
  })

  test('a partition of the network swallows what travels on connections that exist', async () => {
    const on = await stage()
    await ask(on)
    on.network.separate('client', 1)
    const call = kindOf(ask(on))
    await on.clock.advance(1_000)

    expect(await call).toBe('timeout')
    expect(on.network.counts.unreachable).toBe(1)
  })

  test('a node that goes down cuts its connections and takes no new ones', async () => {
    const on = await stage()
    on.network.conditions = { ...on.network.conditions, latencyMs: [10, 10] }
    const inFlight = kindOf(ask(on))
    await on.clock.advance(15)
    on.network.takeDown(1)
    const after = kindOf(ask(on))
    await on.clock.advance(10)

    expect([await inFlight, await after]).toEqual(['closed', 'refused'])
    on.network.bringUp(1)
    const back = kindOf(ask(on))
    await on.clock.advance(30)
    expect(await back).toBe('answered')
  })

  test('answers of one connection stay in order, however long each of them travels', async () => {
    const on = await stage()
    on.network.conditions = { ...on.network.conditions, latencyMs: [1, 100] }
    const order: number[] = []
    for (let index = 0; index < 50; index++) void ask(on).then(() => order.push(index))
    await on.clock.advance(1_000)

    expect(order).toEqual(Array.from({ length: 50 }, (_, index) => index))
  })

  test('an aborted call rejects at once and its connection lives on', async () => {
    const on = await stage()
    on.network.conditions = { ...on.network.conditions, latencyMs: [10, 10] }
    const controller = new AbortController()
    const aborted = kindOf(ask(on, 1_000, controller.signal))
    const other = kindOf(ask(on))
    controller.abort()

    expect(await aborted).toBe('aborted')
    await on.clock.advance(30)
    expect(await other).toBe('answered')
  })

  test('a machine that crashes hears of nothing any more, but what it had sent still arrives', async () => {
    const on = await stage()
    await commit(on, 1)
    on.network.conditions = { ...on.network.conditions, latencyMs: [10, 10] }
    const story: string[] = []
    void commit(on, 2).then(
      () => story.push('answered'),
      () => story.push('failed'),
    )
    on.machine.clock.setTimer(5, () => story.push('timer'))
    on.machine.crash()
    void kindOf(commit(on, 3)).then((kind) => story.push(kind))
    await on.clock.advance(60_000)

    expect(story).toEqual([])
    expect(committed(on)).toEqual([2])
  })

  test('through a partition in one direction a request is applied and its answer lost, or not even that', async () => {
    const on = await stage()
    await commit(on, 1)
    const coordinator = on.core.coordinatorOf('g')
    on.network.separate('client', coordinator, 'partitioned', ['back'])
    const unanswered = kindOf(commit(on, 2))
    await on.clock.advance(1_000)
    expect([await unanswered, ...committed(on)]).toEqual(['timeout', 2])

    on.network.join('client', coordinator)
    await commit(on, 3)
    on.network.separate('client', coordinator, 'partitioned', ['thither'])
    const unheard = kindOf(commit(on, 4))
    await on.clock.advance(1_000)
    expect([await unheard, ...committed(on)]).toEqual(['timeout', 3])
    expect(on.network.counts.partitioned).toBe(2)
  })

  test('a machine whose event loop is held up hears of everything afterwards: first its timers, then answers', async () => {
    const on = await stage()
    on.network.conditions = { ...on.network.conditions, latencyMs: [10, 10] }
    const story: string[] = []
    const note = (what: string) => (): void => void story.push(`${what} at ${on.clock.monotonicMs()}`)
    void commit(on, 7).then(note('answer'))
    on.machine.clock.setTimer(90, note('timer 90'))
    on.machine.clock.setTimer(50, note('timer 50'))
    on.machine.clock.setTimer(60, () => expect.unreachable('it was cancelled')).cancel()
    await on.clock.advance(10)

    on.machine.freeze(500)
    await on.clock.advance(499)
    expect([story, committed(on)]).toEqual([[], [7]])
    await on.clock.advance(1)

    expect(story).toEqual(['timer 50 at 510', 'timer 90 at 510', 'answer at 510'])
  })

  test('a deadline that passed while the event loop was held up comes before the answer that was there in time', async () => {
    const on = await stage()
    await ask(on)
    on.network.conditions = { ...on.network.conditions, latencyMs: [10, 10] }
    const call = kindOf(ask(on, 100))
    on.machine.freeze(200)
    await on.clock.advance(200)

    expect(await call).toBe('timeout')
  })

  test('what is cut while the event loop is held up is told afterwards, once', async () => {
    const on = await stage()
    await ask(on)
    on.network.conditions = { ...on.network.conditions, latencyMs: [10, 10] }
    const told: string[] = []
    void kindOf(ask(on)).then((kind) => told.push(kind))
    on.machine.freeze(200)
    on.network.takeDown(1, 'nodeRestarted')
    await on.clock.advance(199)
    expect(told).toEqual([])
    await on.clock.advance(1)

    expect(told).toEqual(['closed'])
  })
})
