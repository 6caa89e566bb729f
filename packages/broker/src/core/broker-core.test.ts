import { beforeEach, describe, expect, test } from 'vitest'

import { encodeBatch } from '../log/record-batch.ts'
import type { NewRecord } from '../log/records.ts'
import type { DecodedResponse, GivenRequest } from '../protocol/apis.ts'
import { errorCode } from '../protocol/error-code.ts'
import { VirtualClock } from '../testing/virtual-clock.ts'
import { BrokerCore } from './broker-core.ts'
import { ConnectionClosed, type CoreConnection } from './connection.ts'

let clock: VirtualClock
let core: BrokerCore
let connection: CoreConnection

beforeEach(() => {
  clock = new VirtualClock()
  const brokers = [1, 2].map((nodeId) => ({ nodeId, host: '127.0.0.1', port: 9_000 + nodeId }))
  core = new BrokerCore({ brokers, clock, topics: { orders: 2 } })
  connection = core.connect(1, 'test')
})

/** Partition 0 of `orders` is led by node 1, partition 1 by node 2. */
function fetch(over: GivenRequest<'Fetch'> = {}): Promise<DecodedResponse<'Fetch'>> {
  const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1_000_000 }]
  const whole = { maxWaitMs: 500, minBytes: 1, maxBytes: 1_000_000, topics: [{ topic: 'orders', partitions }], ...over }
  return core.handle(1, 'Fetch', 12, whole, connection)
}

function produce(records: readonly NewRecord[], index = 0): Promise<DecodedResponse<'Produce'>> {
  const partitions = [{ index, records: encodeBatch(records, { nowMs: clock.epochMs() }) }]
  const request = { acks: -1, timeoutMs: 1_000, topics: [{ name: 'orders', partitions }] }
  return core.handle(1, 'Produce', 12, request, core.connect(1, 'producer'))
}

/** Whether a promise has settled by now. */
function watch<T>(promise: Promise<T>): { value?: T; error?: unknown } {
  const seen: { value?: T; error?: unknown } = {}
  promise.then(
    (value) => (seen.value = value),
    (error: unknown) => (seen.error = error),
  )
  return seen
}

describe('a fetch', () => {
  test('waits for bytes and answers as soon as they are there', async () => {
    const waiting = watch(fetch())
    await clock.advance(499)
    expect(waiting.value).toBeUndefined()
    await produce([{ value: 'v' }])
    await clock.advance(0)
    expect(waiting.value?.responses[0]?.partitions[0]?.records?.length).toBeGreaterThan(0)
  })

  test('waits no longer than it was told to', async () => {
    const waiting = watch(fetch())
    await clock.advance(499)
    expect(waiting.value).toBeUndefined()
    await clock.advance(1)
    expect(waiting.value?.responses[0]?.partitions[0]).toMatchObject({ errorCode: 0, highWatermark: 0 })
  })

  test('that must tell an error does not wait', async () => {
    const partitions = [{ partition: 0, fetchOffset: 7, partitionMaxBytes: 1_000 }]
    const answer = await fetch({ topics: [{ topic: 'orders', partitions }] })
    expect(answer.responses[0]?.partitions[0]?.errorCode).toBe(errorCode.offsetOutOfRange)
  })

  test('hears at once that its leader moved, and where to', async () => {
    const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1_000 }]
    const topics = [{ topicId: core.topics()[0]?.id ?? '', partitions }]
    const waiting = watch(core.handle(1, 'Fetch', 16, { maxWaitMs: 500, minBytes: 1, topics }, connection))
    await clock.advance(0)
    core.moveLeader('orders', 0, 2)
    await clock.advance(0)
    expect(waiting.value?.responses[0]?.partitions[0]).toMatchObject({
      errorCode: errorCode.notLeaderOrFollower,
      currentLeader: { leaderId: 2, leaderEpoch: 1 },
    })
  })

  test.each([
    ['older', 0, errorCode.fencedLeaderEpoch],
    ['newer', 2, errorCode.unknownLeaderEpoch],
  ])('with an %s leader epoch is fenced', async (_name, currentLeaderEpoch, code) => {
    core.moveLeader('orders', 0, 1)
    const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1_000, currentLeaderEpoch }]
    const answer = await fetch({ topics: [{ topic: 'orders', partitions }] })
    expect(answer.responses[0]?.partitions[0]?.errorCode).toBe(code)
  })

  test('stops waiting when its connection ends', async () => {
    const waiting = watch(fetch())
    await clock.advance(0)
    connection.disconnect()
    await clock.advance(1_000)
    expect(waiting.error).toBeInstanceOf(ConnectionClosed)
  })
})

describe('a fetch session', () => {
  const open = async (): Promise<number> => (await fetch({ sessionEpoch: 0, maxWaitMs: 0 })).sessionId
  const next = (sessionId: number, sessionEpoch: number): Promise<DecodedResponse<'Fetch'>> =>
    fetch({ sessionId, sessionEpoch, topics: [], maxWaitMs: 0 })

  test('tells only what changed', async () => {
    const id = await open()
    expect((await next(id, 1)).responses).toEqual([])
    core.append('orders', 0, [{ value: 'v' }])
    expect((await next(id, 2)).responses[0]?.partitions[0]?.highWatermark).toBe(1)
  })

  test('refuses a wrong epoch and goes on with the right one', async () => {
    const id = await open()
    expect((await next(id, 5)).errorCode).toBe(errorCode.invalidFetchSessionEpoch)
    expect((await next(id, 1)).errorCode).toBe(errorCode.none)
  })

  test('is unknown once it was closed', async () => {
    const id = await open()
    await next(id, -1)
    expect((await next(id, 1)).errorCode).toBe(errorCode.fetchSessionIdNotFound)
  })

  test('goes on over another connection', async () => {
    const id = await open()
    connection.disconnect()
    connection = core.connect(1, 'again')
    expect((await next(id, 1)).errorCode).toBe(errorCode.none)
  })
})

