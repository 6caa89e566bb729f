/** The due-ordered window in which a partition of a delay topic is read (R22, R23). */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Order } from '../model/settings.ts'
import { lose, mebibyte, runningOf } from './engine-parts.fixture.ts'
import { testGroup, type TestRecord } from './member-rig.fixture.ts'
import { later0, orders0, RetryRig, soon0, twoDelays } from './retry-rig.fixture.ts'
import { explain, memberHealth, subscriptionStatus } from './status.ts'

function due(offset: number, dueMs: number, key: number | null = null, attempts = 1): TestRecord {
  return { offset, key, attempts, dueMs }
}

/** The rig's clock begins at 1,000. */
function waitingRig(records: readonly TestRecord[], order: Order = 'none', concurrency = 10): RetryRig {
  const rig = new RetryRig({ ...twoDelays, order, concurrency }).own([soon0])
  rig.bring(soon0, records)
  return rig
}

describe('a record in a delay topic', () => {
  test('waits until it is due, and is started then', () => {
    const rig = waitingRig([due(0, 5_000)])
    rig.advance(3_999)
    expect([runningOf(rig), rig.at(soon0).waiting]).toEqual([[], 1])
    rig.advance(1)
    expect([runningOf(rig), rig.at(soon0).waiting]).toEqual([[0], 0])
  })

  test('is started in the order of due times, whatever the offsets', () => {
    const rig = waitingRig([due(0, 9_000), due(1, 5_000), due(2, 7_000)], 'none', 1)
    const started: number[] = []
    for (let round = 0; round < 3; round++) {
      rig.advance(9_000)
      started.push(...runningOf(rig))
      for (const offset of runningOf(rig)) rig.end(offset)
    }
    expect(started).toEqual([1, 2, 0])
  })

  test('goes on counting: its next attempt is the one after those that its headers tell of', () => {
    const rig = waitingRig([due(0, 2_000, null, 2)])
    rig.advance(1_000)
    expect(rig.running.get(0)?.attempt).toBe(3)
    rig.end(0, 'failed')
    expect(rig.writes[0]?.destination).toEqual({ outcome: 'deadLettered', topic: 'orders.dlq' })
  })

  test('goes on to the next delay topic when it fails again', () => {
    const rig = waitingRig([due(0, 2_000, null, 1)])
    rig.advance(1_000)
    rig.end(0, 'failed')
    expect(rig.writes[0]?.destination).toEqual({ outcome: 'retried', topic: later0.topic, delayMs: 300_000 })
    rig.stored(0)
    rig.commitNow()
    expect(rig.at(soon0).counts.retried).toBe(1)
    expect(rig.lastCommitted()).toBe(1)
  })

  test('that was redriven begins anew', () => {
    const rig = waitingRig([due(0, 1, null, 0)])
    rig.advance(0)
    expect(rig.running.get(0)?.attempt).toBe(1)
  })

  test('holds the line below everything that is finished', () => {
    const rig = waitingRig([due(0, 60_000), due(1, 1_500)])
    rig.advance(500)
    rig.end(1)
    rig.commitNow()
    expect(rig.lastCommitted()).toBe(0)
    expect(rig.commits.at(-1)!.offsets[0]!.marks).toMatchObject({ unfinished: [0], highestFinished: 1 })
    rig.advance(60_000)
    rig.end(0)
    rig.commitNow()
    expect(rig.lastCommitted()).toBe(2)
  })
})

describe('order by key', () => {
  test('holds in a delay topic too: two records of a key never run at once', () => {
    const rig = waitingRig([due(0, 3_000, 7), due(1, 2_000, 7), due(2, 3_000, 8)], 'key')
    rig.advance(5_000)
    expect(runningOf(rig)).toEqual([1, 2])
    rig.end(1)
    expect(runningOf(rig)).toEqual([0, 2])
  })

  test('a record that is not due has no place in its lane yet, and holds up nobody', () => {
    const rig = waitingRig([due(0, 60_000, 7), due(1, 2_000, 7)], 'key')
    rig.advance(1_000)
    expect(runningOf(rig)).toEqual([1])
  })

  test('a lane that an attempt of an earlier ownership holds is waited for', () => {
    const rig = waitingRig([due(0, 1_500, 7), due(1, 2_000, 7)], 'key')
    rig.advance(500)
    expect(runningOf(rig)).toEqual([0])
    lose(rig)
    rig.own([{ ...soon0, position: 1 }], 2)
    rig.bring(soon0, [due(1, 2_000, 7)])
    rig.advance(5_000)
    expect(runningOf(rig)).toEqual([0])
    rig.end(0)
    expect(runningOf(rig)).toEqual([1])
  })
})

