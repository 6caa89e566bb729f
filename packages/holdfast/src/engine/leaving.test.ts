/** Records that leave their partition for a delay topic or the dead letters (R20), seen from the member. */
import { describe, expect, test } from 'vitest'
import { NonRetriableError, RetryAfterError } from '../model/errors.ts'
import { kafkaErrors } from '../model/kafka-errors.ts'
import { lose } from './engine-parts.fixture.ts'
import { offsets } from './member-rig.fixture.ts'
import { deadLetters, later0, orders0, RetryRig, soon0, twoDelays } from './retry-rig.fixture.ts'
import { memberHealth, subscriptionStatus } from './status.ts'

function keyed(...of: readonly number[]): { offset: number; key: number }[] {
  return of.map((offset) => ({ offset, key: 7 }))
}

/** One record that failed and is being written to the first delay topic. */
function leavingRig(subscription: ConstructorParameters<typeof RetryRig>[0] = {}): RetryRig {
  const rig = new RetryRig({ ...twoDelays, ...subscription }).own([orders0])
  rig.bring(orders0, offsets(0, 1))
  rig.end(0, 'failed')
  rig.end(1)
  return rig
}

describe('while it is written', () => {
  test('a record keeps its offset: no commit passes it before it is stored', () => {
    const rig = leavingRig()
    rig.commitNow()
    expect([rig.lastCommitted(), rig.writing]).toEqual([0, [0]])
    rig.stored(0)
    expect(rig.at(orders0).counts).toMatchObject({ retried: 1, done: 1, deadLettered: 0 })
    rig.commitNow()
    expect(rig.lastCommitted()).toBe(2)
  })

  test('a record keeps its lane: the next one of its key starts when it is stored, not before', () => {
    const rig = new RetryRig({ ...twoDelays, order: 'key' }).own([orders0])
    rig.bring(orders0, keyed(0, 1))
    rig.end(0, 'failed')
    rig.advance(5_000)
    expect([...rig.running.keys()]).toEqual([])
    rig.stored(0)
    expect([...rig.running.keys()]).toEqual([1])
  })

  test('a record gives its permit back', () => {
    const rig = new RetryRig({ ...twoDelays, concurrency: 1 }).own([orders0])
    rig.bring(orders0, offsets(0, 1))
    rig.end(0, 'failed')
    expect([...rig.running.keys()]).toEqual([1])
  })

  test('it is told with where it goes, and its end with its outcome', () => {
    const rig = leavingRig()
    expect(rig.writes[0]?.destination).toEqual({ outcome: 'retried', topic: soon0.topic, delayMs: 30_000 })
    rig.take()
    rig.stored(0)
    const seen = rig.take()
    const told = seen.find((each) => each.verb === 'emit' && each.given[0] === 'record.handedOff')
    expect(told?.given[1]).toMatchObject({ at: orders0, offset: 0, outcome: 'retried', to: soon0.topic, attempts: 1 })
    expect(seen.find((each) => each.verb === 'ended')?.given[1]).toBe('retried')
  })

  test.each([
    [new NonRetriableError('never'), deadLetters.topic],
    [new RetryAfterError('4m'), later0.topic],
    [new Error('failed'), soon0.topic],
  ])('%s sends it to %s', (error, topic) => {
    const rig = new RetryRig().own([orders0])
    rig.bring(orders0, offsets(0))
    rig.end(0, 'failed', error)
    expect(rig.writes[0]?.destination.topic).toBe(topic)
  })

  test('a record without attempts or dead letters blocks its partition', () => {
    const rig = new RetryRig({ inPlaceDelaysMs: [], deadLetters: null }).own([orders0])
    rig.bring(orders0, offsets(0))
    rig.end(0, 'failed')
    expect([rig.writing, rig.at(orders0).blocked, rig.at(orders0).pauses]).toEqual([[], 1, ['retry']])
  })
})

