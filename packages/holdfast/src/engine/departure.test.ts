/** How partitions are given back: the last commit before a rejoin, and everything between a stop and its end. */
import { describe, expect, test } from 'vitest'
import { kafkaErrors } from '../model/kafka-errors.ts'
import { failCommit, flowOf, orders0, runningOf } from './engine-parts.fixture.ts'
import { chunkOf, MemberRig, offsets, type TestRecord } from './member-rig.fixture.ts'
import { RetryRig } from './retry-rig.fixture.ts'
import type { RecordedEffect } from './recorded.fixture.ts'

const keyedRecords = [
  { offset: 0, key: 1 },
  { offset: 1, key: 1 },
  { offset: 2, key: 2 },
  { offset: 3, key: 1 },
]

/** Two handlers run at once: offsets 0 and 2; the others wait for offset 0. */
function keyed(): MemberRig {
  const rig = new MemberRig({ subscription: { order: 'key', concurrency: 2 } }).assign()
  rig.deliver(chunkOf(keyedRecords))
  return rig
}

function rebalance(rig: MemberRig): void {
  rig.step({ kind: 'partitionsChanged', reason: 'test' })
}

/** The coordinator says so in answer to a heartbeat. */
function rebalanceIsAskedFor(rig: MemberRig): void {
  const { stamp } = rig.flow.membership
  const { REBALANCE_IN_PROGRESS: errorCode } = kafkaErrors
  rig.step({ kind: 'heartbeatAnswered', stamp, sentMs: rig.nowMs, errorCode })
}

function stop(rig: MemberRig, drainMs = 20_000): void {
  rig.step({ kind: 'drain', drainMs })
}

function leave(rig: MemberRig, budgetMs = 3_000): void {
  rig.step({ kind: 'leave', budgetMs })
}

function finished(rig: MemberRig): unknown[] {
  return rig.take().flatMap((effect) => (effect.verb === 'finished' ? effect.given : []))
}

function aborts(rig: MemberRig): [number, string][] {
  const isAbort = (effect: RecordedEffect<TestRecord>) => effect.verb === 'abort'
  return rig
    .take()
    .filter(isAbort)
    .map(({ given: [entry, reason] }) => [entry.offset, reason])
}

describe('a drain', () => {
  test('every rebalance drains to a deadline of its own', () => {
    const rig = new MemberRig().assign()
    for (const generation of [2, 3]) {
      rig.deliver(chunkOf(offsets(0)))
      rig.take()
      rebalance(rig)
      rig.advance(10_000)
      expect(rig.names()).toEqual(expect.arrayContaining(['abort', 'join']))
      rig.end(0, 'failed')
      rig.assign(1, 0, generation)
    }
  })

  test('what arrives during a drain is not taken in', () => {
    const rig = new MemberRig().assign()
    rig.deliver(chunkOf(offsets(0)))
    rebalance(rig)
    rig.deliver(chunkOf(offsets(1, 2)))
    expect(flowOf(rig).ledger.size).toBe(1)
  })

  test('what a rebalance gives back is told, with what it leaves to others', () => {
    const rig = new MemberRig({ subscription: { concurrency: 1 } }).assign(1, 5)
    rig.deliver(chunkOf(offsets(5, 6, 7)))
    rig.take()
    rebalance(rig)
    rig.end(5)
    rig.answerCommit()
    expect(rig.take()).toContainEqual({
      verb: 'emit',
      given: ['partition.revoked', expect.objectContaining({ committed: 6, abandoned: 2 })],
    })
  })

  test('an attempt that is told to end by a rebalance uses up no attempt of its record', () => {
    const rig = new MemberRig({ subscription: { inPlaceDelaysMs: [] } }).assign()
    rig.deliver(chunkOf(offsets(0, 1)))
    rebalance(rig)
    rig.end(0)
    rig.advance(10_000)
    expect(aborts(rig)).toEqual([[1, 'revoked']])
    rig.end(1, 'failed')
    expect(rig.names()).not.toContain('blocked')
  })
})