describe('what waits is not work (R23)', () => {
  test('it is neither lag nor buffered nor a stall, however long it waits', () => {
    const rig = waitingRig([due(0, 3_000_000), due(1, 3_000_001)])
    rig.advance(2_000_000)
    expect(memberHealth(rig.flow, rig.nowMs)).toMatchObject({ failures: [], warnings: [] })
    const status = subscriptionStatus(rig.flow, 'orders', rig.nowMs)!
    expect(status).toMatchObject({ waiting: 2, parked: 0, inFlight: 0 })
    expect(status.partitions[0]).toMatchObject({ lag: 0, buffered: 0, waiting: 2, blockedBy: null })
    expect(explain(rig.flow, 'orders', rig.nowMs)).toEqual([])
  })

  test('what is due and has no permit is lag', () => {
    const rig = waitingRig([due(0, 2_000), due(1, 2_000), due(2, 90_000)], 'none', 1)
    rig.advance(1_000)
    const [partition] = subscriptionStatus(rig.flow, 'orders', rig.nowMs)!.partitions
    expect(partition).toMatchObject({ lag: 2, waiting: 1, inFlight: 1 })
  })

  test('it is handed back as it came: no attempt of it is forgotten, and none is told', () => {
    const rig = waitingRig([due(0, 90_000, null, 2)])
    expect(rig.at(soon0)).toMatchObject({ forgottenAttempts: 0, untold: 0, isDirty: false, isDrained: true })
    expect(rig.at(soon0).marks(4_096).failed).toEqual([])
    rig.step({ kind: 'partitionsChanged', reason: 'test' })
    expect(rig.flow.membership.phase).toBe('joining')
    expect(rig.flow.subscriptions.get('orders')!.nextWakeMs).toBe(Infinity)
  })

  test('the lateness that is published is that of a start after its due time', () => {
    const rig = waitingRig([due(0, 2_000), due(1, 2_500)], 'none', 1)
    rig.advance(4_000)
    expect(subscriptionStatus(rig.flow, 'orders', rig.nowMs)!.latenessMaxMs).toBe(0)
    rig.end(0)
    expect(subscriptionStatus(rig.flow, 'orders', rig.nowMs)!.latenessMaxMs).toBe(2_500)
  })
})

describe('bounds of the window', () => {
  test('a thousand records are decoded, and more when a quarter of them ended', () => {
    const rig = waitingRig(
      Array.from({ length: 1_200 }, (_, offset) => due(offset, offset < 600 ? 2_000 : 90_000)),
      'none',
      1_000,
    )
    expect(rig.at(soon0).waiting).toBe(1_000)
    rig.advance(1_000)
    for (let offset = 0; offset < 249; offset++) rig.end(offset)
    expect(rig.at(soon0).ledger.position).toBe(1_000)
    rig.end(249)
    expect(rig.at(soon0).ledger.position).toBe(1_200)
  })

  test('four mebibytes pause the partition, half of them resume it', () => {
    const rig = new RetryRig().own([soon0])
    for (let offset = 0; offset < 4; offset++) {
      expect(rig.at(soon0).pauses).toEqual([])
      rig.bring(soon0, [due(offset, 2_000)], offset + 1, mebibyte)
    }
    expect(rig.at(soon0).pauses).toEqual(['pressure'])
    rig.advance(1_000)
    rig.end(0)
    expect(rig.at(soon0).pauses).toEqual(['pressure'])
    rig.end(1)
    expect(rig.at(soon0).pauses).toEqual([])
  })

  test('windows of a long delay that are full do not keep those of a short one from being read', () => {
    const fetch = { ...testGroup.fetch, heldBytesMax: 16 * mebibyte }
    const long = [0, 1, 2].map((partition) => ({ ...later0, partition }))
    const rig = new RetryRig(twoDelays, { fetch }).own([...long, soon0])
    const isAsked = ({ topic, partition }: { topic: string; partition: number }): boolean =>
      rig.fetches.at(-1)!.targets.has(`${topic}/${partition}`)
    for (let offset = 0; offset < 20; offset++) {
      const at = long.find(isAsked)
      if (at !== undefined) rig.bring(at, [due(offset, 250_000)], offset + 1, mebibyte)
    }
    expect([long.some(isAsked), isAsked(soon0)]).toEqual([false, true])
    rig.bring(soon0, [due(100, 2_000)], 101, mebibyte)
    rig.advance(1_000)
    expect(runningOf(rig)).toEqual([100])
  })

  test('windows that are full do not keep the source from being read', () => {
    const fetch = { ...testGroup.fetch, heldBytesMax: 8 * mebibyte }
    const rig = new RetryRig(twoDelays, { fetch }).own([orders0, soon0, { ...soon0, partition: 1 }])
    const asksFor = (name: string): boolean => rig.fetches.at(-1)!.targets.has(name)
    for (let offset = 0; offset < 20; offset++) {
      const partition = asksFor(`${soon0.topic}/0`) ? 0 : 1
      if (!asksFor(`${soon0.topic}/${partition}`)) break
      rig.bring({ ...soon0, partition }, [due(offset, 90_000)], offset + 1, mebibyte)
    }
    expect([asksFor(`${soon0.topic}/0`), asksFor(`${soon0.topic}/1`), asksFor('orders/0')]).toEqual([
      false,
      false,
      true,
    ])
    for (let offset = 0; offset < 20; offset++) {
      rig.bring(orders0, [{ offset, key: null }], offset + 1, mebibyte / 2)
      rig.end(offset)
    }
    expect(rig.at(orders0).counts.done).toBe(20)
  })
})