describe('a write that fails', () => {
  test('leaves the offset open, pauses the partition and warns', () => {
    const rig = leavingRig()
    rig.failWrite(0)
    expect(rig.at(orders0).pauses).toEqual(['retry'])
    expect(memberHealth(rig.flow, rig.nowMs).warnings.join()).toContain('orders/0')
    expect(memberHealth(rig.flow, rig.nowMs).failures).toEqual([])
    rig.commitNow()
    expect(rig.lastCommitted()).toBe(0)
    const { blockedBy } = subscriptionStatus(rig.flow, 'orders', rig.nowMs)!.partitions[0]!
    expect(blockedBy?.why).toContain(soon0.topic)
    expect(blockedBy?.why).toContain('not enough replicas')
  })

  test('lets nothing of its partition start until one write gets through, and others run on', () => {
    const rig = new RetryRig({ ...twoDelays, concurrency: 1 }).own([orders0, { ...orders0, partition: 1 }])
    rig.bring(orders0, offsets(0, 1))
    rig.end(0, 'failed')
    rig.failWrite(0)
    rig.end(1)
    rig.bring({ ...orders0, partition: 1 }, offsets(100))
    expect([...rig.running.keys()]).toEqual([100])
    rig.end(100)
    rig.advance(2_000)
    rig.stored(0)
    expect(rig.at(orders0).pauses).toEqual([])
    expect(memberHealth(rig.flow, rig.nowMs).warnings).toEqual([])
  })

  test('what waited meanwhile starts after the first success, and is fetched for again', () => {
    const rig = new RetryRig({ ...twoDelays, concurrency: 1 }).own([orders0])
    rig.bring(orders0, offsets(0, 1, 2))
    rig.end(0, 'failed')
    rig.failWrite(0)
    rig.end(1)
    rig.bring(orders0, [], 3)
    const fetches = rig.fetches.length
    rig.advance(2_000)
    expect([[...rig.running.keys()], rig.fetches.length]).toEqual([[], fetches])
    rig.stored(0)
    expect([...rig.running.keys()]).toEqual([2])
    expect(rig.fetches.length).toBe(fetches + 1)
  })

  test('keeps nobody parked for ever: a retry that falls due meanwhile starts once writes get through', () => {
    const rig = new RetryRig({ inPlaceDelaysMs: [1_000, 1_000], parkedRecordsMax: 1, deadLetters }).own([orders0])
    rig.bring(orders0, offsets(0, 1))
    rig.end(0, 'failed')
    rig.end(1, 'failed', new NonRetriableError('no'))
    rig.failWrite(1)
    rig.advance(600)
    expect([...rig.running.keys()]).toEqual([])
    rig.advance(5_000)
    rig.stored(1)
    expect([...rig.running.keys()]).toEqual([0])
  })

  test('is repeated one record at a time and at most once a second, and after a success all are written', () => {
    const rig = new RetryRig().own([orders0])
    rig.bring(orders0, offsets(0, 1, 2))
    for (const offset of [0, 1, 2]) rig.end(offset, 'failed')
    expect(rig.writing).toEqual([0, 1, 2])
    for (const offset of [0, 1, 2]) rig.failWrite(offset)
    for (let tries = 0; tries < 10; tries++) {
      rig.advance(999)
      expect(rig.writing).toEqual([])
      rig.advance(4_001)
      expect(rig.writing).toHaveLength(1)
      rig.failWrite(rig.writing[0]!)
    }
    rig.advance(5_000)
    rig.stored(rig.writing[0]!)
    expect(rig.writing).toHaveLength(2)
    for (const offset of rig.writing) rig.stored(offset)
    expect(rig.at(orders0).counts.retried).toBe(3)
    rig.commitNow()
    expect(rig.lastCommitted()).toBe(3)
  })

  test('wakes nobody while its answer is awaited', () => {
    const rig = leavingRig()
    rig.failWrite(0)
    rig.advance(5_000)
    expect(rig.writing).toEqual([0])
    rig.commitNow()
    expect(rig.flow.nextWakeMs).toBe(rig.flow.membership.nextWakeMs)
  })

  test('that is hopeless sends a retry to the dead letters', () => {
    const rig = leavingRig()
    rig.failWrite(0, { isHopeless: true })
    expect(rig.writes.map(({ destination }) => destination)).toEqual([
      { outcome: 'deadLettered', topic: deadLetters.topic },
    ])
    rig.stored(0)
    expect(rig.at(orders0).counts).toMatchObject({ retried: 0, deadLettered: 1 })
    expect(rig.at(orders0).pauses).toEqual([])
  })

  test('that is hopeless without dead letters blocks, and says nothing of writes any more', () => {
    const rig = leavingRig({ deadLetters: null })
    rig.failWrite(0, { isHopeless: true })
    expect(rig.at(orders0).blocked).toBe(1)
    expect(memberHealth(rig.flow, rig.nowMs).warnings).toEqual([])
    expect(memberHealth(rig.flow, rig.nowMs).failures.join()).toContain('offset 0')
  })

  test('that is hopeless is over: nobody waits for it', () => {
    const rig = leavingRig()
    rig.failWrite(0, { isHopeless: true })
    rig.stored(0)
    expect(rig.at(orders0).handOffs.inFlight).toBe(0)
    rig.step({ kind: 'drain', drainMs: 20_000 })
    expect(rig.names()).toContain('drained')
  })

  test('is told with its record, its topic, why, and when it is repeated', () => {
    const rig = leavingRig()
    rig.take()
    rig.failWrite(0)
    const told = rig.take().find((each) => each.verb === 'emit' && each.given[0] === 'record.handOffFailed')
    const at = { topic: 'orders', partition: 0 }
    expect(told?.given[1]).toMatchObject({
      group: 'billing',
      at,
      offset: 0,
      to: soon0.topic,
      reason: 'Error: not enough replicas',
      retryInMs: expect.any(Number),
    })
  })

  test('that is hopeless for the dead letters is not repeated at once', () => {
    const rig = new RetryRig().own([orders0])
    rig.bring(orders0, offsets(0))
    rig.end(0, 'failed', new NonRetriableError('never'))
    rig.failWrite(0, { isHopeless: true })
    expect(rig.writing).toEqual([])
    rig.advance(999)
    expect(rig.writing).toEqual([])
  })

  test('that is hopeless for the dead letters stays open and is tried again', () => {
    const rig = new RetryRig().own([orders0])
    rig.bring(orders0, offsets(0))
    rig.end(0, 'failed', new NonRetriableError('never'))
    rig.failWrite(0, { isHopeless: true })
    expect(rig.at(orders0).ledger.size).toBe(1)
    rig.advance(5_000)
    expect(rig.writing).toEqual([0])
  })
})