describe('handing back', () => {
  test('the last commit before a rejoin has a quarter of what the group waits, five seconds at most', () => {
    for (const [rebalanceTimeoutMs, patienceMs] of [
      [8_000, 2_000],
      [60_000, 5_000],
    ] as const) {
      const rig = new MemberRig({ rebalanceTimeoutMs }).assign()
      rig.deliver(chunkOf(offsets(0)))
      rig.end(0)
      rebalance(rig)
      rig.take()
      rig.advance(patienceMs - 1)
      expect(rig.names()).not.toContain('join')
      rig.advance(1)
      expect(rig.names()).toContain('join')
    }
  })

  test('a last commit that failed is repeated after its pause, not before', () => {
    const rig = new MemberRig().assign()
    rig.deliver(chunkOf(offsets(0)))
    rig.end(0)
    rebalance(rig)
    failCommit(rig)
    rig.step({ kind: 'tick' })
    expect(rig.commits).toHaveLength(1)
    rig.advance(75)
    expect(rig.commits).toHaveLength(2)
  })

  test('a last commit in flight is waited for, although the lease ran out meanwhile', () => {
    const rig = new MemberRig().assign()
    rig.deliver(chunkOf(offsets(0)))
    rig.beatsAreAnswered = false
    rig.advance(43_000)
    rig.end(0)
    rebalance(rig)
    expect(rig.commits).toHaveLength(1)
    rig.take()
    rig.advance(2_000)
    expect(rig.flow.membership.holdsLease(rig.nowMs)).toBe(false)
    expect(rig.names()).not.toContain('join')
    rig.answerCommit()
    expect(rig.names()).toContain('join')
  })

  test('without a lease the last commit is not sent and not waited for', () => {
    const rig = new MemberRig().assign()
    rig.deliver(chunkOf(offsets(0)))
    rig.beatsAreAnswered = false
    rig.advance(45_000)
    rig.end(0)
    rig.commits = []
    stop(rig)
    leave(rig)
    expect(rig.commits).toEqual([])
    expect(rig.names()).toContain('finished')
  })

  test('a drain that is over wakes nobody while its last commit is in flight', () => {
    const rig = new MemberRig().assign()
    rig.deliver(chunkOf(offsets(0)))
    rebalance(rig)
    rig.advance(9_999)
    rig.end(0)
    rig.nowMs += 1
    rig.step({ kind: 'tick' })
    expect(rig.flow.membership.phase).toBe('draining')
    expect(rig.flow.nextWakeMs).toBeGreaterThan(rig.nowMs)
  })
})