describe('a pause by the user', () => {
  test('of the source holds for its delay topics: what becomes due waits, and nothing is fetched', () => {
    const rig = new RetryRig().own([orders0, soon0])
    rig.bring(soon0, [due(0, 2_000)])
    rig.step({ kind: 'paused', topic: 'orders' })
    rig.advance(5_000)
    expect([runningOf(rig), rig.at(soon0).pauses, rig.at(orders0).pauses]).toEqual([[], ['user'], ['user']])
    rig.step({ kind: 'resumed', topic: 'orders' })
    expect([runningOf(rig), rig.at(soon0).pauses, rig.at(orders0).pauses]).toEqual([[0], [], []])
  })
})

describe('a write from a delay topic that fails', () => {
  test('lets nothing of its partition start that becomes due, until one gets through', () => {
    const rig = waitingRig([due(0, 1_500), due(1, 2_000)])
    rig.advance(500)
    rig.end(0, 'failed')
    rig.failWrite(0)
    rig.advance(3_000)
    expect([runningOf(rig), rig.at(soon0).pauses]).toEqual([[], ['retry']])
    rig.stored(0)
    expect([runningOf(rig), rig.at(soon0).pauses]).toEqual([[1], []])
  })
})

/** Goal: whatever is read and however attempts end, nothing starts early or twice at once, lanes hold, the counts are those
 *  of lists, and in the end everything is finished. */
test.each(['none', 'key', 'partition'] as const)(
  'any window starts its records in due order, each lane one at a time (%s)',
  (order) => {
    const anyAct = fc.record({
      kind: fc.constantFrom('bring', 'bring', 'time', 'time', 'done', 'fail', 'stored'),
      pick: fc.nat(40),
    })
    fc.assert(
      fc.property(
        fc.array(anyAct, { maxLength: 60 }),
        fc.array(fc.nat(20), { minLength: 60, maxLength: 60 }),
        (acts, dues) => {
          const rig = new RetryRig({ ...twoDelays, order, concurrency: 3 }).own([soon0])
          const flow = rig.at(soon0)
          let brought = 0
          const laneOf = (offset: number): number => (order === 'partition' ? 0 : order === 'key' ? offset % 3 : offset)
          const dueOf = (offset: number): number => 1_000 + dues[offset % 60]! * 500
          const act = ({ kind, pick }: { kind: string; pick: number }): void => {
            const running = runningOf(rig)
            const offset = running[pick % Math.max(1, running.length)]
            const written = rig.writing[pick % Math.max(1, rig.writes.length)]
            if (kind === 'bring') {
              const records = Array.from({ length: 1 + (pick % 4) }, (_, at) => brought + at)
              rig.bring(
                soon0,
                records.map((each) => due(each, dueOf(each), each % 3)),
              )
              brought += records.length
            }
            if (kind === 'time') rig.advance(pick * 100)
            if (kind === 'done' && offset !== undefined) rig.end(offset)
            if (kind === 'fail' && offset !== undefined) rig.end(offset, 'failed')
            if (kind === 'stored' && written !== undefined) rig.stored(written)
            check()
          }
          const check = (): void => {
            const running = runningOf(rig)
            expect(new Set(running.map(laneOf)).size).toBe(running.length)
            let waiting = 0
            for (let entry = flow.ledger.oldest; entry !== null; entry = entry.newer)
              if (entry.state === 'waiting') waiting += 1
            expect([flow.waiting, flow.running + flow.zombies]).toEqual([waiting, running.length])
            for (const each of rig.running.values()) expect(each.dueMs).toBeLessThanOrEqual(rig.nowMs)
            const starts = rig.take().flatMap((each) => (each.verb === 'start' ? [each.given[0]] : []))
            // Of those that start together none is due later than one that starts after it.
            const together = starts.map((each) => each.dueMs)
            if (order === 'none') expect(together).toEqual(together.toSorted((a, b) => a - b))
          }
          for (const each of acts) act(each)
          for (let round = 0; round < 300 && flow.ledger.size > 0; round++) {
            for (const kind of ['time', 'done', 'stored']) act({ kind, pick: kind === 'time' ? 40 : 0 })
          }
          const { done, retried, deadLettered } = flow.counts
          expect([flow.ledger.size, flow.committable(), done + retried + deadLettered]).toEqual([0, brought, brought])
        },
      ),
      { numRuns: 60 },
    )
  },
)
