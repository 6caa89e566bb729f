/** What a test can do to the broker, and that a fault which nobody met is told. */

import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { ConnectionClosed, EmbeddedKafka } from '../../packages/broker/src/index.ts'
import { Member } from './member.ts'

let kafka: EmbeddedKafka
let member: Member

beforeEach(async () => {
  kafka = await EmbeddedKafka.start({ brokers: 2, topics: { orders: 2 }, clock: 'manual' })
  member = new Member(kafka)
})

afterEach(() => kafka.stop({ unusedFaults: 'allow' }))

/** Whether a promise has settled by now. */
function watch<T>(promise: Promise<T>): { value?: T; error?: unknown } {
  const seen: { value?: T; error?: unknown } = {}
  promise.then(
    (value) => (seen.value = value),
    (error: unknown) => (seen.error = error),
  )
  return seen
}

describe('fail', () => {
  test('answers one request with the error, applies nothing, and lets the next pass', async () => {
    const fault = kafka.fail('Produce', { code: 'NOT_LEADER_OR_FOLLOWER' })
    const codes = [await member.produce('a'), await member.produce('b')].map(
      (answer) => answer.responses[0]?.partitions[0]?.errorCode,
    )
    expect(codes).toEqual([6, 0])
    expect(kafka.records('orders').map(({ value }) => String(value))).toEqual(['b'])
    expect(fault.calls).toBe(1)
  })

  test('takes as many requests as it is told, and none after it is removed', async () => {
    const fault = kafka.fail('Heartbeat', { code: 27, times: 3 })
    const beat = async (): Promise<number> => (await member.ask('Heartbeat', { groupId: 'g' })).errorCode
    expect([await beat(), await beat()]).toEqual([27, 27])
    fault.remove()
    expect(await beat()).not.toBe(27)
  })

  test('with applied, does what was asked and answers an error', async () => {
    kafka.fail('Produce', { code: 'REQUEST_TIMED_OUT', applied: true })
    const answer = await member.produce('a')
    expect(answer.responses[0]?.partitions[0]).toMatchObject({ errorCode: 7, index: 0 })
    expect(kafka.records('orders')).toHaveLength(1)
  })

  test.each([
    ['beforeApply', 0],
    ['afterApply', 1],
  ] as const)('with drop %s cuts the connection, and %i records are stored', async (drop, stored) => {
    kafka.fail('Produce', { drop })
    await expect(member.produce('a')).rejects.toBeInstanceOf(ConnectionClosed)
    expect(kafka.records('orders')).toHaveLength(stored)
  })

  test('with drop never leaves the client without an answer', async () => {
    kafka.fail('Produce', { drop: 'never' })
    const waiting = watch(member.produce('a'))
    await kafka.clock.advance(60_000)
    expect([waiting, kafka.records('orders')]).toEqual([{}, []])
  })

  test.each([
    ['node', { node: 2 }],
    ['clientId', { clientId: 'other' }],
    ['group', { group: 'other' }],
    ['where', { where: () => false }],
  ])('leaves requests alone that do not fit its %s', async (_name, scope) => {
    const fault = kafka.fail('Heartbeat', { code: 27, ...scope })
    const { errorCode } = await member.ask('Heartbeat', { groupId: 'g' })
    expect([errorCode === 27, fault.calls]).toEqual([false, 0])
  })

  test.each([
    ['node', { node: 1 }],
    ['clientId', { clientId: 'app' }],
    ['group', { group: 'g' }],
    ['where', { where: ({ groupId }: { groupId: string }) => groupId === 'g' }],
  ])('takes requests that fit its %s', async (_name, scope) => {
    kafka.fail('Heartbeat', { code: 27, ...scope })
    expect((await member.ask('Heartbeat', { groupId: 'g' })).errorCode).toBe(27)
  })

  test('for a group also takes the fetches of its members', async () => {
    await member.join('g')
    kafka.fail('Fetch', { code: 'NOT_LEADER_OR_FOLLOWER', group: 'g' })
    const stranger = await new Member(kafka, 'stranger').fetch()
    const own = await member.fetch()
    expect(stranger.responses[0]?.partitions[0]?.errorCode).toBe(0)
    expect(own.responses[0]?.partitions[0]?.errorCode).toBe(6)
  })
})