describe('a stop', () => {
  test('a stop lets queued records start up to the highest that did, that one included', () => {
    const rig = keyed()
    rig.end(2, 'failed')
    stop(rig)
    rig.end(0)
    rig.advance(100)
    expect(runningOf(rig)).toEqual([1, 2])
    rig.end(1)
    rig.end(2)
    expect(rig.running.size).toBe(0)
    expect(rig.names()).toContain('drained')
  })

  test('a stop in the middle of a rebalance starts nothing that the rebalance held back', () => {
    const rig = keyed()
    rebalance(rig)
    stop(rig)
    rig.end(0)
    expect([...rig.running.keys()]).toEqual([2])
  })

  test('a stop in the middle of a rebalance has no longer than the rebalance had', () => {
    const rig = keyed()
    rebalance(rig)
    stop(rig)
    rig.take()
    rig.advance(10_000)
    expect(aborts(rig)).toEqual([
      [0, 'stopped'],
      [2, 'stopped'],
    ])
  })

  test('a stop that meets a rebalance ends its drain before the group has lost its patience', () => {
    const rig = new MemberRig({ rebalanceTimeoutMs: 9_000 }).assign()
    rig.deliver(chunkOf(offsets(0)))
    stop(rig)
    rig.advance(1_000)
    rebalanceIsAskedFor(rig)
    rig.take()
    rig.advance(2_999)
    expect(aborts(rig)).toEqual([])
    rig.advance(1)
    expect(aborts(rig)).toEqual([[0, 'stopped']])
    rig.advance(500)
    expect(rig.names()).toContain('drained')
  })

  test('a stop that meets a rebalance has no longer than it had without', () => {
    const rig = new MemberRig({ rebalanceTimeoutMs: 9_000 }).assign()
    rig.deliver(chunkOf(offsets(0)))
    stop(rig, 2_000)
    rebalanceIsAskedFor(rig)
    rig.take()
    rig.advance(2_000)
    expect(aborts(rig)).toEqual([[0, 'stopped']])
  })

  test('a second stop changes nothing about the first', () => {
    const rig = keyed()
    stop(rig)
    stop(rig, 0)
    rig.end(0)
    expect(runningOf(rig)).toEqual([1, 2])
    rig.end(1)
    rig.end(2)
    leave(rig)
    stop(rig)
    rig.take()
    rig.answerCommit()
    expect(finished(rig)).toHaveLength(1)
  })

  test.each(['paused', 'blocked'])('a stop does not wait for a retry in a partition that stands still (%s)', (how) => {
    const rig = new MemberRig({ subscription: { inPlaceDelaysMs: [100] } }).assign()
    rig.deliver(chunkOf(offsets(0, 1)))
    rig.end(0, 'failed')
    rig.advance(50)
    rig.end(1, 'failed')
    if (how === 'paused') {
      rig.end(0)
      rig.step({ kind: 'paused', topic: 'orders' })
    } else rig.end(0, 'failed')
    expect(flowOf(rig)).toMatchObject({ parked: 1, blocked: how === 'blocked' ? 1 : 0 })
    rig.take()
    stop(rig)
    expect(rig.names()).toContain('drained')
  })

  test('an attempt that a stop told to end waits like any other that failed, and uses up no attempt', () => {
    const rig = new MemberRig({ subscription: { inPlaceDelaysMs: [] } }).assign()
    rig.deliver(chunkOf(offsets(0)))
    stop(rig, 1_000)
    rig.take()
    rig.advance(1_000)
    expect(aborts(rig)).toEqual([[0, 'stopped']])
    rig.end(0)
    expect(rig.names()).toEqual(expect.not.arrayContaining(['blocked']))
    expect(flowOf(rig)).toMatchObject({ parked: 1, blocked: 0 })
  })

  test('an attempt that ignores its abort holds up a stop for half a second', () => {
    const rig = new MemberRig().assign()
    rig.deliver(chunkOf(offsets(0)))
    stop(rig, 1_000)
    rig.advance(1_499)
    expect(rig.names()).not.toContain('drained')
    rig.advance(1)
    expect(rig.names()).toContain('drained')
  })

  test('a stop waits for no retry: the last commit tells how often a record failed and when it is due', () => {
    const rig = new MemberRig({ subscription: { inPlaceDelaysMs: [100] } }).assign()
    rig.deliver(chunkOf(offsets(0)))
    rig.end(0, 'failed')
    stop(rig)
    expect(rig.names()).toContain('drained')
    leave(rig)
    expect(rig.commits.at(-1)?.offsets[0]?.marks.failed).toEqual([{ offset: 0, attempts: 1, dueMs: 1_050 }])
  })

  test('a stop does not wait for what is behind a retry that is due only after its drain', () => {
    const rig = new MemberRig({ subscription: { order: 'partition', inPlaceDelaysMs: [60_000] } }).assign()
    rig.deliver(chunkOf(offsets(0, 1)))
    rig.end(0, 'failed')
    stop(rig)
    expect(rig.names()).toContain('drained')
  })

  test('once a stop is drained nothing starts, not even a retry below a record that started', () => {
    const rig = new MemberRig({ subscription: { inPlaceDelaysMs: [100] } }).assign()
    rig.deliver(chunkOf(offsets(0, 1)))
    rig.end(0, 'failed')
    rig.end(1)
    stop(rig)
    expect(rig.names()).toContain('drained')
    rig.advance(60)
    leave(rig)
    rig.advance(60)
    expect(rig.running.size).toBe(0)
  })

  test('a stop is told once that all is drained', () => {
    const rig = new MemberRig().assign()
    stop(rig)
    rig.advance(10_000)
    rig.step({ kind: 'leaders', leaders: [] })
    expect(rig.names().filter((name) => name === 'drained')).toHaveLength(1)
  })

  test('a stop that begins during the last commit before a rejoin is told at once, and does not join', () => {
    const rig = new MemberRig().assign()
    rig.deliver(chunkOf(offsets(0)))
    rig.end(0)
    rebalance(rig)
    rig.take()
    stop(rig)
    rig.answerCommit()
    const names = rig.names()
    expect(names).toContain('drained')
    expect(names).not.toContain('join')
  })
})

test('a stop that waits for a handler while the member joins again is not woken all the time', () => {
  const rig = new RetryRig({}, { protocol: 'cooperative' }).own([orders0])
  rig.bring(orders0, offsets(0))
  rig.step({ kind: 'partitionsChanged', reason: 'test' })
  rig.step({ kind: 'drain', drainMs: 20_000 })
  let ticks = 0
  for (const untilMs = rig.nowMs + 15_000; rig.nowMs < untilMs; ticks++) {
    rig.nowMs = Math.min(untilMs, Math.max(rig.nowMs + 1, rig.flow.nextWakeMs))
    rig.step({ kind: 'tick' })
  }
  expect(ticks).toBeLessThan(50)
})

