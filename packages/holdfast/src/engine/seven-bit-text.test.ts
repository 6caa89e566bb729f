import fc from 'fast-check'
import { expect, test } from 'vitest'
import { bitWidth, numberBits, SevenBitReader, SevenBitWriter } from './seven-bit-text.ts'

const anyNumber = fc.oneof(fc.maxSafeNat(), fc.nat(200), fc.integer({ min: 0, max: 53 }).map(lastOfWidth))
const anyField = fc
  .tuple(anyNumber, fc.nat(10))
  .map(([value, more]) => ({ value, width: Math.min(53, bitWidth(value) + more) }))

/** The largest number of a width, where additions and shifts go wrong first. */
function lastOfWidth(width: number): number {
  return 2 ** width - 1
}

test('fields of any width are read as they were written', () => {
  fc.assert(
    fc.property(fc.array(anyField), (fields) => {
      const writer = new SevenBitWriter('p', 1_000)
      for (const { value, width } of fields) writer.write(value, width)
      const reader = SevenBitReader.open(writer.seal(), 1)!
      expect(fields.map(({ width }) => reader.read(width))).toEqual(fields.map(({ value }) => value))
      expect(reader.isAtEnd).toBe(true)
    }),
  )
})

test('numbers of unknown size are read as they were written, in as many bits as was said', () => {
  fc.assert(
    fc.property(fc.array(anyNumber), (numbers) => {
      const writer = new SevenBitWriter('', 2_000)
      for (const number of numbers) writer.writeNumber(number)
      const text = writer.seal()
      const bits = numbers.reduce((sum, number) => sum + numberBits(number), 0)
      expect(text).toHaveLength(Math.ceil(bits / 7) + 5)
      const reader = SevenBitReader.open(text, 0)!
      expect(numbers.map(() => reader.readNumber())).toEqual(numbers)
      expect(reader.isAtEnd).toBe(true)
    }),
  )
})

test('every character has seven bits', () => {
  const writer = new SevenBitWriter('', 1_000)
  for (let value = 0; value < 256; value++) writer.write(value, 8)
  expect(writer.seal()).toMatch(/^[\u0000-\u007f]+$/)
})

test('the width of a number is the length of its binary digits', () => {
  fc.assert(fc.property(anyNumber, (value) => bitWidth(value) === (value === 0 ? 0 : value.toString(2).length)))
})

test('a text never becomes longer than allowed: one bit too many throws', () => {
  const lengthMax = 20
  const full = new SevenBitWriter('hf', lengthMax)
  const room = SevenBitWriter.room(2, lengthMax)
  for (let bit = 0; bit < room; bit++) full.write(1, 1)
  expect(full.seal()).toHaveLength(lengthMax)
  const over = new SevenBitWriter('hf', lengthMax)
  for (let bit = 0; bit < room; bit++) over.write(1, 1)
  over.write(1, 1)
  expect(() => over.seal()).toThrow('expected text of at most 20 characters')
})

test('what is not a safe integer from 0 up is no number to write', () => {
  const writer = new SevenBitWriter('', 100)
  for (const wrong of [-1, 0.5, NaN, Infinity, 2 ** 53]) {
    expect(() => writer.writeNumber(wrong)).toThrow(`expected a safe integer ≥ 0, got ${wrong}`)
  }
})

test('reading past the end spoils the text and gives zeros', () => {
  const reader = SevenBitReader.open(new SevenBitWriter('', 100).seal(), 0)!
  expect(reader.isAtEnd).toBe(true)
  expect([reader.read(53), reader.read(1), reader.readNumber()]).toEqual([0, 0, 0])
  expect(reader).toMatchObject({ isSpoiled: true, isAtEnd: false })
})

test('a number wider than any safe integer spoils the text', () => {
  const writer = new SevenBitWriter('', 100)
  writer.write(55, 11)
  writer.write(0, 53)
  const reader = SevenBitReader.open(writer.seal(), 0)!
  expect(reader.readNumber()).toBe(0)
  expect(reader.isSpoiled).toBe(true)
})

test('text that is too short, too wide or not sealed is not opened', () => {
  expect(SevenBitReader.open('', 0)).toBe(null)
  expect(SevenBitReader.open('hf1n', 4)).toBe(null)
  const sealed = new SevenBitWriter('hf1n', 100).seal()
  expect(SevenBitReader.open(sealed, 4)).not.toBe(null)
  expect(SevenBitReader.open(`é${sealed.slice(1)}`, 4)).toBe(null)
  expect(SevenBitReader.open(`${sealed} `, 4)).toBe(null)
})
