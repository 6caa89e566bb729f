/** What a member tells about itself: whoever reads its log at night finds each turn of events, where it happened, and why. */
import { describe, expect, test } from 'vitest'
import { NonRetriableError } from '../model/errors.ts'
import { kafkaErrors } from '../model/kafka-errors.ts'
import { startAt } from '../model/next-offset.ts'
import type { SubscriptionSettings } from '../model/settings.ts'
import { admitted, beat, failFetch, lose, orders0, relocated } from './engine-parts.fixture.ts'
import { chunkOf, MemberRig, noMarks, offsets } from './member-rig.fixture.ts'
import { RetryRig, twoDelays } from './retry-rig.fixture.ts'

const group = 'billing'
const at = orders0

/** What was told under this name since the last look. */
function told(rig: MemberRig, name: string): unknown[] {
  return rig.take().flatMap((effect) => (effect.verb === 'emit' && effect.given[0] === name ? [effect.given[1]] : []))
}

/** A member whose one partition runs its first record. */
function working(): MemberRig {
  const rig = new MemberRig().assign()
  rig.deliver(chunkOf(offsets(0, 1)))
  rig.take()
  return rig
}

describe('ownership', () => {
  test('a partition that is assigned, with its epoch and where it begins', () => {
    expect(told(new MemberRig().assign(1, 7), 'partition.assigned')).toEqual([{ group, at, epoch: 1, from: 7 }])
  })

  test('a partition that is given back, with what was committed and what is left to others', () => {
    const rig = working()
    rig.end(0)
    rig.step({ kind: 'partitionsChanged', reason: 'test' })
    rig.end(1)
    rig.answerCommit()
    expect(told(rig, 'partition.revoked')).toMatchObject([{ group, at, epoch: 1, committed: 2, abandoned: 0 }])
  })

  test('a membership that is lost, and each partition with it', () => {
    const reason = 'heartbeat was refused with UNKNOWN_MEMBER_ID'
    const rig = working()
    beat(rig, kafkaErrors.UNKNOWN_MEMBER_ID)
    const all = rig.take()
    const told = (name: string): unknown[] =>
      all.flatMap((effect) => (effect.verb === 'emit' && effect.given[0] === name ? [effect.given[1]] : []))
    expect(told('group.lost')).toEqual([{ group, reason }])
    expect(told('partition.lost')).toEqual([{ group, at, epoch: 1, reason }])
  })

  test('marks that were not believed, and why', () => {
    const rig = new MemberRig().assign()
    rig.step({ kind: 'partitionsChanged', reason: 'test' })
    rig.step({ kind: 'joined', stamp: rig.flow.membership.stamp, answer: { ...admitted, generationId: 2 } })
    rig.step({ kind: 'synced', stamp: rig.flow.membership.stamp, errorCode: 0, partitions: [at] })
    const start = { ...at, position: startAt(0), committed: startAt(0), leaderEpoch: -1, ...noMarks, cutFrom: null }
    rig.take()
    const { stamp } = rig.flow.membership
    rig.step({ kind: 'positioned', stamp, starts: [{ ...start, ignoredMarks: 'another topic' }] })
    expect(told(rig, 'commit.marksIgnored')).toEqual([{ group, at, reason: 'another topic' }])
  })

  test('a start without doubtful marks tells of none', () => {
    expect(told(new MemberRig().assign(), 'commit.marksIgnored')).toEqual([])
  })

  test('an attempt that settles after its ownership, with its record and its epoch', () => {
    const rig = working()
    lose(rig)
    rig.take()
    rig.end(0)
    expect(told(rig, 'attempt.stale')).toEqual([{ group, at, offset: 0, epoch: 1 }])
  })
})

describe('why a member rebalances', () => {
  test('the coordinator asked for it', () => {
    const rig = working()
    beat(rig, kafkaErrors.REBALANCE_IN_PROGRESS)
    expect(told(rig, 'group.rebalancing')).toEqual([{ group, reason: 'the coordinator asked for it' }])
  })

  test('a commit was refused', () => {
    const rig = working()
    rig.end(0)
    rig.advance(1_000)
    rig.take()
    rig.answerCommit(kafkaErrors.REBALANCE_IN_PROGRESS)
    const reason = 'a commit was refused because the group rebalances'
    expect(told(rig, 'group.rebalancing')).toEqual([{ group, reason }])
  })
})

