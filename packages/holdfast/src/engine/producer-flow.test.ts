import { expect, test } from 'vitest'
import { type ProducerBatch, type ProducerEffects, type SendFailure } from './producer-events.ts'
import { ProducerFlow } from './producer-flow.ts'

type Sent = { readonly name: string; readonly sizeInBytes: number; readonly deadlineMs: number }
type Batch = ProducerBatch<Sent>
type Leaders = Record<number, number | undefined>

const rules = { lingerMs: 5, batchBytesMax: 100, backoff: { firstMs: 100, maxMs: 1_000 } }
const first = { producerId: 1, producerEpoch: 0 }
const second = { producerId: 2, producerEpoch: 0 }

/** A flow whose effects are noted and whose answers the test writes. Partition p is led by node 1 unless told otherwise. */
function setUp(leaders: Leaders = {}) {
  let nowMs = 0
  let wakesAtMs = Infinity
  const requests: { nodeId: number; batches: readonly Batch[] }[] = []
  const stored: [name: string, offset: number][] = []
  const failed: (Pick<SendFailure, 'ambiguous' | 'reason'> & { names: string[] })[] = []
  const resent: string[] = []
  let identityRequests = 0
  let refreshes = 0
  let discarded = 0
  const effects: ProducerEffects<Sent> = {
    send: (nodeId, batches) => requests.push({ nodeId, batches }),
    requestIdentity: () => identityRequests++,
    refreshMetadata: () => refreshes++,
    acknowledge: (batch, offset) =>
      stored.push(...batch.records.map(({ name }, at) => [name, offset + at] as [string, number])),
    reject: (records, { ambiguous, reason }) =>
      failed.push({ names: records.map(({ name }) => name), ambiguous, reason }),
    discard: () => discarded++,
    willResend: (_batch, reason) => resent.push(reason),
    wakeAt: (atMs) => (wakesAtMs = Math.min(wakesAtMs, atMs)),
  }
  const flow = new ProducerFlow<Sent>(rules, {
    leaderOf: (_topic, partition) => (partition in leaders ? leaders[partition] : 1),
    random: () => 1,
  })
  const step = (event: Parameters<typeof flow.step>[0]): void => flow.step(event, effects)
  const result = (batch: Batch, errorCode: number, baseOffset: number) => ({
    batch,
    errorCode,
    baseOffset,
    logAppendTimeMs: -1,
    errorMessage: null,
  })
  return {
    leaders,
    requests,
    stored,
    failed,
    resent,
    step,
    counts: () => ({ identityRequests, refreshes, discarded }),
    /** Adds records named like `a b c` to partition `partition`. */
    add(names: string, partition = 0, sizeInBytes = 10): void {
      for (const name of names.split(' ')) {
        const record = { name, sizeInBytes, deadlineMs: nowMs + 30_000 }
        step({ kind: 'added', topic: 'orders', partition, record, nowMs })
      }
    },
    identify: (identity = first): void => step({ kind: 'identified', identity, nowMs }),
    /** Goes to `atMs` as a runtime would: waking when asked to. */
    go(atMs: number): void {
      while (wakesAtMs <= atMs) {
        nowMs = Math.max(nowMs, wakesAtMs)
        wakesAtMs = Infinity
        step({ kind: 'ticked', nowMs })
      }
      nowMs = atMs
    },
    /** Answers every batch of the oldest open request. */
    answer(errorCode = 0, baseOffset = errorCode === 0 ? 0 : -1): void {
      const batches = requests.shift()?.batches ?? []
      step({ kind: 'answered', results: batches.map((batch) => result(batch, errorCode, baseOffset)), nowMs })
    },
    lose(mayBeStored = true): void {
      const batches = requests.shift()?.batches ?? []
      step({ kind: 'unanswered', batches, reason: 'lost', mayBeStored, nowMs })
    },
    /** What is on the wire, as `names@producer:sequence`. */
    onTheWire: () =>
      requests.map(({ batches }) =>
        batches
          .map(
            ({ records, stamp }) =>
              `${records.map(({ name }) => name).join('')}@${stamp?.producerId}:${stamp?.baseSequence}`,
          )
          .join(' '),
      ),
  }
}

/** As above, with a producer id and `names` on the wire. */
function sending(names: string) {
  const world = setUp()
  world.identify()
  world.add(names)
  world.go(5)
  return world
}

test('records that come within the linger time leave in one batch, in order', () => {
  const world = setUp()
  world.identify()
  world.add('a b')
  world.go(4)
  world.add('c')
  expect(world.onTheWire()).toEqual([])
  world.go(5)
  expect(world.onTheWire()).toEqual(['abc@1:0'])
  world.answer(0, 40)
  expect(world.stored).toEqual([
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
  const world = setUp({ 2: 2 })
  world.identify()
  world.add('a', 0)
  world.add('x', 2)
  world.go(4)
  world.add('b', 1)
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
