import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  type CommitMetadata,
  type CommitMetadataInput,
  decodeCommitMetadata,
  encodeCommitMetadata,
} from './commit-metadata.ts'
import { SevenBitWriter } from './seven-bit-text.ts'

const topicId = '0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0'
/** 100 is the line and parked, 101 to 103 are finished, 104 and 105 run, 106 is finished. */
const input: CommitMetadataInput = {
  topicId,
  committedOffset: 100,
  leaderEpoch: 7,
  unfinished: [100, 104, 105],
  highestFinished: 106,
  writtenAtMs: 1_699_999_999_000,
  parked: [{ offset: 100, attempt: 2, dueAtMs: 1_700_000_000_000 }],
}

const anyParked = fc.uniqueArray(
  fc.record({
    offset: fc.nat(5_000),
    attempt: fc.nat(300),
    dueAtMs: fc.nat(10_000_000).map((after) => after + 1.7e12),
  }),
  { selector: ({ offset }) => offset, maxLength: 100 },
)
const anyInput: fc.Arbitrary<CommitMetadataInput> = fc
  .record({
    topicId: fc.uuid(),
    line: fc.oneof(fc.nat(100), fc.nat(2 ** 52)),
    leaderEpoch: fc.integer({ min: -1, max: 2 ** 31 - 1 }),
    unfinished: fc.uniqueArray(fc.integer({ min: 1, max: 3_000 }), { maxLength: 300 }),
    above: fc.oneof(fc.constant(null), fc.integer({ min: 1, max: 2 ** 40 })),
    writtenAtMs: fc.nat(1_000).map((before) => 1.7e12 - before),
    parked: anyParked,
  })
  .map(({ line, unfinished, above, parked, ...head }) => {
    const ascending = [0, ...unfinished.toSorted((a, b) => a - b)]
    return {
      ...head,
      committedOffset: line,
      unfinished: ascending.map((offset) => line + offset),
      highestFinished: above === null ? line - 1 : line + ascending.at(-1)! + above,
      parked: parked.map((each) => ({ ...each, offset: line + each.offset })),
    }
  })

function decoded(text: string): CommitMetadata {
  const answer = decodeCommitMetadata(text)
  if (!answer.ok) throw new Error(`expected metadata, got ${answer.reason}`)
  return answer
}

function finishedIn(walk: CommitMetadataInput): number[] {
  const offsets: number[] = []
  const last = walk.unfinished.at(-1)!
  for (let offset = walk.committedOffset; offset <= Math.min(last, walk.highestFinished); offset++) offsets.push(offset)
  return offsets.filter((offset) => !walk.unfinished.includes(offset))
}

test('what was written is read back, with the topic, offset and epoch it was made for', () => {
  const text = encodeCommitMetadata(input)
  const { finished, ...rest } = decoded(text)
  expect(text.slice(0, 3)).toBe('hf1')
  expect([...finished.ranges()]).toEqual([
    { start: 101, end: 104 },
    { start: 106, end: 107 },
  ])
  expect(rest).toEqual({
    ok: true,
    topicId,
    committedOffset: 100,
    leaderEpoch: 7,
    parked: [{ ...input.parked[0], waitMs: 1_000 }],
  })
})

/** Goal: within the length, the lowest part of what is true, and nothing else. */
test('any input is read back, or its lowest part where it is too long', () => {
  fc.assert(
    fc.property(anyInput, fc.oneof(fc.constant(4_096), fc.nat(300)), (given, lengthMax) => {
      const text = encodeCommitMetadata(given, { lengthMax })
      expect(text.length).toBeLessThanOrEqual(lengthMax)
      expect(text).toMatch(/^[\u0000-\u007f]*$/)
      if (text === '') return
      const { finished, parked, ...head } = decoded(text)
      expect(head).toEqual({
        ok: true,
        topicId: given.topicId,
        committedOffset: given.committedOffset,
        leaderEpoch: given.leaderEpoch,
      })
      const lowest = given.parked.toSorted((a, b) => a.offset - b.offset).slice(0, 64)
      const kept = lowest.map((each) => ({ ...each, dueAtMs: Math.ceil(each.dueAtMs / 100) * 100 }))
      expect(parked).toMatchObject(kept.slice(0, parked.length))
      const end = finished.highest ?? given.committedOffset
      for (const offset of finishedIn(given)) expect(finished.has(offset)).toBe(offset <= end)
      for (const offset of given.unfinished) expect(finished.has(offset)).toBe(false)
      if (lengthMax < 4_096) return
      expect(finished.highest).toBe(given.highestFinished > given.committedOffset ? given.highestFinished : null)
      expect(parked).toHaveLength(lowest.length)
    }),
    { numRuns: 200 },
  )
})