describe('why a membership is lost', () => {
  test('a commit was refused', () => {
    const rig = working()
    rig.end(0)
    rig.advance(1_000)
    rig.take()
    rig.answerCommit(kafkaErrors.UNKNOWN_MEMBER_ID)
    expect(told(rig, 'group.lost')).toEqual([{ group, reason: 'a commit was refused with UNKNOWN_MEMBER_ID' }])
  })

  test.each([
    ['the join', (rig: MemberRig): void => answer(rig, 'join')],
    ['the assignment', (rig: MemberRig): void => answer(rig, 'sync')],
  ])('%s was refused to a member that still owns something', (what, refuse) => {
    const rig = new MemberRig({ protocol: 'cooperative' }).assign()
    rig.step({ kind: 'partitionsChanged', reason: 'test' })
    rig.take()
    refuse(rig)
    expect(told(rig, 'group.lost')).toEqual([{ group, reason: `${what} was refused with UNKNOWN_MEMBER_ID` }])
  })

  test('a join that is refused to a member that owns nothing loses nothing', () => {
    const rig = new MemberRig()
    rig.step({ kind: 'start' })
    answer(rig, 'join')
    expect(told(rig, 'group.lost')).toEqual([])
  })

  test('the loop stood still, and for how long', () => {
    const rig = working()
    rig.nowMs += 30_001
    rig.step({ kind: 'tick' })
    expect(told(rig, 'group.lost')).toEqual([{ group, reason: 'the loop stood still for 30001 ms' }])
  })
})

/** Refuses the request of a join under way, as to somebody whom the coordinator does not know. */
function answer(rig: MemberRig, what: 'join' | 'sync'): void {
  const errorCode = kafkaErrors.UNKNOWN_MEMBER_ID
  const { membership } = rig.flow
  rig.step({
    kind: 'joined',
    stamp: membership.stamp,
    answer: { ...admitted, errorCode: what === 'join' ? errorCode : 0 },
  })
  if (what === 'sync') rig.step({ kind: 'synced', stamp: membership.stamp, errorCode, partitions: [] })
}

describe('pauses and their ends, by reason', () => {
  test('a user', () => {
    const rig = working()
    rig.step({ kind: 'paused', topic: 'orders' })
    expect(told(rig, 'partition.paused')).toEqual([{ group, at, reason: 'user' }])
    rig.step({ kind: 'resumed', topic: 'orders' })
    expect(told(rig, 'partition.resumed')).toEqual([{ group, at, reason: 'user' }])
  })

  test('parking that is full', () => {
    const rig = new MemberRig({ subscription: { parkedRecordsMax: 1 } }).assign()
    rig.deliver(chunkOf(offsets(0)))
    rig.take()
    rig.end(0, 'failed')
    expect(told(rig, 'partition.paused')).toEqual([{ group, at, reason: 'retry' }])
    rig.advance(100)
    rig.end(0)
    expect(told(rig, 'partition.resumed')).toEqual([{ group, at, reason: 'retry' }])
  })

  test('bytes that pile up', () => {
    const rig = new MemberRig().assign()
    rig.take()
    rig.deliver(chunkOf(offsets(0), undefined, 4_000_000))
    expect(told(rig, 'partition.paused')).toEqual([{ group, at, reason: 'pressure' }])
    rig.end(0)
    expect(told(rig, 'partition.resumed')).toEqual([{ group, at, reason: 'pressure' }])
  })

  test('a topic that nobody subscribed to is paused and resumed without a word', () => {
    const rig = working()
    rig.step({ kind: 'paused', topic: 'unknown' })
    rig.step({ kind: 'resumed', topic: 'unknown' })
    expect(rig.names()).toEqual([])
  })
})

test('bytes that cannot be decoded are told with their place and the reason, and the pause that follows', () => {
  const rig = new MemberRig().assign()
  const broken = {
    ...chunkOf(offsets(0)),
    take: (): never => {
      throw new Error('bad checksum')
    },
  }
  rig.take()
  rig.deliver(broken)
  const all = rig.take().flatMap((effect) => (effect.verb === 'emit' ? [effect.given] : []))
  expect(all).toContainEqual(['fetch.corrupt', { group, at, offset: 0, reason: 'bad checksum' }])
  expect(all).toContainEqual(['partition.paused', { group, at, reason: 'retry' }])
})