describe('who may write', () => {
  test('without the lease nothing is written; with it everything is', () => {
    const rig = new RetryRig().own([orders0])
    rig.bring(orders0, offsets(0))
    rig.beatsAreAnswered = false
    rig.advance(44_500)
    expect(rig.flow.membership.holdsLease(rig.nowMs)).toBe(false)
    rig.end(0, 'failed')
    expect(rig.writing).toEqual([])
    rig.step({ kind: 'heartbeatAnswered', stamp: rig.flow.membership.stamp, sentMs: rig.beatSentMs, errorCode: 0 })
    rig.advance(4_000)
    rig.step({ kind: 'heartbeatAnswered', stamp: rig.flow.membership.stamp, sentMs: rig.nowMs, errorCode: 0 })
    expect(rig.writing).toEqual([0])
  })

  test('an answer that comes after the ownership ended changes nothing', () => {
    for (const answer of ['stored', 'failWrite'] as const) {
      const rig = leavingRig()
      lose(rig)
      rig.own([orders0], 2)
      rig.take()
      rig[answer](0)
      expect(rig.take().filter(({ verb }) => verb !== 'fetch')).toEqual([])
      expect(rig.at(orders0)).toMatchObject({ isDirty: false, pauses: [] })
      expect(rig.at(orders0).ledger.size).toBe(0)
    }
  })

  test('what waited to be written when the ownership ended is not written any more', () => {
    const rig = leavingRig()
    rig.failWrite(0)
    lose(rig)
    rig.own([orders0], 2)
    rig.advance(10_000)
    expect(rig.writing).toEqual([])
  })

  test('what may not be written without the lease wakes nobody', () => {
    const rig = new RetryRig().own([orders0])
    rig.bring(orders0, offsets(0))
    rig.beatsAreAnswered = false
    rig.advance(44_500)
    rig.end(0, 'failed')
    expect(rig.writing).toEqual([])
    expect(rig.flow.nextWakeMs).toBeGreaterThan(rig.nowMs)
  })

  test('the next ownership handles the record again: that it was being written is no outcome', () => {
    const rig = leavingRig()
    lose(rig)
    rig.own([orders0], 2)
    rig.bring(orders0, offsets(0))
    expect([...rig.running.keys()]).toEqual([0])
    const { retried, abandoned } = subscriptionStatus(rig.flow, 'orders', rig.nowMs)!.counts
    expect([retried, abandoned]).toEqual([0, 1])
  })
})