test('delay holds each request for its time, until it is removed', async () => {
  const fault = kafka.delay('Metadata', 200)
  const late = watch(member.ask('Metadata', { topics: [] }))
  await kafka.clock.advance(199)
  expect(late.value).toBeUndefined()
  await kafka.clock.advance(1)
  expect(late.value).toBeDefined()
  fault.remove()
  const prompt = watch(member.ask('Metadata', { topics: [] }))
  await kafka.clock.advance(0)
  expect(prompt.value).toBeDefined()
})

describe('hold', () => {
  test('keeps requests until it is released, then lets them go in order', async () => {
    const gate = kafka.hold('Produce')
    const answers = [watch(member.produce('a')), watch(new Member(kafka, 'b').produce('b'))]
    const first = await gate.arrived
    await kafka.clock.advance(60_000)
    expect([first.clientId, gate.held, kafka.records('orders').length]).toEqual(['app', 2, 0])
    gate.release()
    await kafka.clock.advance(0)
    expect(answers.every(({ value }) => value !== undefined)).toBe(true)
    expect(kafka.records('orders').map(({ value }) => String(value))).toEqual(['a', 'b'])
  })

  test('with times holds no more than that', async () => {
    const gate = kafka.hold('Produce', { times: 1 })
    const held = watch(member.produce('a'))
    await gate.arrived
    await new Member(kafka, 'b').produce('b')
    expect([held, gate.held]).toEqual([{}, 1])
    gate[Symbol.dispose]()
    await kafka.clock.advance(0)
    expect(held.value).toBeDefined()
  })

  test('says after its time that nobody came', async () => {
    const arrived = watch(kafka.hold('OffsetCommit', { timeoutMs: 500 }).arrived)
    await kafka.clock.advance(500)
    expect(arrived.error).toMatchObject({ code: 'WAIT_TIMED_OUT', message: expect.stringContaining('OffsetCommit') })
  })

  test('says so when the broker stops first', async () => {
    const arrived = watch(kafka.hold('OffsetCommit').arrived)
    await kafka.stop({ unusedFaults: 'allow' })
    await Promise.resolve()
    expect(arrived.error).toMatchObject({ code: 'BROKER_STOPPED' })
  })
})

describe('intercept', () => {
  test('may answer, or make another answer of the broker’s own', async () => {
    kafka.intercept('Metadata', () => ({ brokers: [], clusterId: 'mine', topics: [] }), { times: 1 })
    expect(await member.ask('Metadata', { topics: [] })).toMatchObject({ clusterId: 'mine' })
    kafka.intercept('Metadata', () => (answer: object) => ({ ...answer, clusterId: 'changed' }))
    expect(await member.ask('Metadata', { topics: [] })).toMatchObject({
      clusterId: 'changed',
      brokers: [{ nodeId: 1 }, { nodeId: 2 }],
    })
  })

  test.each<[string, () => never]>([
    ['throws', () => expect.fail('mine')],
    ['returns nonsense', () => 42 as never],
  ])('that %s fails the stop', async (_name, decide) => {
    kafka.intercept('Metadata', decide)
    await expect(member.ask('Metadata', { topics: [] })).rejects.toBeInstanceOf(Error)
    await expect(kafka.stop()).rejects.toMatchObject({
      code: 'FAULT_THREW',
      message: expect.stringContaining(import.meta.filename),
    })
  })
})

test('a throttled client is told how long to be silent, and is not heard before', async () => {
  kafka.throttle('app', 500)
  const first = await member.ask('Metadata', { topics: [] })
  expect(first.throttleTimeMs).toBe(500)
  const second = watch(member.ask('Metadata', { topics: [] }))
  const other = await new Member(kafka, 'other').ask('Metadata', { topics: [] })
  expect(other.throttleTimeMs).toBe(0)
  await kafka.clock.advance(499)
  expect(second.value).toBeUndefined()
  await kafka.clock.advance(1)
  expect(second.value).toBeDefined()
})

test('a group is throttled with all its members', async () => {
  await member.join('g')
  kafka.throttle('g', 500)
  expect(await member.fetch()).toMatchObject({ throttleTimeMs: 500 })
})

