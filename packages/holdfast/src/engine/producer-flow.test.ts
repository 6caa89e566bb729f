import { expect, test } from 'vitest'
import { sending, setUp } from './producer-rig.fixture.ts'

test('a record that finds the producer at rest leaves at once, with what comes in the same turn', () => {
  const world = setUp({ 2: 2 })
  world.identify()
  world.add('a b')
  world.add('x', 2)
  expect(world.onTheWire()).toEqual([])
  world.go(0)
  expect(world.onTheWire()).toEqual(['ab@1:0', 'x@1:0'])
})

test('who awaits each of his records never waits for the linger time', () => {
  const world = setUp()
  world.identify()
  for (const [at, name] of ['a', 'b', 'c'].entries()) {
    world.add(name)
    world.go(at)
    expect(world.onTheWire()).toEqual([`${name}@1:${at}`])
    world.answer()
  }
})

test('records that come while others are under way leave in one batch, in order, when the linger time is over', () => {
  const world = sending('z')
  world.go(10)
  world.add('a b', 1)
  world.go(14)
  world.answer()
  world.add('c', 1)
  expect(world.onTheWire()).toEqual([])
  world.go(15)
  expect(world.onTheWire()).toEqual(['abc@1:0'])
  world.answer(0, 40)
  expect(world.stored.slice(1)).toEqual([
    ['a', 40],
    ['b', 41],
    ['c', 42],
  ])
})

test('a full batch does not linger', () => {
  const world = setUp()
  world.identify()
  world.add('a b c', 0, 40)
  expect(world.onTheWire()).toEqual(['ab@1:0'])
})

test('a record larger than a batch leaves alone', () => {
  const world = setUp()
  world.identify()
  world.add('a')
  world.add('B', 0, 1_000)
  world.add('c')
  expect(world.onTheWire()).toEqual(['a@1:0'])
  world.answer()
  expect(world.onTheWire()).toEqual(['B@1:1'])
})

test('one request carries the batches of all partitions that a node leads, due or not', () => {
  const world = setUp({ 2: 2, 3: 2 })
  world.identify()
  world.add('z', 3)
  world.go(0)
  world.add('a', 0)
  world.add('x', 2)
  world.go(4)
  world.add('b', 1)
  world.answer()
  world.go(5)
  expect(world.onTheWire()).toEqual(['a@1:0 b@1:0', 'x@1:0'])
  expect(world.requests.map(({ nodeId }) => nodeId)).toEqual([1, 2])
})

test('a partition never has two batches on the wire, and its sequences have no gap', () => {
  const world = sending('a b')
  world.add('c d e')
  world.go(100)
  expect(world.onTheWire()).toEqual(['ab@1:0'])
  world.answer()
  expect(world.onTheWire()).toEqual(['cde@1:2'])
  world.answer()
  world.add('f')
  world.go(200)
  expect(world.onTheWire()).toEqual(['f@1:5'])
})

test('nothing leaves before a producer id is there, and it is asked for once', () => {
  const world = setUp()
  world.add('a', 0)
  world.add('b', 1)
  world.go(1_000)
  expect([world.onTheWire(), world.counts().identityRequests]).toEqual([[], 1])
  world.identify()
  expect(world.onTheWire()).toEqual(['a@1:0 b@1:0'])
})

test('when no producer id can be had, what waits for it is rejected and the next send asks again', () => {
  const world = setUp()
  world.add('a b')
  world.step({ kind: 'unidentified', reason: 'not allowed', remedy: 'allow it', nowMs: 1 })
  expect(world.failed).toEqual([{ names: ['a', 'b'], ambiguous: false, reason: 'not allowed' }])
  world.add('c')
  expect(world.counts().identityRequests).toBe(2)
})