describe('a drain', () => {
  test('waits for a write in flight, and commits what it brought', () => {
    const rig = leavingRig()
    rig.commitNow()
    rig.step({ kind: 'partitionsChanged', reason: 'test' })
    rig.advance(1_000)
    expect(rig.flow.membership.phase).toBe('draining')
    rig.stored(0)
    expect(rig.lastCommitted()).toBe(2)
    rig.answerCommit()
    expect(rig.flow.membership.phase).toBe('joining')
  })

  test('waits for no write that failed: the commit tells how often the record was tried', () => {
    const rig = leavingRig()
    rig.failWrite(0)
    rig.step({ kind: 'partitionsChanged', reason: 'test' })
    expect(rig.commits.at(-1)!.offsets[0]!.marks.failed.map(({ offset, attempts }) => [offset, attempts])).toEqual([
      [0, 1],
    ])
    rig.answerCommit()
    expect(rig.flow.membership.phase).toBe('joining')
    const revoked = rig.take().find((each) => each.verb === 'emit' && each.given[0] === 'partition.revoked')
    expect(revoked?.given[1]).toMatchObject({ abandoned: 1, forgottenAttempts: 0 })
  })

  test('begins no write once the last commit is on its way, and wakes nobody for it', () => {
    const rig = leavingRig()
    rig.failWrite(0)
    rig.step({ kind: 'partitionsChanged', reason: 'test' })
    expect(rig.commits).toHaveLength(1)
    let ticks = 0
    for (const untilMs = rig.nowMs + 4_000; rig.nowMs < untilMs; ticks++) {
      rig.nowMs = Math.min(untilMs, Math.max(rig.nowMs + 1, rig.flow.nextWakeMs))
      rig.step({ kind: 'tick' })
    }
    expect([rig.writing, ticks < 10]).toEqual([[], true])
  })

  test('a stop waits for a write in flight no longer than for a handler', () => {
    const rig = leavingRig()
    rig.step({ kind: 'drain', drainMs: 5_000 })
    rig.advance(4_999)
    expect(rig.names()).not.toContain('drained')
    rig.advance(1_000)
    expect(rig.names()).toContain('drained')
  })

  test('an attempt that fails during a stop is still handed off', () => {
    const rig = new RetryRig().own([orders0])
    rig.bring(orders0, offsets(0))
    rig.step({ kind: 'drain', drainMs: 5_000 })
    rig.end(0, 'failed')
    expect(rig.writing).toEqual([0])
    rig.stored(0)
    expect(rig.names()).toContain('drained')
    rig.step({ kind: 'leave', budgetMs: 3_000 })
    expect(rig.lastCommitted()).toBe(1)
  })

  test('an attempt that a stop ended did not fail: the next owner owes the record as many as before', () => {
    const rig = new RetryRig({ inPlaceDelaysMs: [100, 100] }).own([orders0])
    rig.bring(orders0, offsets(0))
    rig.end(0, 'failed')
    rig.advance(100)
    expect(rig.running.get(0)?.attempt).toBe(2)
    rig.step({ kind: 'drain', drainMs: 1_000 })
    rig.advance(1_000)
    rig.end(0, 'failed')
    expect(
      rig
        .at(orders0)
        .marks(4_096)
        .failed.map(({ attempts }) => attempts),
    ).toEqual([1])
  })

  test('a commit that is refused does not lose what was stored', () => {
    const rig = leavingRig()
    rig.stored(0)
    rig.advance(2_000)
    rig.answerCommit(kafkaErrors.COORDINATOR_LOAD_IN_PROGRESS)
    rig.commitNow()
    expect(rig.lastCommitted()).toBe(2)
    expect(rig.at(orders0).isDirty).toBe(false)
  })
})

describe('parking that is full', () => {
  test('hands what overflows to the shortest delay topic', () => {
    const rig = new RetryRig({ ...twoDelays, inPlaceDelaysMs: [1_000], parkedRecordsMax: 1 }).own([orders0])
    rig.bring(orders0, offsets(0, 1, 2))
    rig.end(0, 'failed')
    rig.end(1, 'failed')
    expect(rig.at(orders0).parked).toBe(1)
    expect(rig.writes.map(({ entry, destination }) => [entry.offset, destination])).toEqual([
      [1, { outcome: 'retried', topic: soon0.topic, delayMs: 500 }],
    ])
    expect(rig.at(orders0).pauses).toEqual([])
  })

  test('pauses the partition where there is no delay topic, and hands nothing over', () => {
    const rig = new RetryRig({
      ...twoDelays,
      inPlaceDelaysMs: [1_000],
      delayTopics: [],
      whileRetrying: 'block',
      parkedRecordsMax: 1,
      concurrency: 1,
    })
    rig.own([orders0])
    rig.bring(orders0, offsets(0, 1))
    rig.end(0, 'failed')
    expect([rig.writing, rig.at(orders0).pauses, [...rig.running.keys()]]).toEqual([[], ['retry'], []])
    rig.advance(500)
    rig.end(0)
    expect([rig.at(orders0).pauses, [...rig.running.keys()]]).toEqual([[], [1]])
  })
})