describe('the end', () => {
  test('what a stop gives up is counted', () => {
    const rig = new MemberRig().assign()
    rig.deliver(chunkOf(offsets(0, 1)))
    rig.end(1)
    stop(rig, 1_000)
    rig.advance(1_500)
    leave(rig)
    rig.advance(3_000)
    expect(finished(rig)).toEqual([{ uncommitted: 1, abandoned: 1 }])
  })

  test('what is finished above the line is no loss once a commit tells of it', () => {
    const rig = new MemberRig().assign()
    rig.deliver(chunkOf(offsets(0, 1)))
    rig.end(1)
    stop(rig, 1_000)
    rig.advance(1_500)
    leave(rig)
    rig.answerCommit()
    expect(finished(rig)).toEqual([{ uncommitted: 0, abandoned: 1 }])
  })

  test('what counts as uncommitted lies above the last commit, not above the beginning of the log', () => {
    const rig = new MemberRig().assign(1, 500)
    rig.deliver(chunkOf(offsets(500, 501)))
    rig.end(500)
    rig.end(501)
    stop(rig)
    leave(rig)
    rig.take()
    rig.advance(3_000)
    expect(finished(rig)).toEqual([{ uncommitted: 2, abandoned: 0 }])
  })

  test('the budget of the last commit is kept to the millisecond, and asking again does not prolong it', () => {
    const rig = new MemberRig().assign()
    rig.deliver(chunkOf(offsets(0)))
    rig.end(0)
    stop(rig)
    leave(rig, 200)
    rig.advance(150)
    leave(rig, 200)
    expect(finished(rig)).toEqual([])
    rig.advance(50)
    expect(finished(rig)).toHaveLength(1)
  })

  test('a member that has left does not leave again', () => {
    const rig = new MemberRig().assign()
    stop(rig)
    leave(rig)
    rig.take()
    leave(rig)
    expect(rig.names()).toEqual([])
  })

  test('the last commit is tried once even if an earlier failure would have it wait beyond the budget', () => {
    const rig = new MemberRig().assign()
    rig.deliver(chunkOf(offsets(0)))
    rig.end(0)
    for (let round = 0; round < 8; round++) {
      rig.advance(6_000)
      failCommit(rig)
    }
    stop(rig)
    const sent = rig.commits.length
    leave(rig)
    rig.advance(2_999)
    expect(rig.commits.length).toBeGreaterThan(sent)
  })
})

describe('what a stop owes to those after it', () => {
  test('an attempt that it cut short is made again, so it counts', () => {
    const rig = new MemberRig().assign()
    rig.deliver(chunkOf(offsets(0)))
    stop(rig, 1_000)
    rig.advance(1_000)
    rig.end(0, 'failed')
    rig.take()
    leave(rig)
    expect(finished(rig)).toEqual([{ uncommitted: 1, abandoned: 0 }])
  })

  test('what was lost before it began is not its doing', () => {
    const rig = new MemberRig().assign()
    rig.deliver(chunkOf(offsets(0)))
    rig.end(0)
    rig.step({ kind: 'refused', stamp: rig.flow.membership.stamp, errorCode: 25, what: 'test' })
    rig.assign(1, 0, 2)
    stop(rig)
    leave(rig)
    expect(finished(rig)).toEqual([{ uncommitted: 0, abandoned: 0 }])
  })

  test('a record that failed so far is owed its attempts, unless a commit tells of them', () => {
    const rig = new MemberRig().assign()
    rig.deliver(chunkOf(offsets(0)))
    rig.end(0, 'failed')
    stop(rig)
    leave(rig)
    failCommit(rig)
    rig.advance(10_000)
    expect(finished(rig)).toEqual([{ uncommitted: 1, abandoned: 0 }])
  })

  test('with nothing that runs nobody is given time to obey, though a write is under way', () => {
    const rig = new RetryRig().own([orders0])
    rig.bring(orders0, offsets(0))
    rig.end(0, 'failed')
    stop(rig, 1_000)
    rig.take()
    rig.advance(999)
    expect(rig.names()).not.toContain('drained')
    rig.advance(1)
    expect(rig.names()).toContain('drained')
  })
})

test('a rebalance is no stop: nobody is told that all is drained', () => {
  const rig = new MemberRig().assign()
  rig.take()
  rebalance(rig)
  expect(rig.names()).not.toContain('drained')
})

test('nothing is fetched during a drain', () => {
  const rig = new MemberRig().assign()
  rig.deliver(chunkOf(offsets(0)))
  rig.deliver(null)
  rebalance(rig)
  rig.take()
  rig.advance(5_000)
  expect(rig.names()).not.toContain('fetch')
})