describe('where a position moved', () => {
  test('it is told once, with what is missing', () => {
    const rig = working()
    relocated(rig, 9)
    expect(told(rig, 'partition.reset')).toEqual([{ group, at, from: 2, to: 9, reason: 'test', missing: 7 }])
  })

  test('a position that proved good is no news', () => {
    const rig = working()
    relocated(rig, 2)
    expect(told(rig, 'partition.reset')).toEqual([])
  })

  test('nor is that of a partition that is not ours', () => {
    const rig = working()
    const elsewhere = { topic: 'orders', partition: 5 }
    rig.step({ kind: 'relocated', at: elsewhere, epoch: 1, position: startAt(9), reason: 'test' })
    expect(told(rig, 'partition.reset')).toEqual([])
  })
})

test('the end of each attempt is told with the outcome of its record', () => {
  const rig = working()
  rig.end(0)
  rig.end(1, 'filtered')
  const ended = rig.take().flatMap(({ verb, given }) => (verb === 'ended' ? [[given[0].offset, given[1]]] : []))
  expect(ended).toEqual([
    [0, 'done'],
    [1, 'filtered'],
  ])
})

test('an attempt that a stop ended is told as one that failed, with no further one planned', () => {
  const rig = working()
  rig.step({ kind: 'drain', drainMs: 1_000 })
  rig.advance(1_000)
  rig.take()
  const error = new Error('gave up')
  rig.end(0, 'failed', error)
  const failed = rig.take().flatMap(({ verb, given }) => (verb === 'attemptFailed' ? [given.slice(1)] : []))
  expect(failed).toEqual([[error, null]])
})

test('a member is ending from its drain on', () => {
  const rig = working()
  expect(rig.flow.isEnding).toBe(false)
  rig.step({ kind: 'drain', drainMs: 1_000 })
  expect(rig.flow.isEnding).toBe(true)
})

test('a fetch without an answer is told', () => {
  const rig = working()
  failFetch(rig)
  expect(rig.names()).toContain('fetch.failed')
})

describe('commits', () => {
  /** Two partitions with a record done in each, and their commit in flight. */
  function committing(): MemberRig {
    const rig = new MemberRig().assign(2)
    for (const partition of [0, 1]) {
      rig.deliver(chunkOf(offsets(0)), partition)
      rig.end(0)
    }
    rig.take()
    rig.advance(1_000)
    return rig
  }

  test('one that is sent, with the number of its partitions', () => {
    expect(told(committing(), 'commit.sent')).toEqual([{ group, partitions: 2 }])
  })

  test('one that is acknowledged, with how many partitions and how long it took', () => {
    const rig = committing()
    rig.nowMs += 40
    rig.answerCommit()
    expect(told(rig, 'commit.acknowledged')).toEqual([{ group, partitions: 2, durationMs: 40 }])
  })

  test('one that failed, with why and when it is repeated', () => {
    const rig = committing()
    rig.answerCommit(kafkaErrors.COORDINATOR_LOAD_IN_PROGRESS)
    const reason = 'COORDINATOR_LOAD_IN_PROGRESS'
    expect(told(rig, 'commit.failed')).toEqual([{ group, reason, retryInMs: 75 }])
  })

  test('one whose refusal says nothing about the coordinator leaves that where it is', () => {
    const rig = committing()
    rig.take()
    rig.answerCommit(kafkaErrors.OFFSET_METADATA_TOO_LARGE)
    expect(rig.names()).toEqual(['commit.failed'])
  })
})

describe('what follows a failed attempt', () => {
  /** The waits that were told with the failure of offset 0; null where none is planned. */
  function waits(subscription: Partial<SubscriptionSettings>, error: Error = new Error('failed')): unknown[] {
    const rig = new RetryRig(subscription).own([at])
    rig.bring(at, offsets(0))
    rig.take()
    rig.end(0, 'failed', error)
    return rig.take().flatMap(({ verb, given }) => (verb === 'attemptFailed' ? [given[2]] : []))
  }

  test('a wait in place, with its length', () => {
    expect(waits({ inPlaceDelaysMs: [100] })).toEqual([50])
  })

  test('a delay topic, with the wait there', () => {
    expect(waits(twoDelays)).toEqual([30_000])
  })

  test('the dead letters, where nothing is waited for', () => {
    expect(waits(twoDelays, new NonRetriableError('never'))).toEqual([null])
  })

  test('nothing, where there is nowhere to go; and that the record blocks its partition', () => {
    const error = new NonRetriableError('never')
    expect(waits({ inPlaceDelaysMs: [100] }, error)).toEqual([null])
    const rig = working()
    rig.end(0, 'failed', error)
    const blocked = rig.take().flatMap(({ verb, given }) => (verb === 'blocked' ? [[given[0].offset, given[1]]] : []))
    expect(blocked).toEqual([[0, error]])
  })
})
