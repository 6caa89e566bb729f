import { expect, test } from 'vitest'
import { type MetadataResponse, type NodeAddress, PortError } from '../kafka/port.ts'
import type { HoldfastError } from '../model/errors.ts'
import type { HoldfastEventName } from '../observe/events.ts'
import { Cluster } from './cluster.ts'
import { ManualClock, type ScriptedCall, ScriptedPort, silence } from './scripted-port.fixture.ts'

const [alpha, beta, gamma] = [9_092, 9_093, 9_094].map((port) => ({ host: 'kafka', port })) as [
  NodeAddress,
  NodeAddress,
  NodeAddress,
]
const ordersId = '00000000-0000-0000-0000-0000000000aa'

type Leader = readonly [leaderId: number, leaderEpoch: number]

/** Brokers 1, 2, 3 at alpha, beta, gamma, and the topic `orders`. */
function metadata(leaders: readonly Leader[] = [[1, 5]], topic: Partial<MetadataResponse['topics'][number]> = {}) {
  return {
    brokers: [alpha, beta, gamma].map((node, index) => ({ nodeId: index + 1, ...node, rack: null })),
    clusterId: 'c',
    controllerId: 1,
    topics: [
      {
        errorCode: 0,
        name: 'orders',
        topicId: ordersId,
        isInternal: false,
        partitions: leaders.map(([leaderId, leaderEpoch], partitionIndex) => ({
          errorCode: 0,
          partitionIndex,
          leaderId,
          leaderEpoch,
        })),
        ...topic,
      },
    ],
  } satisfies MetadataResponse
}

function coordinator(errorCode: number, node: NodeAddress = beta): object {
  return { coordinators: [{ key: 'billing', nodeId: 2, ...node, errorCode, errorMessage: null }] }
}

function setUp(options: { bootstrap?: NodeAddress[]; requestTimeoutMs?: number } = {}) {
  const clock = new ManualClock()
  const port = new ScriptedPort(clock, () => metadata())
  const events: HoldfastEventName[] = []
  const cluster = new Cluster({
    port,
    clock,
    bootstrap: options.bootstrap ?? [alpha],
    requestTimeoutMs: options.requestTimeoutMs ?? 10_000,
    emit: (name) => events.push(name),
    backoff: { firstMs: 100, maxMs: 1_000 },
  })
  cluster.track(['orders'])
  return { clock, port, cluster, events }
}

async function connected(options?: Parameters<typeof setUp>[0]) {
  const parts = setUp(options)
  await parts.cluster.connect({ timeoutMs: 1_000 })
  parts.port.calls.length = 0
  return parts
}

/** What a promise came to so far, without waiting for it. */
function watch<T>(promise: Promise<T>): { value?: T; error?: unknown } {
  const outcome: { value?: T; error?: unknown } = {}
  promise.then(
    (value) => (outcome.value = value),
    (error: unknown) => (outcome.error = error),
  )
  return outcome
}

const isNode = (call: ScriptedCall, node: NodeAddress): boolean => call.node.port === node.port

test('the first contact asks for the tracked topics and never lets the broker create one', async () => {
  const { cluster, port } = setUp()
  await cluster.connect({ timeoutMs: 1_000 })
  expect(port.calls[0]?.request).toEqual({ topics: ['orders'], allowAutoTopicCreation: false })
  expect(cluster.leaderOf('orders', 0)).toEqual({ nodeId: 1, address: alpha, leaderEpoch: 5 })
  expect(cluster.nodes).toEqual([alpha, beta, gamma])
})

test('when no address answers within the budget, the error names each of them and its cause', async () => {
  const { cluster, port, clock, events } = setUp({ bootstrap: [alpha, beta] })
  port.answer = (call) => (isNode(call, alpha) ? new PortError('refused', alpha, 'connection refused') : silence)
  const outcome = watch(cluster.connect({ timeoutMs: 3_000 }))
  await clock.advance(3_000)
  expect(outcome.error).toMatchObject({ code: 'BROKER_UNREACHABLE', retriable: true })
  const { message, cause } = outcome.error as HoldfastError
  expect(message).toContain('connection refused (kafka:9092)')
  expect(message).toContain('Metadata timeout (kafka:9093)')
  expect((cause as AggregateError).errors).toHaveLength(2)
  expect(events).toContain('connection.failed')
})

test('a silent first address leaves enough of the budget for the second', async () => {
  const { cluster, port, clock } = setUp({ bootstrap: [alpha, beta] })
  port.answer = (call) => (isNode(call, alpha) ? silence : metadata())
  const outcome = watch(cluster.connect({ timeoutMs: 3_000 }).then(() => 'connected'))
  await clock.advance(1_500)
  expect(outcome).toEqual({ value: 'connected' })
})

