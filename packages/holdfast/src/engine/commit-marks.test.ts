/** What a commit tells about the records above the line (R10), and how it is answered. */
import { describe, expect, test } from 'vitest'
import { kafkaErrors } from '../model/kafka-errors.ts'
import type { CommitMarks } from './commit-marks.ts'
import { CompletionMap } from './completion-map.ts'
import { InheritedMarks } from './inherited-marks.ts'
import { chunkOf, offsets, topicId } from './member-rig.fixture.ts'
import { orders0, RetryRig, soon0, twoDelays } from './retry-rig.fixture.ts'

const inPlace = { inPlaceDelaysMs: [1_000, 1_000, 1_000] }

function marksOf(rig: RetryRig): CommitMarks {
  return rig.at(orders0).marks(4_096)
}

describe('marks', () => {
  test('of records that ended out of order, the open ones and the highest finished one are told', () => {
    const rig = new RetryRig(inPlace).own([orders0])
    rig.bring(orders0, offsets(0, 1, 2, 5, 6))
    rig.end(1)
    rig.end(5)
    expect(rig.at(orders0).committable()).toBe(0)
    expect(marksOf(rig)).toMatchObject({ topicId, unfinished: [0, 2, 6], highestFinished: 5, failed: [] })
  })

  test('a record that failed is told with its attempts and its due time, also while it runs again', () => {
    const rig = new RetryRig(inPlace).own([orders0])
    rig.bring(orders0, offsets(0))
    rig.end(0, 'failed')
    expect(marksOf(rig).failed).toEqual([{ offset: 0, attempts: 1, dueMs: 1_500 }])
    rig.advance(500)
    expect([...rig.running.keys()]).toEqual([0])
    expect(marksOf(rig).failed).toEqual([{ offset: 0, attempts: 1, dueMs: 1_500 }])
    rig.end(0, 'failed')
    expect(marksOf(rig).failed).toEqual([{ offset: 0, attempts: 2, dueMs: 2_000 }])
  })

  test('a record that leaves is told as failed until it is stored, and then as finished', () => {
    const rig = new RetryRig().own([orders0])
    rig.bring(orders0, offsets(0, 1))
    rig.end(1, 'failed')
    expect(marksOf(rig)).toMatchObject({ unfinished: [0, 1], failed: [{ offset: 1, attempts: 1, dueMs: 31_000 }] })
    rig.stored(1)
    expect(marksOf(rig)).toMatchObject({ unfinished: [0], highestFinished: 1, failed: [] })
  })

  test('a record that is out of attempts and blocks is not told: whoever restarts us has looked at it', () => {
    const rig = new RetryRig({ inPlaceDelaysMs: [], deadLetters: null }).own([orders0])
    rig.bring(orders0, offsets(0))
    rig.end(0, 'failed')
    expect(marksOf(rig).failed).toEqual([])
  })

  test('of many failed records the lowest sixty-four are told', () => {
    const rig = new RetryRig({ ...inPlace, concurrency: 100 }).own([orders0])
    const all = Array.from({ length: 80 }, (_, offset) => offset)
    rig.bring(orders0, offsets(...all))
    for (const offset of all.toReversed()) rig.end(offset, 'failed')
    expect(marksOf(rig).failed.map(({ offset }) => offset)).toEqual(all.slice(0, 64))
  })

  test('in a delay topic only what failed there is told: its headers tell the rest', () => {
    const rig = new RetryRig({ ...twoDelays, inPlaceDelaysMs: [100, 60_000] }).own([soon0])
    rig.bring(soon0, [
      { offset: 0, key: null, attempts: 1, dueMs: 1 },
      { offset: 1, key: null, attempts: 1, dueMs: 90_000 },
    ])
    rig.step({ kind: 'tick' })
    rig.end(0, 'failed')
    expect(
      rig
        .at(soon0)
        .marks(4_096)
        .failed.map(({ offset, attempts }) => [offset, attempts]),
    ).toEqual([[0, 2]])
  })
})

