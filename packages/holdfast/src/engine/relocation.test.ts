/** What happens when a position may not mean what it meant: retention, a cut log, another leader, a topic made anew. */
import { expect, test } from 'vitest'
import { kafkaErrors } from '../model/kafka-errors.ts'
import { startAt } from '../model/next-offset.ts'
import { answerFetch, flowOf, ledBy, lose, orders0, relocated } from './engine-parts.fixture.ts'
import { chunkOf, MemberRig, noMarks, offsets } from './member-rig.fixture.ts'

function resets(rig: MemberRig): unknown[] {
  return rig
    .take()
    .flatMap((effect) => (effect.verb === 'emit' && effect.given[0] === 'partition.reset' ? [effect.given[1]] : []))
}

test.each([{ divergesAt: 1 }, { errorCode: kafkaErrors.OFFSET_OUT_OF_RANGE }])(
  'an answer that denies our position (%o) is a reason to look, and one look is enough',
  (answer) => {
    const rig = new MemberRig().assign()
    rig.deliver(chunkOf(offsets(0, 1)))
    rig.take()
    answerFetch(rig, answer)
    expect(rig.names()).toContain('relocate')
    ledBy(rig, 4)
    expect(rig.names()).not.toContain('relocate')
  },
)

test('before the first batch there is nothing that a new leader could have lost', () => {
  const rig = new MemberRig().assign()
  rig.take()
  ledBy(rig, 4, 2)
  expect(rig.names()).not.toContain('relocate')
  expect(rig.fetches.at(-1)).toMatchObject({ nodeId: 2 })
})

test('a leader in the same epoch is not asked what it has', () => {
  const rig = new MemberRig().assign()
  rig.deliver(chunkOf(offsets(0)))
  rig.take()
  ledBy(rig, 0)
  expect(rig.names()).not.toContain('relocate')
})

test('a topic that was made again is read from where its new log begins', () => {
  const rig = new MemberRig().assign()
  rig.take()
  ledBy(rig, 0, 1, 'other')
  const relocate = rig.take().find((effect) => effect.verb === 'relocate')
  expect(relocate?.given[0]).toMatchObject({ isOtherTopic: true })
})

test('a topic that was made again is named anew to its broker, also at the same position', () => {
  const rig = new MemberRig().assign()
  rig.deliver(null)
  rig.deliver(null)
  ledBy(rig, 0, 1, 'other')
  const fetches = rig.fetches.length
  answerFetch(rig, {})
  relocated(rig, 0)
  const since = rig.fetches.slice(fetches)
  expect(since.flatMap((order) => order.named.map((target) => target.partition))).toContain(0)
})

test('a position that moved forward moves the line at once when nothing is unfinished', () => {
  const rig = new MemberRig().assign()
  relocated(rig, 500)
  expect(flowOf(rig).ledger.committable()).toBe(500)
  rig.advance(1_000)
  expect(rig.lastCommitted()).toBe(500)
})

test('after the log was cut the lower line is committed without a new record', () => {
  const rig = new MemberRig().assign()
  rig.deliver(chunkOf(offsets(0, 1, 2)))
  for (const offset of [0, 1, 2]) rig.end(offset)
  rig.advance(1_000)
  rig.answerCommit()
  relocated(rig, 1)
  rig.advance(1_000)
  expect(rig.lastCommitted()).toBe(1)
})

test('attempts on a log that was cut are told to end', () => {
  const rig = new MemberRig().assign()
  rig.deliver(chunkOf(offsets(0, 1)))
  rig.take()
  relocated(rig, 0)
  const aborted = rig.take().flatMap((effect) => (effect.verb === 'abort' ? [effect.given[1]] : []))
  expect(aborted).toEqual(['lost', 'lost'])
})

test('what was learned about a position of an older ownership says nothing about the next', () => {
  const rig = new MemberRig().assign(1, 10)
  const { epoch } = flowOf(rig)
  lose(rig)
  rig.assign(1, 10, 2)
  rig.take()
  relocated(rig, 5, epoch)
  expect(flowOf(rig).fetchPosition).toBe(10)
  expect(resets(rig)).toEqual([])
})

test('a partition that is being given back is not begun anew', () => {
  const rig = new MemberRig().assign(1, 10)
  rig.deliver(chunkOf(offsets(10)))
  const { epoch } = flowOf(rig)
  rig.step({ kind: 'partitionsChanged', reason: 'test' })
  relocated(rig, 5)
  expect(flowOf(rig).epoch).toBe(epoch)
})

test.each([
  [3, [expect.objectContaining({ from: 5, to: 3, missing: 2, reason: 'the committed offset went back' })]],
  [5, []],
  [6, []],
])('a group that committed 5 and hands out %i next', (position, told) => {
  const rig = new MemberRig().assign(1, 5)
  lose(rig)
  rig.take()
  rig.assign(1, position, 2)
  expect(resets(rig)).toEqual(told)
})

test('a cut that ended an ownership does not make what was committed before it forgotten', () => {
  const rig = new MemberRig().assign(1, 10)
  relocated(rig, 5)
  lose(rig)
  rig.take()
  rig.assign(1, 5, 2)
  expect(resets(rig)).toEqual([expect.objectContaining({ from: 10, to: 5 })])
})

test('a log that was cut below what was committed is told with what is missing', () => {
  const rig = new MemberRig().assign()
  lose(rig)
  rig.assign(0, 0, 2)
  rig.take()
  const start = {
    ...orders0,
    position: startAt(5),
    committed: null,
    leaderEpoch: -1,
    ...noMarks,
    cutFrom: startAt(8),
  }
  rig.step({ kind: 'positioned', stamp: rig.flow.membership.stamp, starts: [start] })
  const reason = 'the log was cut below what was committed'
  expect(resets(rig)).toEqual([expect.objectContaining({ from: 8, to: 5, missing: 3, reason })])
})

test('one cut of a log is told once', () => {
  const rig = new MemberRig().assign(1, 10)
  relocated(rig, 5)
  expect(resets(rig)).toEqual([expect.objectContaining({ from: 10, to: 5, missing: 5 })])
})