test('a broker that starts within the budget is waited for', async () => {
  const { cluster, port, clock } = setUp()
  port.answer = (call) => (call.atMs < 800 ? new PortError('refused', alpha, 'connection refused') : metadata())
  const outcome = watch(cluster.connect({ timeoutMs: 3_000 }).then(() => 'connected'))
  await clock.advance(2_000)
  expect(outcome).toEqual({ value: 'connected' })
  expect(port.calls.length).toBeLessThan(8)
})

test('refused credentials end the first contact at once', async () => {
  const { cluster, port, clock } = setUp({ bootstrap: [alpha, beta] })
  port.answer = () => new PortError('auth', alpha, 'SASL authentication failed')
  const outcome = watch(cluster.connect({ timeoutMs: 3_000 }))
  await clock.settle()
  expect(outcome.error).toMatchObject({ code: 'AUTHENTICATION_FAILED' })
  expect(port.calls).toHaveLength(1)
})

test('closing ends a first contact that hangs', async () => {
  const { cluster, port, clock } = setUp()
  port.answer = () => silence
  const outcome = watch(cluster.connect({ timeoutMs: 3_000 }))
  await clock.settle()
  cluster.close()
  await clock.settle()
  expect(outcome.error).toMatchObject({ code: 'STOPPED' })
})

test('a leader epoch never goes back, whatever a lagging broker answers', async () => {
  const { cluster, port } = await connected()
  port.answer = () => metadata([[2, 4]])
  await cluster.refresh('test')
  expect(cluster.leaderOf('orders', 0)).toEqual({ nodeId: 1, address: alpha, leaderEpoch: 5 })
  port.answer = () => metadata([[2, 6]])
  await cluster.refresh('test')
  expect(cluster.leaderOf('orders', 0)).toEqual({ nodeId: 2, address: beta, leaderEpoch: 6 })
})

test('a topic that was created anew counts its leader epochs from the start', async () => {
  const { cluster, port } = await connected()
  port.answer = () => metadata([[3, 0]], { topicId: '00000000-0000-0000-0000-0000000000bb' })
  await cluster.refresh('test')
  expect(cluster.leaderOf('orders', 0)).toEqual({ nodeId: 3, address: gamma, leaderEpoch: 0 })
})

test('a broker that does not know a topic for a moment does not make its partitions vanish', async () => {
  const { cluster, port } = await connected()
  port.answer = () => metadata([], { errorCode: 3, topicId: '00000000-0000-0000-0000-000000000000' })
  await cluster.refresh('test')
  expect(cluster.topic('orders')).toMatchObject({ errorCode: 3, topicId: ordersId })
  expect(cluster.leaderOf('orders', 0)?.nodeId).toBe(1)
})

test('a partition without an elected leader has none', async () => {
  const { cluster, port } = await connected()
  port.answer = () => metadata([[-1, 6]])
  await cluster.refresh('test')
  expect(cluster.leaderOf('orders', 0)).toBe(undefined)
})

test('a leader that an answer named is used at once, an older one never', async () => {
  const { cluster } = await connected()
  const delta = { host: 'kafka', port: 9_095 }
  cluster.learnLeader('orders', 0, { nodeId: 4, leaderEpoch: 7, address: delta })
  expect(cluster.leaderOf('orders', 0)).toEqual({ nodeId: 4, address: delta, leaderEpoch: 7 })
  cluster.learnLeader('orders', 0, { nodeId: 2, leaderEpoch: 6 })
  cluster.learnLeader('orders', 0, { nodeId: 2, leaderEpoch: 7 })
  expect(cluster.leaderOf('orders', 0)?.nodeId).toBe(4)
})

test('refreshes at the same time share one request', async () => {
  const { cluster, port } = await connected()
  expect(await Promise.all([cluster.refresh('one'), cluster.refresh('two')])).toEqual([true, true])
  expect(port.of('Metadata')).toHaveLength(1)
})

test('a refresh that began before a topic was tracked does not resolve without it', async () => {
  const { cluster, port } = await connected()
  const first = cluster.refresh('one')
  cluster.track(['payments'])
  await Promise.all([first, cluster.refresh('two')])
  expect(port.of('Metadata').map(({ request }) => request)).toMatchObject([
    { topics: ['orders'] },
    { topics: ['orders', 'payments'] },
  ])
})

