/** Tests wait for what becomes true in the broker; and when it does not, they are shown how everything stands. */

import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { EmbeddedKafka } from '../../packages/broker/src/index.ts'
import { Member } from './member.ts'

let kafka: EmbeddedKafka

beforeEach(async () => {
  kafka = await EmbeddedKafka.start({ topics: { orders: 2 }, clock: 'manual' })
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

async function expectPending(seen: { value?: unknown; error?: unknown }): Promise<void> {
  await kafka.clock.advance(9_999)
  expect(seen).toEqual({})
}

describe('an assignment', () => {
  test('is waited for, with what each member was given', async () => {
    const waiting = watch(kafka.waitForAssignment('g'))
    await expectPending(waiting)
    await new Member(kafka).join('g')
    await kafka.clock.advance(0)
    expect(waiting.value).toMatchObject({
      state: 'stable',
      members: [{ clientId: 'app', assignment: { orders: [0] } }],
    })
  })

  test('of two members is not one of one member', async () => {
    const waiting = watch(kafka.waitForAssignment('g', { members: 2 }))
    const first = new Member(kafka)
    await first.join('g')
    await expectPending(waiting)
    const both = [new Member(kafka, 'second').join('g'), first.join('g')]
    await kafka.clock.advance(0)
    await Promise.all(both)
    await kafka.clock.advance(0)
    expect(waiting.value?.members).toHaveLength(2)
  })

  test('that is there already is not waited for', async () => {
    await new Member(kafka).join('g')
    expect(await kafka.waitForAssignment('g', { members: 1 })).toMatchObject({ generation: 1 })
  })
})

describe('commits', () => {
  test('are waited for in every partition that is named, up to the offset or beyond', async () => {
    const member = new Member(kafka)
    await member.join('g')
    const waiting = watch(kafka.waitForCommit('g', 'orders', { 0: 5, 1: 7n }))
    await member.commit('g', 0, 6)
    await member.commit('g', 1, 6)
    await kafka.clock.advance(0)
    expect(waiting).toEqual({})
    await member.commit('g', 1, 7)
    await kafka.clock.advance(0)
    expect(waiting.value).toEqual({ 0: 6, 1: 7 })
    expect(kafka.committed('g', 'orders')).toEqual({ 0: 6, 1: 7 })
  })
})

describe('lag', () => {
  test('counts what was assigned and never committed', async () => {
    kafka.append('orders', 0, [{ value: 'a' }, { value: 'b' }])
    const member = new Member(kafka)
    const waiting = watch(kafka.waitForLag('g', 0))
    await member.join('g')
    await expectPending(waiting)
    await member.commit('g', 0, 2)
    await kafka.clock.advance(0)
    expect(waiting.value).toBe(0)
  })

  test('of a group that nobody knows is not none', async () => {
    await expectPending(watch(kafka.waitForLag('nobody', 0)))
  })

  test('does not count what was deleted', async () => {
    kafka.append('orders', 0, [{ value: 'a' }, { value: 'b' }])
    await new Member(kafka).join('g')
    const waiting = watch(kafka.waitForLag('g', 0))
    kafka.deleteRecordsBefore('orders', 0, 2)
    await kafka.clock.advance(0)
    expect(waiting.value).toBe(0)
  })
})

test('records are waited for over all partitions, and handed over', async () => {
  const waiting = watch(kafka.waitForRecords('orders', 3))
  kafka.append('orders', 1, [{ value: 'a' }, { value: 'b' }])
  await expectPending(waiting)
  await new Member(kafka).produce('c')
  await kafka.clock.advance(0)
  expect(waiting.value?.map(({ partition, value }) => [partition, String(value)])).toEqual([
    [0, 'c'],
    [1, 'a'],
    [1, 'b'],
  ])
})

test('any other state is waited for by a condition', async () => {
  const waiting = watch(kafka.waitUntil('a leader elsewhere', () => kafka.core.connections().length === 1))
  await expectPending(waiting)
  await new Member(kafka).ask('Metadata', { topics: [] })
  await kafka.clock.advance(0)
  expect(waiting).toEqual({ value: undefined })
  await expect(kafka.waitUntil('a mistake', () => expect.fail('mine'))).rejects.toThrow('mine')
})

describe('what never comes', () => {
  test('is told after the timeout, with members, offsets and what was waited for', async () => {
    const member = new Member(kafka)
    await member.join('g')
    await member.commit('g', 0, 3)
    kafka.append('orders', 0, [{ value: 'a' }])
    kafka.chaos({ seed: 4711, rate: 0 })
    kafka.delay('Fetch', 5)
    const waiting = watch(kafka.waitForCommit('g', 'orders', { 0: 9 }, { timeoutMs: 2_000 }))
    await kafka.clock.advance(2_000)
    expect(waiting.error).toMatchObject({ code: 'WAIT_TIMED_OUT' })
    const text = String(waiting.error)
    for (const part of [
      'waited 2000 ms for group g to commit orders-0 at 9',
      'group g: stable, generation 1, 1 members',
      `member ${member.memberId} (client app): orders [0]`,
      'orders-0: committed 3',
      'topic orders: 0: 0–1 on node 1',
      'app → node 1',
      `delay('Fetch'): 0 requests`,
      'seed: 4711',
    ]) {
      expect(text).toContain(part)
    }
  })

  test('takes ten seconds if no other time is given', async () => {
    const waiting = watch(kafka.waitForRecords('orders', 1))
    await expectPending(waiting)
    await kafka.clock.advance(1)
    expect(waiting.error).toMatchObject({ code: 'WAIT_TIMED_OUT' })
  })

  test('is told when the broker stops, before and after', async () => {
    const waiting = watch(kafka.waitForRecords('orders', 1))
    await kafka.stop()
    await Promise.resolve()
    expect(waiting.error).toMatchObject({ code: 'BROKER_STOPPED' })
    await expect(kafka.waitForRecords('orders', 1)).rejects.toMatchObject({ code: 'BROKER_STOPPED' })
  })
})

describe('the history', () => {
  test('is one list of requests and changes, in the order in which they took effect', async () => {
    const member = new Member(kafka)
    await member.join('g')
    await member.commit('g', 0, 1)
    const numbers = kafka.history.entries.map(({ number }) => number)
    const [commit] = kafka.history.filter({ api: 'OffsetCommit', group: 'g' })
    const [change] = kafka.history.filter({ type: 'commit', group: 'g' })
    const states = kafka.history.filter({ type: 'group' }).map(({ event }) => ('state' in event ? event.state : ''))
    expect(numbers).toEqual(numbers.map((_, index) => index + 1))
    expect(states).toEqual(['preparing', 'completing', 'stable'])
    expect(commit).toMatchObject({ clientId: 'app', nodeId: 1, version: 7 })
    expect(change?.number).toBe((commit?.number ?? 0) - 1)
    expect(kafka.history.filter({ after: change?.number ?? 0 })).toEqual([commit])
    expect(kafka.history.filter({ node: 2 })).toEqual([])
  })

  test('is a line for each entry as text', async () => {
    await new Member(kafka).produce('a')
    const lines = kafka.history.text().split('\n')
    expect(lines).toHaveLength(3)
    expect(lines[0]).toMatch(/^#1 \+0\.000s {3}topicCreated .*orders/)
    expect(lines[2]).toMatch(/^#3 .*app → node 1 Produce 8 \(came after #1\) .*bytes.* → /)
    expect(kafka.history.text(1)).toMatch(/^… 2 before\n#3/)
  })
})