test('the same progress gives the same text', () => {
  const parked = [...input.parked, { offset: 104, attempt: 1, dueAtMs: 1_700_000_005_000 }]
  expect(encodeCommitMetadata({ ...input, parked: parked.toReversed() })).toBe(
    encodeCommitMetadata({ ...input, parked }),
  )
})

test('nothing to say is no text', () => {
  const calm = { ...input, unfinished: [], highestFinished: 99, parked: [] }
  expect(encodeCommitMetadata(calm)).toBe('')
  expect(encodeCommitMetadata({ ...calm, parked: input.parked })).not.toBe('')
})

test('a topic without an id gets no text, because nobody could tell it from another of its name', () => {
  for (const unknown of ['', 'orders', '00000000-0000-0000-0000-000000000000']) {
    expect(encodeCommitMetadata({ ...input, topicId: unknown })).toBe('')
  }
})

test('a due time is rounded up to a tenth of a second, never down', () => {
  const parked = [{ offset: 100, attempt: 1, dueAtMs: 1_700_000_000_000.5 }]
  expect(decoded(encodeCommitMetadata({ ...input, parked })).parked[0]?.dueAtMs).toBe(1_700_000_000_100)
})

test('of too many parked records the 64 lowest are kept', () => {
  const parked = Array.from({ length: 100 }, (_, at) => ({ offset: 199 - at, attempt: 1, dueAtMs: 1e12 }))
  const kept = decoded(encodeCommitMetadata({ ...input, parked })).parked.map(({ offset }) => offset)
  expect(kept).toEqual(Array.from({ length: 64 }, (_, at) => 100 + at))
})

test('when both are too long, parked records take no more than half of the room', () => {
  const parked = Array.from({ length: 64 }, (_, at) => ({ offset: 100 + 2 * at, attempt: 9, dueAtMs: 1e12 + at * 9e6 }))
  const unfinished = Array.from({ length: 500 }, (_, at) => 100 + 2 * at)
  const both = { ...input, writtenAtMs: 1e12, unfinished, highestFinished: 1_099, parked }
  const text = encodeCommitMetadata(both, { lengthMax: 120 })
  const { finished, parked: kept } = decoded(text)
  expect(text.length).toBeGreaterThanOrEqual(118)
  expect(kept.length).toBeGreaterThan(5)
  expect(finished.highest).toBeGreaterThan(200)
})

test('a parked record below the line, or one that is parked twice, throws', () => {
  const [first] = input.parked as [CommitMetadataInput['parked'][number]]
  const parked = [{ ...first, offset: 99 }]
  expect(() => encodeCommitMetadata({ ...input, parked })).toThrow('expected parked offsets ≥ 100, each once, got 99')
  expect(() => encodeCommitMetadata({ ...input, parked: [first, first] })).toThrow('got 100')
})

test('text that is not ours is left alone', () => {
  expect(decodeCommitMetadata(null)).toEqual({ ok: false, reason: 'none' })
  expect(decodeCommitMetadata('')).toEqual({ ok: false, reason: 'none' })
  for (const text of ['hf0:3', 'hf', 'hf1', 'hf2r…', 'hf1x', 'v1:AAECAwQ=', 'é'.repeat(4_096), 'hello']) {
    expect(decodeCommitMetadata(text), text).toEqual({ ok: false, reason: 'foreign' })
  }
})

