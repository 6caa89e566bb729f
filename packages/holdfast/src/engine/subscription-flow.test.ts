import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { feed, flowOf, lose, partitionFlow } from './engine-parts.fixture.ts'
import { chunkOf, MemberRig, offsets, testSubscription, type TestRecord } from './member-rig.fixture.ts'
import { Permits, type PermitsAct } from './permits.fixture.ts'
import { Recorded } from './recorded.fixture.ts'
import { memberHealth } from './status.ts'
import { SubscriptionFlow } from './subscription-flow.ts'

/** A subscription with one partition that brought these offsets. */
function subscribed(...of: number[]) {
  const subscription = new SubscriptionFlow<TestRecord>(testSubscription, () => 0.5)
  const recorded = new Recorded<TestRecord>()
  const partition = partitionFlow()
  const entries = feed(partition, chunkOf(offsets(...of)))
  for (const entry of entries) subscription.enqueue(entry)
  return { subscription, partition, entries, recorded, effects: recorded.effects }
}

function verbs(recorded: Recorded<TestRecord>): string[] {
  return recorded.take().map((effect) => effect.verb)
}

describe('time limits', () => {
  test('an attempt that ended never times out', () => {
    const rig = new MemberRig().assign()
    rig.deliver(chunkOf(offsets(0, 1)))
    rig.end(0)
    rig.take()
    rig.advance(60_000)
    const timedOut = rig.take().filter((effect) => effect.verb === 'timedOut')
    expect(timedOut.map((effect) => effect.given[0].offset)).toEqual([1])
  })

  test('an attempt that settles after its abort gives back its own deadline', () => {
    const rig = new MemberRig({ subscription: { inPlaceDelaysMs: [60_000] } }).assign()
    rig.deliver(chunkOf(offsets(0)))
    rig.advance(30_000)
    rig.end(0)
    rig.advance(10_000)
    expect(rig.names()).not.toContain('attempt.zombie')
    expect(flowOf(rig).zombies).toBe(0)
    expect(rig.flow.subscriptions.get('orders')!.running).toBe(0)
  })

  test('an abort wakes the member for the end of its grace', () => {
    const rig = new MemberRig({
      heartbeatIntervalMs: 60_000,
      sessionTimeoutMs: 300_000,
      loopTimeoutMs: 300_000,
    }).assign()
    rig.deliver(chunkOf(offsets(0)))
    rig.advance(30_000)
    expect(rig.flow.nextWakeMs - rig.nowMs).toBe(5_000)
  })

  test('what was told to end because its ownership did has no time limit of its own any more', () => {
    const { subscription, partition, recorded, effects } = subscribed(0)
    subscription.dispatch(1_000, effects)
    subscription.abortAll(partition, 'stopped', 2_000, effects)
    recorded.take()
    subscription.expire(40_000, effects)
    expect(verbs(recorded)).toEqual(['zombie'])
    expect(subscription.nextWakeMs).toBe(Infinity)
  })

  test('only attempts that run and were not told yet are told to end', () => {
    const { subscription, partition, entries, recorded, effects } = subscribed(0, 1, 2, 3)
    subscription.concurrency = 3
    subscription.dispatch(1_000, effects)
    subscription.release(entries[1]!)
    subscription.fail(entries[1]!, new Error('test'), 1_000, effects)
    recorded.take()
    subscription.abortAll(partition, 'stopped', 2_000, effects)
    subscription.abortAll(partition, 'lost', 3_000, effects)
    const aborts = recorded.take().map((effect) => effect.given)
    expect(aborts).toEqual([
      [entries[0], 'stopped'],
      [entries[2], 'stopped'],
    ])
  })

  test('a zombie that settles is a zombie no more', () => {
    const rig = new MemberRig({ subscription: { attemptTimeoutMs: 1_000 } }).assign()
    rig.deliver(chunkOf(offsets(0)))
    rig.advance(6_000)
    const subscription = rig.flow.subscriptions.get('orders')!
    expect([subscription.zombies, flowOf(rig).zombies, subscription.running, flowOf(rig).running]).toEqual([1, 1, 0, 0])
    rig.end(0)
    expect([subscription.zombies, flowOf(rig).zombies, subscription.running, flowOf(rig).running]).toEqual([0, 0, 0, 0])
  })
})

describe('retries', () => {
  test('a retry that ignores its abort lets the other records of its partition go on', () => {
    const rig = new MemberRig({ subscription: { parkedRecordsMax: 1, concurrency: 1 } }).assign()
    rig.deliver(chunkOf(offsets(0, 1, 2)))
    rig.end(0, 'failed')
    expect(flowOf(rig).pauses).toEqual(['retry'])
    rig.advance(200)
    expect([...rig.running.keys()]).toEqual([0])
    rig.advance(60_000)
    expect(flowOf(rig).zombies).toBe(1)
    expect([...rig.running.keys()]).toEqual([0, 1])
  })

  test('an attempt does not inherit the abort of the one before', () => {
    const rig = new MemberRig({ subscription: { attemptTimeoutMs: 1_000 } }).assign()
    rig.deliver(chunkOf(offsets(0)))
    rig.advance(1_000)
    rig.end(0)
    rig.advance(50)
    expect(rig.running.get(0)).toMatchObject({ attempt: 2, abortReason: null })
  })
})

