import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatDuration, parseDuration } from './duration.ts'

describe('parseDuration', () => {
  test.each([
    ['100ms', 100],
    ['1s', 1_000],
    ['5m', 300_000],
    ['1h', 3_600_000],
    ['7d', 604_800_000],
    [' 20 s ', 20_000],
    [0, 0],
    [250, 250],
  ])('%j lasts %i ms', (value, milliseconds) => {
    expect(parseDuration(value)).toBe(milliseconds)
  })

  test.each(['', '10', '1.5s', '-1s', '1S', '1 week', 's', '1s1s', '99999999999999999d'])(
    '%j is refused with what was expected and what came',
    (text) => {
      expect(() => parseDuration(text, 'linger')).toThrow(RangeError)
      expect(() => parseDuration(text, 'linger')).toThrow(`linger: expected whole milliseconds`)
      expect(() => parseDuration(text, 'linger')).toThrow(`got '${text}'`)
    },
  )

  test('what is written is read back as the same length', () => {
    fc.assert(
      fc.property(fc.nat({ max: 10_000_000_000 }), (ms) => {
        expect(parseDuration(formatDuration(ms))).toBe(ms)
      }),
    )
  })

  test('a count and a unit last count × unit', () => {
    const units = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }
    fc.assert(
      fc.property(fc.nat({ max: 1_000 }), fc.constantFrom(...Object.entries(units)), (count, [unit, milliseconds]) => {
        expect(parseDuration(`${count}${unit}`)).toBe(count * milliseconds)
      }),
    )
  })

  test('anything at all becomes whole milliseconds or a RangeError', () => {
    fc.assert(
      fc.property(fc.anything(), (value) => {
        try {
          const ms = parseDuration(value)
          expect(Number.isSafeInteger(ms) && ms >= 0).toBe(true)
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError)
        }
      }),
    )
  })
})
