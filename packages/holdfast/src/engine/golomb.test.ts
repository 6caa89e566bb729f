import fc from 'fast-check'
import { expect, test } from 'vitest'
import { GolombCode, unitCodeBits } from './golomb.ts'
import { SevenBitReader, SevenBitWriter } from './seven-bit-text.ts'

const anyMean = fc.oneof(fc.double({ min: 0, max: 50, noNaN: true }), fc.maxSafeNat())
const anyNumber = fc.oneof(fc.maxSafeNat(), fc.nat(1_000), fc.nat(2 ** 32))

test('numbers are read as they were written, whatever mean was expected, in as many bits as was said', () => {
  fc.assert(
    fc.property(anyMean, fc.array(anyNumber), (mean, numbers) => {
      const code = GolombCode.forMean(mean)
      const writer = new SevenBitWriter('', 2_000)
      writer.write(code.unitCode, unitCodeBits)
      for (const number of numbers) code.write(writer, number)
      const text = writer.seal()
      const bits = numbers.reduce((sum, number) => sum + code.bits(number), unitCodeBits)
      expect(text).toHaveLength(Math.ceil(bits / 7) + 5)
      const reader = SevenBitReader.open(text, 0)!
      const same = GolombCode.read(reader)
      expect(numbers.map(() => same.read(reader))).toEqual(numbers)
      expect(reader.isAtEnd).toBe(true)
    }),
  )
})

test('a number a billion times the mean takes ten bytes at most', () => {
  expect(GolombCode.forMean(1).bits(1_000_000_000)).toBeLessThanOrEqual(80)
  expect(GolombCode.forMean(0).bits(Number.MAX_SAFE_INTEGER)).toBeLessThanOrEqual(80)
})

test('geometrically distributed numbers take at most 5 % more than their entropy, from a mean of 1 up', () => {
  for (const mean of [1, 2, 5, 9, 17.3, 99, 1_000, 123_456]) {
    const code = GolombCode.forMean(mean)
    const stop = 1 / (1 + mean)
    const entropy = -Math.log2(stop) - mean * Math.log2(1 - stop)
    // A sum over the quantiles instead of a sample: no chance, no tolerance for it.
    const steps = 50_000
    let bits = 0
    for (let step = 0; step < steps; step++) {
      bits += code.bits(Math.floor(Math.log1p(-(step + 0.5) / steps) / Math.log1p(-stop))) / steps
    }
    expect(bits / entropy, `mean ${mean}`).toBeLessThan(1.05)
  }
})

test('a unit that no writer chooses spoils the text', () => {
  const writer = new SevenBitWriter('', 100)
  writer.write(2 ** unitCodeBits - 1, unitCodeBits)
  const reader = SevenBitReader.open(writer.seal(), 0)!
  GolombCode.read(reader)
  expect(reader.isSpoiled).toBe(true)
})