describe('ended ownerships', () => {
  test('a record that was ready when its ownership ended is dropped, not kept', () => {
    const { subscription, partition, recorded, effects } = subscribed(0)
    partition.close()
    subscription.dispatch(1_000, effects)
    expect(verbs(recorded)).toEqual([])
    expect(partition.takeWithheld()).toEqual([])
  })

  test('a record that was parked when its ownership ended does not come back', () => {
    const { subscription, partition, entries, effects } = subscribed(0)
    subscription.dispatch(1_000, effects)
    subscription.release(entries[0]!)
    subscription.fail(entries[0]!, new Error('test'), 1_000, effects)
    partition.close()
    subscription.expire(9_000, effects)
    expect(subscription.hasReady).toBe(false)
  })

  test('a record that waited for its lane when the partition was lost never starts', () => {
    const rig = new MemberRig({ subscription: { concurrency: 1 } }).assign()
    rig.deliver(chunkOf(offsets(0, 1)))
    const [stuck] = rig.running.values()
    lose(rig)
    rig.assign(1, 2, 2)
    rig.deliver(chunkOf(offsets(2)))
    rig.running.set(0, stuck!)
    rig.end(0)
    expect([...rig.running.keys()]).toEqual([2])
  })
})

describe('figures', () => {
  test('progress is when a record last ended', () => {
    const { subscription, entries, effects } = subscribed(0)
    subscription.dispatch(1_000, effects)
    subscription.release(entries[0]!)
    subscription.finish(entries[0]!, 'done', 7_000)
    expect(subscription.progressAtMs).toBe(7_000)
  })

  test('work that waits with permits free and nothing ending for three time limits is a failure of health', () => {
    const { subscription } = subscribed(0)
    const rig = new MemberRig().assign()
    rig.advance(90_000)
    const stalled = Object.assign(rig.flow, { subscriptions: new Map([['orders', subscription]]) })
    subscription.progressAtMs = 1_000
    expect(memberHealth(stalled, 91_000).failures).toEqual([])
    expect(memberHealth(stalled, 91_001).failures[0]).toContain('work is waiting and nothing ended')
  })

  test('work that comes after a long silence is not called stalled', () => {
    const rig = new MemberRig().assign()
    rig.advance(200_000)
    rig.deliver(chunkOf(offsets(0)))
    expect(rig.flow.subscriptions.get('orders')!.progressAtMs).toBe(rig.nowMs)
  })

  test('the most that ever ran at once stays, and only further attempts count as retried', () => {
    const { subscription, entries, effects } = subscribed(0, 1)
    subscription.dispatch(1_000, effects)
    for (const entry of entries) {
      subscription.release(entry)
      subscription.fail(entry, new Error('test'), 1_000, effects)
    }
    subscription.expire(1_050, effects)
    subscription.concurrency = 1
    subscription.dispatch(1_050, effects)
    expect(subscription.runningMax).toBe(2)
    expect(subscription.retriedInPlace).toBe(1)
  })

  test('counts hold what the ownerships of this topic saw, ended ones included', () => {
    const { subscription, partition, entries, effects } = subscribed(0, 1, 2)
    subscription.dispatch(1_000, effects)
    subscription.release(entries[0]!)
    subscription.finish(entries[0]!, 'done', 1_000)
    partition.close()
    subscription.remember(partition)
    const elsewhere = Object.assign(partitionFlow(), { topic: 'refunds' })
    feed(elsewhere, chunkOf(offsets(0)))
    const next = partitionFlow()
    feed(next, chunkOf(offsets(0)))
    const counts = subscription.counts([elsewhere, next])
    expect(counts).toMatchObject({ accepted: 4, done: 1, abandoned: 2 })
  })
})

/** Goal: however attempts end, time out, are aborted or outlive their ownership, the permits out are those of the attempts
 *  that run, nothing starts above the limit, and a record starts once more than it failed. */
test('permits and attempts agree with a list of what runs', () => {
  const act = fc.record({
    kind: fc.constantFrom<PermitsAct['kind']>(
      'deliver',
      'deliver',
      'done',
      'done',
      'fail',
      'time',
      'permits',
      'abort',
      'end',
    ),
    pick: fc.nat({ max: 40_000 }),
  })
  fc.assert(
    fc.property(fc.array(act, { maxLength: 60 }), (acts) => {
      const permits = new Permits()
      for (const each of acts) permits.act(each)
    }),
    { numRuns: 300 },
  )
})

test('lateness is that of retries: a record that never had to wait is never late', () => {
  const { subscription, effects } = subscribed(0)
  subscription.dispatch(60_000, effects)
  expect(subscription.latenessMaxMs).toBe(0)
})

test('an overflow leaves only where a delay topic can take it', () => {
  const rig = new MemberRig({ subscription: { parkedRecordsMax: 1, inPlaceDelaysMs: [60_000] } }).assign()
  rig.deliver(chunkOf(offsets(0, 1)))
  rig.end(0, 'failed')
  rig.end(1, 'failed')
  expect(flowOf(rig).parked).toBe(2)
  expect(flowOf(rig).handOffs.hasQueued).toBe(false)
})

test('a record that is given up is news for the next commit', () => {
  const { subscription, partition, entries, effects } = subscribed(0)
  subscription.dispatch(1_000, effects)
  subscription.release(entries[0]!)
  const before = partition.changes
  subscription.giveUp(entries[0]!, new Error('too large'), 1_000, effects)
  expect(partition.changes).toBeGreaterThan(before)
})
