/** When records that leave a partition are written (R20). */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { entryOf } from './engine-parts.fixture.ts'
import type { Entry } from './entry.ts'
import { HandOffs } from './hand-offs.ts'

const error = new Error('not enough replicas')
const half = (): number => 0.5

/** Goes to the delay topic, or to the dead letters. */
function leaving(offset: number, topic = 'orders.retry.30s'): Entry<number> {
  const entry = entryOf(offset)
  entry.destination = { outcome: 'retried', topic, delayMs: 30_000 }
  return entry
}

function takeAll(handOffs: HandOffs<number>, nowMs: number): number[] {
  const taken: number[] = []
  for (let entry = handOffs.take(nowMs); entry !== null; entry = handOffs.take(nowMs)) taken.push(entry.offset)
  return taken
}

function withQueued(...offsets: number[]): HandOffs<number> {
  const handOffs = new HandOffs<number>()
  for (const offset of offsets) handOffs.add(leaving(offset))
  return handOffs
}

test('while writes succeed every record is written at once, in the order in which they came', () => {
  const handOffs = withQueued(3, 1, 2)
  expect(handOffs.nextMs).toBe(-Infinity)
  expect(takeAll(handOffs, 0)).toEqual([3, 1, 2])
  expect([handOffs.inFlight, handOffs.hasQueued, handOffs.nextMs]).toEqual([3, false, Infinity])
})

test('with nothing to write nobody is woken', () => {
  expect(new HandOffs<number>().nextMs).toBe(Infinity)
  expect(new HandOffs<number>().take(1_000)).toBe(null)
})

test('after a failure one record is tried, not before its wait is over, and the next only when it is answered', () => {
  const handOffs = withQueued(1, 2)
  const waitMs = handOffs.failed(handOffs.take(0)!, error, 0, half)
  expect(waitMs).toBeGreaterThanOrEqual(1_000)
  expect(handOffs.problem).toBe(error)
  expect(handOffs.nextMs).toBe(waitMs)
  expect(handOffs.take(waitMs - 1)).toBe(null)
  const tried = handOffs.take(waitMs)!
  expect(handOffs.inFlight).toBe(1)
  expect(handOffs.take(waitMs + 60_000)).toBe(null)
  // Only its answer changes that, so nobody is woken for it.
  expect(handOffs.nextMs).toBe(Infinity)
  handOffs.failed(tried, error, waitMs, half)
  expect(handOffs.nextMs).toBeGreaterThan(2 * waitMs)
})

test('answers to writes that were on their way when the first one failed change nothing', () => {
  const handOffs = withQueued(1, 2, 3)
  const [one, two, three] = [handOffs.take(0)!, handOffs.take(0)!, handOffs.take(0)!]
  const waitMs = handOffs.failed(one, error, 0, half)
  expect(handOffs.failed(two, error, 10, half)).toBe(waitMs - 10)
  expect(handOffs.failures).toBe(1)
  handOffs.stored(three)
  expect([handOffs.failing, handOffs.failures, handOffs.nextMs]).toEqual([1, 1, waitMs])
})

test('with the first try that succeeds, all that wait are written at once', () => {
  const handOffs = withQueued(1, 2, 3)
  handOffs.failed(handOffs.take(0)!, error, 0, half)
  handOffs.stored(handOffs.take(10_000)!)
  expect([handOffs.failing, handOffs.failures]).toEqual([0, 0])
  expect(takeAll(handOffs, 10_000)).toEqual([3, 1])
})

test('each topic is judged by itself: one that is down neither holds up another nor is helped by it', () => {
  const handOffs = withQueued(1)
  const first = handOffs.take(0)!
  const waitMs = handOffs.failed(first, error, 0, half)
  handOffs.add(leaving(2, 'orders.dlq'))
  const letter = handOffs.take(0)!
  expect(letter.offset).toBe(2)
  handOffs.stored(letter)
  expect([handOffs.failing, handOffs.problem]).toEqual([1, error])
  expect(handOffs.take(waitMs - 1)).toBe(null)
  expect(handOffs.take(waitMs)).toBe(first)
})

test('a write whose record goes elsewhere is no longer in flight', () => {
  const handOffs = withQueued(1)
  handOffs.dropped(handOffs.take(0)!)
  expect([handOffs.inFlight, handOffs.hasQueued]).toEqual([0, false])
})

test('a try whose record goes elsewhere says nothing about its topic while others wait there', () => {
  const handOffs = withQueued(1, 2)
  const waitMs = handOffs.failed(handOffs.take(0)!, error, 0, half)
  handOffs.dropped(handOffs.take(waitMs)!)
  expect([handOffs.failing, handOffs.failures, handOffs.inFlight]).toEqual([1, 1, 0])
  expect(handOffs.take(waitMs)?.offset).toBe(1)
})