describe('marks that were inherited', () => {
  /** 11 to 30 are finished but for 21, which failed twice. */
  const inherited = new InheritedMarks(
    new CompletionMap([11, 21, 22, 31]),
    new Map([[21, { attempts: 2, dueMs: 5_000 }]]),
    4,
  )
  const owned = (): RetryRig => new RetryRig(inPlace).own([{ ...orders0, position: 10, inherited }])

  test('are told again above what was read so far, with an epoch that covers them', () => {
    const rig = owned()
    rig.bring(orders0, offsets(10, 11, 12))
    rig.end(10, 'failed')
    expect(marksOf(rig)).toMatchObject({ leaderEpoch: 4, unfinished: [10, 21], highestFinished: 30 })
    expect(marksOf(rig).failed.map(({ offset, attempts }) => [offset, attempts])).toEqual([
      [10, 1],
      [21, 2],
    ])
  })

  test('move the line over what earlier owners finished, under an epoch in which it was written', () => {
    const rig = owned()
    rig.bring(orders0, offsets(10, 11, 12))
    rig.end(10)
    rig.advance(2_000)
    expect(rig.commits.at(-1)!.offsets[0]).toMatchObject({ offset: 21, leaderEpoch: 4 })
  })

  test('start no finished record, and count it as done before', () => {
    const rig = owned()
    rig.bring(orders0, offsets(10, 11, 12, 13))
    expect([...rig.running.keys()]).toEqual([10])
    expect(rig.at(orders0).counts.alreadyDone).toBe(3)
    expect(rig.at(orders0).ledger.accepted).toBe(4)
  })

  test('park a failed record until it is due, and go on counting its attempts', () => {
    const rig = owned()
    rig.bring(orders0, offsets(20, 21, 22))
    expect(rig.at(orders0).parked).toBe(1)
    rig.advance(3_999)
    expect([...rig.running.keys()]).toEqual([])
    rig.advance(1)
    expect(rig.running.get(21)?.attempt).toBe(3)
    expect(rig.at(orders0).parked).toBe(0)
  })

  test('a failed record waits for its lane first, and for its due time then', () => {
    const rig = new RetryRig({ ...inPlace, order: 'partition' }).own([{ ...orders0, position: 10, inherited }])
    rig.bring(orders0, offsets(10, 21))
    rig.advance(10_000)
    expect([...rig.running.keys()]).toEqual([10])
    rig.end(10)
    rig.advance(0)
    expect([...rig.running.keys()]).toEqual([21])
    rig.end(21)
    expect(rig.at(orders0)).toMatchObject({ parked: 0, running: 0 })
  })

  test('hold nobody back for ever when they fill the places for parked records', () => {
    const rig = new RetryRig({ ...inPlace, parkedRecordsMax: 1 }).own([{ ...orders0, position: 10, inherited }])
    rig.bring(orders0, offsets(21, 31))
    expect(rig.at(orders0).pauses).toEqual(['retry'])
    rig.advance(5_000)
    rig.end(21)
    expect([...rig.running.keys()]).toEqual([31])
    expect(rig.at(orders0).pauses).toEqual([])
  })

  test('are known to the broker: nothing of them is dirty, untold or forgotten', () => {
    const rig = owned()
    rig.bring(orders0, offsets(21, 22, 23))
    rig.commitNow()
    expect(rig.at(orders0)).toMatchObject({ isDirty: false, untold: 0, forgottenAttempts: 0 })
    const again = new RetryRig(inPlace).own([{ ...orders0, position: 21, inherited }])
    again.bring(orders0, offsets(21, 22, 23))
    expect(again.at(orders0)).toMatchObject({ isDirty: false, untold: 0, forgottenAttempts: 0 })
  })
})

describe('the answer to a commit', () => {
  test('an acknowledged commit settles what it told, failed attempts included', () => {
    const rig = new RetryRig(inPlace).own([orders0])
    rig.bring(orders0, offsets(0, 1))
    rig.end(0, 'failed')
    expect(rig.at(orders0)).toMatchObject({ isDirty: true, forgottenAttempts: 1 })
    rig.end(1)
    expect(rig.at(orders0).untold).toBe(1)
    rig.commitNow()
    expect(rig.lastCommitted()).toBe(0)
    expect(rig.at(orders0)).toMatchObject({ isDirty: false, forgottenAttempts: 0, untold: 0 })
    const sent = rig.commits.length
    rig.advance(100)
    expect(rig.commits.length).toBe(sent)
  })

  test('what happened while it was on its way is told by the next one', () => {
    const rig = new RetryRig(inPlace).own([orders0])
    rig.bring(orders0, offsets(0, 1, 2))
    rig.end(1)
    rig.advance(1_500)
    rig.end(0, 'failed')
    rig.end(2)
    rig.answerCommit()
    expect(rig.at(orders0)).toMatchObject({ isDirty: true, forgottenAttempts: 1, untold: 1 })
    rig.commitNow()
    expect(rig.at(orders0)).toMatchObject({ isDirty: false, forgottenAttempts: 0, untold: 0 })
  })

  test('metadata that is too long for the broker is halved once for a request, and stays so for every partition', () => {
    const rig = new RetryRig(inPlace).own([orders0, { ...orders0, partition: 1 }])
    for (const partition of [0, 1]) rig.bring({ ...orders0, partition }, offsets(partition * 10, partition * 10 + 1))
    rig.end(1)
    rig.end(11)
    rig.advance(2_000)
    rig.answerCommit(kafkaErrors.OFFSET_METADATA_TOO_LARGE)
    rig.advance(1_000)
    expect(rig.commits.at(-1)!.offsets.map((each) => each.marks.lengthMax)).toEqual([2_048, 2_048])
    rig.answerCommit()
    rig.step({
      kind: 'refused',
      stamp: rig.flow.membership.stamp,
      errorCode: kafkaErrors.UNKNOWN_MEMBER_ID,
      what: 'test',
    })
    rig.own([orders0], 2)
    rig.bring(orders0, offsets(5))
    rig.end(5)
    rig.advance(2_000)
    expect(rig.commits.at(-1)!.offsets.map((each) => each.marks.lengthMax)).toEqual([2_048])
  })

  test('without the id of the topic nobody could believe marks: what they would tell counts as untold', () => {
    const rig = new RetryRig(inPlace).own([orders0])
    rig.at(orders0).leader = { nodeId: 1, leaderEpoch: 0, topicId: '' }
    rig.bring(orders0, offsets(0, 1, 2))
    rig.end(0, 'failed')
    rig.end(2)
    rig.commitNow()
    expect(rig.at(orders0)).toMatchObject({ untold: 1, forgottenAttempts: 1 })
  })
})

test('what lies behind the last record that marks speak of is read as if there had been none', () => {
  const inherited = new InheritedMarks(new CompletionMap([1, 3]), new Map(), 0)
  const rig = new RetryRig(inPlace).own([{ ...orders0, inherited }])
  rig.bring(orders0, offsets(0, 1, 2, 3, 4))
  rig.end(4)
  expect([...rig.running.keys()]).toEqual([0, 3])
  expect(marksOf(rig)).toMatchObject({ unfinished: [0, 3], highestFinished: 4 })
  rig.end(0)
  rig.end(3)
  expect(rig.at(orders0).committable()).toBe(5)
  rig.bring(orders0, [], chunkOf([], 9).nextOffset)
  expect(rig.at(orders0).committable()).toBe(9)
})
