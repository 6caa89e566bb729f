import { expect, test } from 'vitest'
import { second, sending, setUp } from './producer-rig.fixture.ts'

test.each([45, 47, 59])('answer %i leaves the batch unknown: its partition goes on from 0 under a new id', (code) => {
  const world = sending('a b')
  world.add('c')
  world.answer(code)
  expect(world.failed).toMatchObject([{ names: ['a', 'b'], ambiguous: true }])
  world.go(1_000)
  expect([world.onTheWire(), world.counts().identityRequests]).toEqual([[], 1])
  world.identify(second)
  expect(world.onTheWire()).toEqual(['c@2:0'])
})

test('other partitions finish what they sent under the old id and begin at 0 under the new one', () => {
  const world = setUp({ 1: 2 })
  world.identify()
  world.add('a', 0)
  world.add('x', 1)
  world.go(5)
  world.answer(45)
  world.lose()
  world.add('y', 1)
  world.identify(second)
  world.go(105)
  expect(world.onTheWire()).toEqual(['x@1:0'])
  world.answer()
  expect(world.onTheWire()).toEqual(['y@2:0'])
})

test('when no new producer id can be had, only partitions that cannot go on under the old one reject', () => {
  const world = setUp({ 1: 2 })
  world.identify()
  world.add('a', 0)
  world.add('x', 1)
  world.go(5)
  world.add('b', 0)
  world.add('y', 1)
  world.answer(45)
  world.step({ kind: 'unidentified', reason: 'not allowed', remedy: 'allow it', nowMs: 5 })
  expect(world.failed.map(({ names }) => names)).toEqual([['a'], ['b']])
  world.answer()
  world.go(10)
  expect(world.onTheWire()).toEqual(['y@1:1'])
})

test('a second partition that loses count under the old id needs no third one', () => {
  const world = setUp({ 1: 2 })
  world.identify()
  world.add('a', 0)
  world.add('x', 1)
  world.go(5)
  world.answer(45)
  world.identify(second)
  world.answer(45)
  world.add('y', 1)
  world.go(100)
  expect([world.onTheWire(), world.counts().identityRequests]).toEqual([['y@2:0'], 1])
})

test('at the deadline a record that never left is rejected without doubt, one by one', () => {
  const world = setUp({ 0: undefined })
  world.identify()
  world.add('a')
  world.go(1_000)
  world.add('b')
  world.go(30_999)
  expect(world.failed).toMatchObject([{ names: ['a'], ambiguous: false }])
  world.go(31_000)
  expect(world.failed).toMatchObject([
    { names: ['a'], ambiguous: false },
    { names: ['b'], ambiguous: false },
  ])
})

test('at the deadline a batch on the wire is unknown, and nothing overtakes it before its attempt has ended', () => {
  const world = sending('a')
  world.add('b')
  world.go(29_999)
  expect(world.failed).toEqual([])
  world.go(30_000)
  expect(world.failed).toMatchObject([{ names: ['a'], ambiguous: true }])
  expect(world.counts().identityRequests).toBe(1)
  world.identify(second)
  world.add('c')
  world.go(30_004)
  expect(world.onTheWire()).toEqual(['a@1:0'])
  world.answer(0, 5)
  expect(world.stored).toEqual([])
  expect(world.onTheWire()).toEqual(['bc@2:0'])
})

test('records that expired make room in their batch', () => {
  const world = setUp({ 0: undefined })
  world.identify()
  world.add('a', 0, 60)
  world.go(1_000)
  world.add('b', 0, 30)
  world.go(30_500)
  world.add('c', 0, 60)
  world.leaders[0] = 1
  world.step({ kind: 'leadersChanged', nowMs: 30_500 })
  expect(world.onTheWire()).toEqual(['bc@1:0'])
})

test.each([
  [-1, true],
  [2, false],
  [3, false],
  [5, true],
  [6, true],
  [7, true],
  [19, false],
  [20, true],
  [56, true],
])('a batch that was last answered %i and cannot be sent again is rejected with ambiguous %o', (code, ambiguous) => {
  const world = sending('a')
  world.answer(code)
  world.leaders[0] = undefined
  world.go(30_000)
  expect(world.failed).toMatchObject([{ names: ['a'], ambiguous }])
})

test('at the deadline a batch that certainly never arrived is rejected without doubt and gives its sequence back', () => {
  const world = sending('a')
  world.lose(false)
  world.leaders[0] = undefined
  world.go(30_000)
  expect(world.failed).toMatchObject([{ names: ['a'], ambiguous: false }])
  world.leaders[0] = 1
  world.add('b')
  world.go(30_010)
  expect([world.onTheWire(), world.counts().identityRequests]).toEqual([['b@1:0'], 0])
})

test('a refusal by the broker rejects without doubt, and the sequence goes to the next batch', () => {
  const world = sending('a b')
  world.answer(29)
  expect(world.failed).toEqual([{ names: ['a', 'b'], ambiguous: false, reason: 'TOPIC_AUTHORIZATION_FAILED' }])
  world.add('c')
  world.go(100)
  expect([world.onTheWire(), world.counts().identityRequests]).toEqual([['c@1:0'], 0])
})

test('a refusal that nobody knows does not free the sequence: an append in spite of it would swallow the next batch', () => {
  const world = sending('a')
  world.answer(999)
  expect(world.failed).toEqual([{ names: ['a'], ambiguous: false, reason: 'ERROR_999' }])
  world.add('b')
  world.go(100)
  expect(world.onTheWire()).toEqual([])
  world.identify(second)
  expect(world.onTheWire()).toEqual(['b@2:0'])
})

test('a fenced producer rejects everything, now and later', () => {
  const world = setUp({ 1: 2 })
  world.identify()
  world.add('a', 0)
  world.add('x', 1)
  world.go(5)
  world.add('b', 0)
  world.answer(90)
  expect(world.failed).toMatchObject([
    { names: ['a'], ambiguous: false },
    { names: ['b'], ambiguous: false },
    { names: ['x'], ambiguous: true },
  ])
  world.add('c')
  expect(world.failed.at(-1)).toMatchObject({ names: ['c'], ambiguous: false })
  world.answer()
  expect(world.stored).toEqual([])
})

test('closing rejects what was never sent without doubt and what was sent with it', () => {
  const world = sending('a')
  world.add('b')
  world.step({ kind: 'closed', reason: 'closed' })
  expect(world.failed).toEqual([
    { names: ['a'], ambiguous: true, reason: 'closed' },
    { names: ['b'], ambiguous: false, reason: 'closed' },
  ])
  world.lose()
  expect(world.onTheWire()).toEqual([])
})

test('a flush ends the linger of everything added so far', () => {
  const world = setUp()
  world.identify()
  world.add('a', 0)
  world.add('b', 1)
  world.step({ kind: 'flushed', nowMs: 0 })
  expect(world.onTheWire()).toEqual(['a@1:0 b@1:0'])
})

test('after the last sequence comes 0', () => {
  const world = sending('a b')
  const [batch] = world.requests[0]?.batches ?? []
  if (batch?.stamp === undefined) throw new Error('nothing was sent')
  batch.stamp = { ...batch.stamp, baseSequence: 2 ** 31 - 1 }
  world.answer()
  world.add('c')
  world.go(100)
  expect(world.onTheWire()).toEqual(['c@1:1'])
})

test('every batch that was sent is discarded once, whatever became of it', () => {
  const world = sending('a')
  world.answer()
  world.add('b c')
  world.go(20)
  world.answer(10)
  world.answer(29)
  world.answer(45)
  expect(world.counts().discarded).toBe(4)
})
