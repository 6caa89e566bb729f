/** Reads and writes the text that a commit of ours leaves with its offset (R10), from the description of the format and
 *  without a line of Holdfast: a proof that asked the code under proof would prove nothing. It is slow and simple: all bits
 *  are one string of zeros and ones. Throws on whatever is not as described. */

export type ParkedMark = {
  /** Attempts that were made and failed. */
  readonly attempts: number
  readonly dueAtMs: number
}

export type Marks = {
  readonly topicId: string
  /** The committed offset that the text was made for. */
  readonly offset: number
  /** −1 when it is not known. */
  readonly leaderEpoch: number
  readonly finished: ReadonlySet<number>
  readonly parked: ReadonlyMap<number, ParkedMark>
}

const prefix = 'hf1'
const sealLength = 5
const escapeOnes = 20
const dueUnitMs = 100

/** Null for a text without marks: empty, or nothing but the sign of where the group began. */
export function readMarks(metadata: string | null): Marks | null {
  const text = metadata?.startsWith('hf0:') ? metadata.replace(/^hf0:\d+ ?/, '') : (metadata ?? '')
  if (text === '') return null
  if (!text.startsWith(prefix)) throw new Error(`expected ${prefix}, got ${JSON.stringify(text.slice(0, 8))}`)
  const body = text.slice(0, -sealLength)
  if (sealOf(body) !== text.slice(-sealLength)) throw new Error('the seal is broken')
  const bits = new Bits(Array.from(body.slice(prefix.length + 1), (each) => binary(each.charCodeAt(0), 7)).join(''))

  const digits = Array.from({ length: 32 }, () => bits.take(4).toString(16)).join('')
  const topicId = digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
  const offset = bits.number()
  const leaderEpoch = bits.number() - 1
  const parked = readParked(bits, offset)
  const finished = readFinished(bits, body.charAt(prefix.length), offset)
  if (/[^0]/.test(bits.rest) || bits.rest.length > 6) throw new Error(`${bits.rest.length} bits are left over`)
  return { topicId, offset, leaderEpoch, finished, parked }
}

/** The text for marks as another member of ours could have written them, except that it is longer: every gap in ones. */
export function writeMarks({ topicId, offset, leaderEpoch, finished }: Omit<Marks, 'parked'>): string {
  const bits = Array.from(topicId.replaceAll('-', ''), (digit) => binary(Number.parseInt(digit, 16), 4))
  bits.push(numberCode(offset), numberCode(leaderEpoch + 1), numberCode(0))
  const ascending = [...finished].toSorted((a, b) => a - b)
  // Unit 1, the number of gaps, then for each finished record how many unfinished ones are before it.
  bits.push(binary(0, 9), numberCode(ascending.length))
  for (const [index, at] of ascending.entries()) {
    const gap = at - (ascending[index - 1] ?? offset - 1) - 1
    if (gap >= escapeOnes) throw new RangeError(`expected gaps below ${escapeOnes}, got ${gap}`)
    bits.push(`${'1'.repeat(gap)}0`)
  }
  const characters = bits.join('').match(/.{1,7}/g) ?? []
  const body = `${prefix}f${characters.map((each) => String.fromCharCode(Number.parseInt(each.padEnd(7, '0'), 2))).join('')}`
  return body + sealOf(body)
}

class Bits {
  rest: string

  constructor(bits: string) {
    this.rest = bits
  }

  take(width: number): number {
    if (width > this.rest.length) throw new Error(`expected ${width} bits, got ${this.rest.length}`)
    const taken = this.rest.slice(0, width)
    this.rest = this.rest.slice(width)
    return width === 0 ? 0 : Number.parseInt(taken, 2)
  }

  ones(most: number): number {
    const ones = /^1*/.exec(this.rest.slice(0, most))?.[0].length ?? 0
    this.take(ones)
    return ones
  }

  /** Elias' delta code of the number + 1. */
  number(): number {
    const zeros = /^0*/.exec(this.rest)?.[0].length ?? 0
    this.take(zeros)
    const width = this.take(zeros + 1)
    return 2 ** (width - 1) + this.take(width - 1) - 1
  }

  golomb(unit: number): number {
    const quotient = this.ones(escapeOnes)
    if (quotient === escapeOnes) return this.take(this.take(6))
    this.take(1)
    if (unit === 1) return quotient
    const width = Math.ceil(Math.log2(unit))
    const short = 2 ** width - unit
    const rest = this.take(width - 1)
    return quotient * unit + (rest < short ? rest : 2 * rest + this.take(1) - short)
  }

  unit(): number {
    const code = this.take(9)
    return code < 8 ? code + 1 : (9 + (code % 8)) * 2 ** (Math.floor(code / 8) - 1)
  }
}

function readParked(bits: Bits, offset: number): Map<number, ParkedMark> {
  const parked = new Map<number, ParkedMark>()
  const count = bits.number()
  const written = count === 0 ? 0 : bits.number()
  let next = offset
  for (let index = 0; index < count; index++) {
    const at = next + bits.number()
    const attempts = bits.number()
    parked.set(at, { attempts, dueAtMs: (written + bits.number()) * dueUnitMs })
    next = at + 1
  }
  return parked
}

function readFinished(bits: Bits, form: string, offset: number): Set<number> {
  const finished = new Set<number>()
  let next = offset
  const finish = (count: number): void => {
    for (let each = 0; each < count; each++) finished.add(next++)
  }
  if (form === 'n') return finished
  const unit = bits.unit()
  const unitOfFinished = form === 'r' ? bits.unit() : unit
  for (let symbols = bits.number(); symbols > 0; symbols--) {
    switch (form) {
      // An unfinished record, then so many finished ones.
      case 'u':
        next += 1
        finish(bits.golomb(unit))
        break
      // So many unfinished records, then a finished one.
      case 'f':
        next += bits.golomb(unit)
        finish(1)
        break
      // The lengths of both runs, less one.
      case 'r':
        next += bits.golomb(unit) + 1
        finish(bits.golomb(unitOfFinished) + 1)
        break
      default:
        throw new Error(`expected n, u, f or r, got ${JSON.stringify(form)}`)
    }
  }
  return finished
}

function binary(value: number, width: number): string {
  return value.toString(2).padStart(width, '0')
}

function numberCode(value: number): string {
  const code = (value + 1).toString(2)
  const width = code.length.toString(2)
  return '0'.repeat(width.length - 1) + width + code.slice(1)
}

/** CRC-32C, in five characters. */
function sealOf(text: string): string {
  let crc = 0xffffffff
  for (const each of text) {
    crc ^= each.charCodeAt(0)
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0)
  }
  return (binary(~crc >>> 0, 35).match(/.{7}/g) ?? [])
    .map((each) => String.fromCharCode(Number.parseInt(each, 2)))
    .join('')
}