test('a topic for which nothing is left to write is not called broken', () => {
  const handOffs = withQueued(1)
  const waitMs = handOffs.failed(handOffs.take(0)!, error, 0, half)
  handOffs.dropped(handOffs.take(waitMs)!)
  expect([handOffs.failing, handOffs.failures, handOffs.problem]).toEqual([0, 0, undefined])
  handOffs.add(leaving(2))
  expect(handOffs.take(waitMs)?.offset).toBe(2)
})

test('a write that is dropped where all succeed mends nothing, with or without others that wait', () => {
  const handOffs = withQueued(1, 2)
  handOffs.dropped(handOffs.take(0)!)
  expect(handOffs.failing).toBe(0)
  handOffs.dropped(handOffs.take(0)!)
  expect(handOffs.failing).toBe(0)
})

test('a topic that fails again and again is one topic that fails, and its problem is told, not that of another', () => {
  const handOffs = new HandOffs<number>()
  handOffs.add(leaving(1, 'orders.dlq'))
  handOffs.failed(handOffs.take(0)!, new Error('was down once'), 0, half)
  handOffs.stored(handOffs.take(5_000)!)
  handOffs.add(leaving(2))
  for (const nowMs of [5_000, 10_000, 20_000]) handOffs.failed(handOffs.take(nowMs)!, error, nowMs, half)
  expect([handOffs.failing, handOffs.failures, handOffs.problem]).toEqual([1, 3, error])
})

/** Goal: no record is lost or written twice at a time, no two tries of a topic that is down are less than a second apart,
 *  and whoever may be written is. */
test('whatever writes end like, every record is queued, in flight or stored, and a topic that is down is not hurried', () => {
  const anyAct = fc.record({
    kind: fc.constantFrom('add', 'take', 'take', 'stored', 'failed', 'time'),
    pick: fc.nat(3_000),
    topic: fc.constantFrom('a', 'b'),
  })
  const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
  fc.assert(
    fc.property(fc.array(anyAct, { maxLength: 80 }), chance, (acts, random) => {
      const handOffs = new HandOffs<number>()
      const queued = new Set<Entry<number>>()
      const inFlight: Entry<number>[] = []
      /** By topic that is down: its last failure that counts, and the try under way. */
      const down = new Map<string, { failedAtMs: number; tried: Entry<number> | null }>()
      const topicOf = (entry: Entry<number>): string => entry.destination!.topic
      let nowMs = 0
      for (const [offset, { kind, pick, topic }] of acts.entries()) {
        if (kind === 'time') nowMs += pick
        if (kind === 'add') {
          const entry = leaving(offset, topic)
          handOffs.add(entry)
          queued.add(entry)
        }
        const entry = kind === 'take' ? handOffs.take(nowMs) : null
        if (kind === 'take' && entry === null) {
          expect([...queued].filter((each) => !down.has(topicOf(each)))).toEqual([])
        }
        if (entry !== null) {
          expect(queued.delete(entry)).toBe(true)
          inFlight.push(entry)
          const broken = down.get(topicOf(entry))
          if (broken !== undefined) {
            expect([nowMs - broken.failedAtMs >= 1_000, broken.tried]).toEqual([true, null])
            broken.tried = entry
          }
        }
        const [answered] = kind === 'stored' || kind === 'failed' ? inFlight.splice(pick % 5, 1) : []
        const broken = answered === undefined ? undefined : down.get(topicOf(answered))
        if (answered !== undefined && kind === 'stored') {
          handOffs.stored(answered)
          if (broken?.tried === answered) down.delete(topicOf(answered))
        }
        if (answered !== undefined && kind === 'failed') {
          const delayMs = handOffs.failed(answered, error, nowMs, () => random)
          expect(delayMs).toBeLessThanOrEqual(5_000)
          queued.add(answered)
          if (broken === undefined || broken.tried === answered) {
            down.set(topicOf(answered), { failedAtMs: nowMs, tried: null })
          }
        }
        expect([handOffs.inFlight, handOffs.hasQueued, handOffs.failing]).toEqual([
          inFlight.length,
          queued.size > 0,
          down.size,
        ])
        // Nobody is woken at a time at which there is nothing to take.
        if (handOffs.nextMs === Infinity)
          expect([...queued].every((each) => (down.get(topicOf(each))?.tried ?? null) !== null)).toBe(true)
      }
      const wakeMs = handOffs.nextMs
      if (wakeMs !== Infinity) expect(handOffs.take(Math.max(nowMs, wakeMs))).not.toBe(null)
    }),
  )
})