test('any change of one character, and any part, is refused', () => {
  const text = encodeCommitMetadata(input)
  for (let at = 0; at < text.length; at++) {
    for (let code = 0; code < 512; code++) {
      if (code === text.charCodeAt(at)) continue
      const changed = text.slice(0, at) + String.fromCharCode(code) + text.slice(at + 1)
      expect(decodeCommitMetadata(changed).ok, `${code} at ${at}`).toBe(false)
    }
    expect(decodeCommitMetadata(text.slice(0, at)).ok).toBe(false)
    expect(decodeCommitMetadata(text.slice(0, at) + text.slice(at + 1)).ok).toBe(false)
  }
})

test('any text is answered and never thrown at', () => {
  const body = fc.oneof(
    fc.string(),
    fc.array(fc.nat(0xffff)).map((codes) => String.fromCharCode(...codes)),
  )
  const prefix = fc.constantFrom('', 'hf1', 'hf1n', 'hf1u', 'hf1f', 'hf1r')
  fc.assert(
    fc.property(prefix, body, (start, rest) => {
      expect(decodeCommitMetadata(start + rest).ok).toBe(false)
    }),
    { numRuns: 200 },
  )
})

/** Goal: a seal says that nobody changed the text, not that it makes sense: whoever wrote it may have been wrong. */
test('sealed nonsense is refused or gives a sound map, and never more ranges than it has bits', () => {
  const number = fc.oneof(fc.nat(3), fc.nat(60), fc.maxSafeNat())
  const bits = fc.array(fc.tuple(fc.nat(2 ** 24 - 1), fc.integer({ min: 0, max: 24 })), { maxLength: 60 })
  fc.assert(
    fc.property(fc.constantFrom('n', 'u', 'f', 'r'), fc.array(number, { maxLength: 4 }), bits, (letter, head, tail) => {
      const writer = new SevenBitWriter(`hf1${letter}`, 1_000)
      for (let word = 0; word < 4; word++) writer.write(word, 32)
      for (const each of head) writer.writeNumber(each)
      for (const [value, width] of tail) writer.write(value % 2 ** width, width)
      const text = writer.seal()
      const answer = decodeCommitMetadata(text)
      if (!answer.ok) return
      const ranges = [...answer.finished.ranges()]
      expect(ranges.length).toBeLessThanOrEqual(text.length * 7)
      let end = answer.committedOffset
      for (const range of ranges) {
        expect(range.start).toBeGreaterThan(end)
        expect(range.end).toBeGreaterThan(range.start)
        end = range.end
      }
      expect(Number.isSafeInteger(end)).toBe(true)
    }),
    { numRuns: 2_000 },
  )
})

test('sealed text whose map cannot be is refused', () => {
  const sealed = (letter: string, count: number, gaps: readonly number[], rest = 0): string => {
    const writer = new SevenBitWriter(`hf1${letter}`, 1_000)
    for (let word = 0; word < 4; word++) writer.write(1, 32)
    // The offset, the epoch, no parked records, the code of unit 1, in which a gap is that many ones and a zero.
    for (const number of [Number.MAX_SAFE_INTEGER - 8, 0, 0]) writer.writeNumber(number)
    writer.write(0, 9)
    writer.writeNumber(count)
    for (const gap of gaps) writer.write((2 << gap) - 2, gap + 1)
    writer.write(rest, rest)
    return writer.seal()
  }
  expect(decoded(sealed('u', 2, [0, 3])).finished.highest).toBe(Number.MAX_SAFE_INTEGER - 4)
  expect(decoded(sealed('f', 2, [3, 0])).finished.highest).toBe(Number.MAX_SAFE_INTEGER - 4)
  const refused: readonly [string, number, readonly number[], number?][] = [
    ['u', 2, [0, 3], 8],
    ['u', 2, [3, 0]],
    ['f', 2, [0, 3]],
    ['u', 1, [8]],
    ['u', 0, []],
    ['u', 1_000, [3]],
  ]
  for (const each of refused) expect(decodeCommitMetadata(sealed(...each)).ok, each.join(' ')).toBe(false)
})