test('a connection serves one request at a time, so a long poll holds up what follows', async () => {
  const poll = watch(fetch())
  const behind = watch(core.handle(1, 'Metadata', 12, { topics: [] }, connection))
  await clock.advance(499)
  expect([poll.value, behind.value]).toEqual([undefined, undefined])
  await clock.advance(1)
  expect(behind.value?.brokers.length).toBe(2)
})

test('a node refuses partitions that it does not lead and names the leader', async () => {
  const answer = await produce([{ value: 'v' }], 1)
  expect(answer.responses[0]?.partitions[0]).toMatchObject({
    errorCode: errorCode.notLeaderOrFollower,
    currentLeader: { leaderId: 2, leaderEpoch: 0 },
  })
})

test('a full topic refuses records and says so', async () => {
  const warnings: string[] = []
  const brokers = [{ nodeId: 1, host: '127.0.0.1', port: 1 }]
  const warn = (message: string): void => void warnings.push(message)
  core = new BrokerCore({ brokers, clock, topics: { orders: 1 }, topicBytesMax: 50, warn })
  const answer = await produce([{ value: 'v' }])
  expect(answer.responses[0]?.partitions[0]?.errorCode).toBe(errorCode.policyViolation)
  expect(warnings).toHaveLength(1)
})

describe('a fault', () => {
  const metadata = (): Promise<object> => core.handle(1, 'Metadata', 12, { topics: [] }, connection)

  test('that closes leaves nothing applied', async () => {
    core.intercept('Produce', () => 'close')
    await expect(produce([{ value: 'v' }])).rejects.toBeInstanceOf(ConnectionClosed)
    expect(core.endOffset('orders', 0)).toBe(0)
  })

  test('that applies and drops leaves the record and no answer', async () => {
    core.intercept('Produce', () => 'applyThenDrop')
    await expect(produce([{ value: 'v' }])).rejects.toBeInstanceOf(ConnectionClosed)
    expect(core.records('orders', 0).map((record) => record.value?.toString())).toEqual(['v'])
  })

  test('that drops makes the connection mute', async () => {
    core.intercept('Metadata', () => 'drop')
    const first = watch(metadata())
    const behind = watch(fetch({ maxWaitMs: 0 }))
    await clock.advance(60_000)
    expect([first, behind]).toEqual([{}, {}])
  })

  test('that holds a request lets it go on afterwards', async () => {
    const { promise, resolve } = Promise.withResolvers<undefined>()
    core.intercept('Metadata', () => promise)
    const held = watch(metadata())
    await clock.advance(60_000)
    expect(held).toEqual({})
    resolve(undefined)
    await clock.advance(0)
    expect(held.value).toBeDefined()
  })

  test('that answers takes the place of the handler until it is taken away', async () => {
    const remove = core.intercept('Metadata', () => ({ brokers: [], clusterId: null, topics: [] }))
    expect(await metadata()).toMatchObject({ brokers: [] })
    remove()
    expect(await metadata()).toMatchObject({ brokers: [{ nodeId: 1 }, { nodeId: 2 }] })
  })
})

test('two cores with the same seed answer the same', async () => {
  const ask = async (): Promise<object> => {
    const twin = new BrokerCore({
      brokers: [{ nodeId: 1, host: 'h', port: 1 }],
      clock: new VirtualClock(42),
      topics: { a: 1 },
    })
    const link = twin.connect(1, 'c')
    const join = { groupId: 'g', sessionTimeoutMs: 10_000, protocolType: 'consumer', protocols: [{ name: 'range' }] }
    const joined = await twin.handle(1, 'JoinGroup', 9, join, link)
    return [joined, await twin.handle(1, 'Metadata', 12, { topics: null }, link)]
  }
  expect(await ask()).toEqual(await ask())
})

describe('with SASL', () => {
  const login = async (password: string): Promise<number> => {
    core = new BrokerCore({
      brokers: [{ nodeId: 1, host: 'h', port: 1 }],
      clock,
      sasl: { users: { u: 'p' } },
    })
    connection = core.connect(1, 'c')
    await core.handle(1, 'SaslHandshake', 1, { mechanism: 'PLAIN' }, connection)
    const authBytes = Buffer.from(`\0u\0${password}`)
    return (await core.handle(1, 'SaslAuthenticate', 2, { authBytes }, connection)).errorCode
  }

  test('the right password opens the connection, a wrong one ends it', async () => {
    expect(await login('p')).toBe(errorCode.none)
    await core.handle(1, 'Metadata', 12, { topics: [] }, connection)
    expect(await login('x')).toBe(errorCode.saslAuthenticationFailed)
    await expect(core.handle(1, 'Metadata', 12, { topics: [] }, connection)).rejects.toBeInstanceOf(ConnectionClosed)
  })
})

test('an API or version that is not served is a mistake of the caller', async () => {
  await expect(core.handle(1, 'Fetch', 99, {}, connection)).rejects.toBeInstanceOf(RangeError)
})