test('after a lost answer the very same batch is sent again under its sequence, and what follows waits', () => {
  const world = sending('a b')
  const [batch] = world.requests[0]?.batches ?? []
  world.add('c')
  world.lose()
  world.go(104)
  expect(world.onTheWire()).toEqual([])
  world.go(105)
  expect(world.onTheWire()).toEqual(['ab@1:0'])
  expect(world.requests[0]?.batches[0]).toBe(batch)
  world.answer(46)
  expect(world.stored.map(([name]) => name)).toEqual(['a', 'b'])
  expect(world.onTheWire()).toEqual(['c@1:2'])
})

test.each([-1, 2, 3, 5, 6, 7, 19, 20, 56])(
  'answer %i leads to a refresh and the same batch after a backoff',
  (code) => {
    const world = sending('a')
    const { refreshes } = world.counts()
    world.answer(code)
    expect(world.onTheWire()).toEqual([])
    expect(world.counts().refreshes).toBe(refreshes + 1)
    world.go(105)
    expect(world.onTheWire()).toEqual(['a@1:0'])
  },
)

test('failures in a row are resent ever more rarely, and a success forgets them', () => {
  const world = sending('a')
  const resentAtMs: number[] = []
  for (let nowMs = 5; resentAtMs.length < 5; nowMs += 5) {
    world.go(nowMs)
    if (world.requests.length > 0) {
      resentAtMs.push(nowMs)
      world.answer(7)
    }
  }
  expect(resentAtMs).toEqual([5, 105, 305, 705, 1_505])
  world.go(3_000)
  world.answer()
  world.add('b')
  world.go(3_005)
  world.answer(7)
  world.go(3_105)
  expect(world.onTheWire()).toEqual(['b@1:1'])
})

test('a batch that backs off does not ride along with one that is due', () => {
  const world = sending('a')
  world.answer(7)
  world.add('x', 1)
  world.go(10)
  expect(world.onTheWire()).toEqual(['x@1:0'])
})

test('more than a broker would take in one request goes in several', () => {
  const world = setUp()
  world.identify()
  for (const [partition, name] of ['a', 'b', 'c'].entries()) world.add(name, partition, 7 * 1_024 * 1_024)
  world.go(5)
  expect(world.onTheWire()).toEqual(['a@1:0 b@1:0', 'c@1:0'])
})

test('a batch follows its leader to another node with the same sequence', () => {
  const world = sending('a')
  world.answer(6)
  world.leaders[0] = 2
  world.go(105)
  expect(world.requests.map(({ nodeId }) => nodeId)).toEqual([2])
  expect(world.onTheWire()).toEqual(['a@1:0'])
})

test('without a leader records wait, metadata is asked for, and a new leader gets them at once', () => {
  const world = setUp({ 0: undefined })
  world.identify()
  world.add('a')
  world.go(5)
  expect([world.onTheWire(), world.counts().refreshes]).toEqual([[], 1])
  world.leaders[0] = 3
  world.step({ kind: 'leadersChanged', nowMs: 6 })
  expect(world.requests.map(({ nodeId }) => nodeId)).toEqual([3])
})

test('a batch that is too large is split until its records pass one by one, in order and without a gap', () => {
  const world = sending('a b c')
  world.answer(10)
  expect(world.onTheWire()).toEqual(['ab@1:0'])
  world.answer(10)
  expect(world.onTheWire()).toEqual(['a@1:0'])
  world.answer(0, 7)
  world.answer(10)
  world.answer(0, 8)
  expect(world.stored).toEqual([
    ['a', 7],
    ['c', 8],
  ])
  expect(world.failed).toEqual([{ names: ['b'], ambiguous: false, reason: 'MESSAGE_TOO_LARGE' }])
  world.add('d')
  world.go(100)
  expect(world.onTheWire()).toEqual(['d@1:2'])
})

test('a batch that may be stored is never split, because its halves would carry sequences that are taken', () => {
  const world = sending('a b')
  world.lose()
  world.go(105)
  world.answer(10)
  expect(world.failed).toMatchObject([{ names: ['a', 'b'], ambiguous: true }])
  world.add('c')
  world.go(1_000)
  expect([world.onTheWire(), world.counts().identityRequests]).toEqual([[], 1])
})
