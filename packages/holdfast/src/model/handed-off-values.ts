/** Reads the values of headers. Whatever is not what it should be is null: nobody may be stopped by a header. */
import { cutText } from './handed-off-failure.ts'

/** A decimal number without sign; null for anything else and for what is beyond 2⁵³. */
export function readNumber(bytes: Buffer | undefined): number | null {
  // Sixteen digits hold every safe integer.
  if (bytes === undefined || bytes.length === 0 || bytes.length > 16) return null
  let number = 0
  for (const byte of bytes) {
    if (byte < 0x30 || byte > 0x39) return null
    number = number * 10 + byte - 0x30
  }
  return Number.isSafeInteger(number) ? number : null
}

/** At most so many bytes of text; the rest of a longer one is left out. */
export function readText(bytes: Buffer | undefined, bytesMax: number): string | null {
  if (bytes === undefined) return null
  return bytes.length <= bytesMax ? bytes.toString('utf8') : cutText(bytes.toString('utf8', 0, bytesMax + 4), bytesMax)
}

/** A binary number of one to eight bytes, the highest first, as Java writes its integers; null below 0 and beyond 2⁵³. */
export function readBigEndian(bytes: Buffer | undefined): number | null {
  if (bytes === undefined || bytes.length === 0 || bytes.length > 8 || (bytes[0] as number) >= 0x80) return null
  let number = 0
  for (const byte of bytes) number = number * 256 + byte
  return Number.isSafeInteger(number) ? number : null
}

const isoTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/

/** An ISO 8601 time with its zone, in milliseconds since 1970, rounded up. */
export function readIsoTime(bytes: Buffer | undefined): number | null {
  if (bytes === undefined || bytes.length > 40) return null
  const text = bytes.toString('latin1')
  if (!isoTime.test(text)) return null
  const hasFractions = /\.\d{3}\d*[1-9]/.test(text)
  const timeMs = Date.parse(text) + (hasFractions ? 1 : 0)
  return Number.isSafeInteger(timeMs) && timeMs >= 0 ? timeMs : null
}