test('a refresh tries every broker and every bootstrap address before it backs off', async () => {
  const { cluster, port, clock } = await connected({ bootstrap: [{ host: 'bootstrap', port: 1 }] })
  port.answer = (call) => (isNode(call, gamma) ? metadata() : new PortError('refused', call.node, 'connection refused'))
  await cluster.refresh('test')
  port.calls.length = 0
  port.answer = (call) => new PortError('refused', call.node, 'connection refused')
  const outcome = watch(cluster.refresh('test'))
  await clock.settle()
  expect(port.calls[0]?.node).toEqual(gamma)
  expect(port.calls.map(({ node }) => `${node.host}:${node.port}`).toSorted()).toEqual([
    'bootstrap:1',
    'kafka:9092',
    'kafka:9093',
    'kafka:9094',
  ])
  port.answer = () => metadata()
  await clock.advance(100)
  expect(outcome).toEqual({ value: true })
})

test('a cluster that stays away is asked ever more rarely', async () => {
  const { cluster, port, clock } = await connected()
  port.answer = (call) => new PortError('refused', call.node, 'connection refused')
  void cluster.refresh('test')
  await clock.advance(10_000)
  const rounds = port.calls.filter((call) => isNode(call, gamma)).map(({ atMs }) => atMs)
  expect(rounds.slice(0, 6)).toEqual([0, 75, 225, 525, 1_125, 1_875])
  expect(rounds.length).toBeLessThan(20)
})

test('a broker that knows no broker yet is not believed', async () => {
  const { cluster, port, clock } = await connected()
  port.answer = () => ({ ...metadata(), brokers: [] })
  const outcome = watch(cluster.refresh('test'))
  await clock.settle()
  expect(outcome).toEqual({})
  expect(cluster.nodes).toHaveLength(3)
})

test('new partitions are noticed within 30 s, and listeners hear of changes only', async () => {
  const { cluster, port, clock } = await connected()
  let changes = 0
  cluster.onChange(() => changes++)
  await clock.advance(30_000)
  expect({ requests: port.of('Metadata').length, changes }).toEqual({ requests: 1, changes: 0 })
  port.answer = () =>
    metadata([
      [1, 5],
      [2, 0],
    ])
  await clock.advance(30_000)
  expect({ partitions: cluster.topic('orders')?.partitions.length, changes }).toEqual({ partitions: 2, changes: 1 })
})

test('a coordinator that is not there yet is waited for, by all callers together', async () => {
  const { cluster, port, clock } = await connected()
  port.answer = (call) => coordinator(call.atMs < 500 ? 15 : 0)
  const outcomes = [cluster.coordinatorOf('billing'), cluster.coordinatorOf('billing')].map(watch)
  await clock.advance(499)
  expect(outcomes).toEqual([{}, {}])
  await clock.advance(500)
  expect(outcomes).toEqual([{ value: beta }, { value: beta }])
  expect(port.of('FindCoordinator').map(({ atMs }) => atMs)).toEqual([0, 75, 225, 525])
  expect(await cluster.coordinatorOf('billing')).toEqual(beta)
  expect(port.of('FindCoordinator')).toHaveLength(4)
})

test('a late complaint about the old coordinator does not discard the new one', async () => {
  const { cluster, port } = await connected()
  port.answer = () => coordinator(0)
  await cluster.coordinatorOf('billing')
  cluster.forgetCoordinator('billing', gamma)
  await cluster.coordinatorOf('billing')
  expect(port.of('FindCoordinator')).toHaveLength(1)
  cluster.forgetCoordinator('billing', beta)
  await cluster.coordinatorOf('billing')
  expect(port.of('FindCoordinator')).toHaveLength(2)
})

test('a group that the principal may not use is an error at once', async () => {
  const { cluster, port } = await connected()
  port.answer = () => coordinator(30)
  await expect(cluster.coordinatorOf('billing')).rejects.toMatchObject({ code: 'AUTHORIZATION_FAILED' })
})

test('one caller may give up while the search goes on for another', async () => {
  const { cluster, port, clock } = await connected()
  port.answer = (call) => coordinator(call.atMs < 50 ? 16 : 0)
  const impatient = new AbortController()
  const outcomes = [cluster.coordinatorOf('billing', impatient), cluster.coordinatorOf('billing')].map(watch)
  impatient.abort()
  await clock.advance(100)
  expect(outcomes[0]?.error).toMatchObject({ code: 'STOPPED' })
  expect(outcomes[1]).toEqual({ value: beta })
})

test('closing ends every request, wait and timer at once', async () => {
  const { cluster, port, clock, events } = await connected()
  port.answer = (call) => (call.api === 'Metadata' ? silence : coordinator(15))
  const refresh = watch(cluster.refresh('test'))
  const lookup = watch(cluster.coordinatorOf('billing'))
  await clock.settle()
  cluster.close()
  await clock.settle()
  expect(refresh).toEqual({ value: false })
  expect(lookup.error).toMatchObject({ code: 'STOPPED' })
  expect(await cluster.refresh('test')).toBe(false)
  expect(clock.timersPending).toBe(0)
  expect(events).not.toContain('connection.failed')
})