test('a fetch limit lets one batch through at a time', async () => {
  for (const value of ['a', 'b', 'c']) await member.produce(value)
  const all = (await member.fetch()).responses[0]?.partitions[0]?.records?.length ?? 0
  kafka.fetchLimit({ bytes: 1 })
  const one = (await member.fetch()).responses[0]?.partitions[0]?.records?.length ?? 0
  expect(one * 3).toBe(all)
})

test('connections are cut by client', async () => {
  const other = new Member(kafka, 'other')
  const open = [member.connection(), other.connection()]
  expect(kafka.cutConnections({ clientId: 'other' })).toBe(1)
  expect(open.map(({ isClosed }) => isClosed)).toEqual([false, true])
})

test('an expired member is a stranger to its group', async () => {
  await member.join('g')
  kafka.expireMember('g', member.memberId)
  const answer = await member.commit('g', 0, 1)
  expect(answer.topics[0]?.partitions[0]?.errorCode).toBe(25)
})

test('a rebalance is asked for, and the member told to join again', async () => {
  await member.join('g')
  kafka.triggerRebalance('g')
  const { memberId, generationId } = member
  const beat = { groupId: 'g', memberId, generationId }
  expect((await member.ask('Heartbeat', beat, kafka.core.coordinatorOf('g'))).errorCode).toBe(27)
})

test('records below an offset are gone', async () => {
  kafka.append('orders', 0, [{ value: 'a' }, { value: 'b' }])
  kafka.deleteRecordsBefore('orders', 0, 1)
  expect(kafka.records('orders', 0).map(({ offset }) => offset)).toEqual([1])
})

test('of each key the newest record stays when a topic is compacted', () => {
  kafka.createTopic('prices', { partitions: 1, configs: { 'cleanup.policy': 'compact' } })
  kafka.append('prices', 0, [
    { key: 'a', value: '1' },
    { key: 'b', value: '1' },
    { key: 'a', value: '2' },
  ])
  kafka.compact('prices')
  expect(kafka.records('prices', 0).map(({ offset }) => offset)).toEqual([1, 2])
})

test('what is older than a topic keeps is gone when retention is applied', () => {
  kafka.createTopic('clicks', { partitions: 1, configs: { 'retention.ms': '1000' } })
  kafka.append('clicks', 0, [{ value: 'old', timestampMs: 1 }])
  kafka.applyRetention()
  expect(kafka.records('clicks', 0)).toEqual([])
})

describe('a fault that nobody met', () => {
  test('fails the stop once, and says which it was and where it was set', async () => {
    kafka.fail('OffsetCommit', { code: 'ILLEGAL_GENERATION' })
    const failure: unknown = await kafka.stop().catch((error: unknown) => error)
    expect(failure).toMatchObject({ code: 'FAULT_UNUSED' })
    expect(String(failure)).toContain(`fail('OffsetCommit'), set at`)
    expect(String(failure)).toContain('faults.test.ts')
    await kafka.stop()
  })

  test('fails it even if it was removed in the meantime', async () => {
    kafka.hold('OffsetCommit').remove()
    await expect(kafka.stop()).rejects.toMatchObject({ code: 'FAULT_UNUSED' })
  })

  test('is forgiven when the test says so, or when it was met', async () => {
    kafka.fail('OffsetCommit', { code: 'ILLEGAL_GENERATION' })
    await kafka.stop({ unusedFaults: 'allow' })
    const second = await EmbeddedKafka.start({ unusedFaults: 'allow' })
    second.delay('Fetch', 1)
    await second.stop()
    const third = await EmbeddedKafka.start()
    third.fail('Metadata', { drop: 'beforeApply' })
    await expect(new Member(third).ask('Metadata', { topics: [] })).rejects.toThrow('closed')
    await third.stop()
  })
})

test('clients that were left behind are named', async () => {
  const warnings: string[] = []
  const leaky = await EmbeddedKafka.start({ warn: (message) => void warnings.push(message) })
  new Member(leaky, 'forgotten').connection()
  await leaky.stop()
  expect(warnings).toEqual([expect.stringContaining(`'forgotten'`)])
})
