import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { everyMessageKind, randomMessage, seededRandom } from '../testing/random-messages.ts'
import { type ApiName, apiNames, codecOf, schemas, servedVersions } from './apis.ts'
import { compileMessage } from './codec.ts'
import { type Fields, type FieldSpec, parseSpec } from './schema.ts'
import { MalformedFrame, WireReader, WireWriter } from './wire.ts'

/** Lengths at which the writer's buffer is full, just full, or grows. */
const boundaryLengths = [0, 1, 126, 127, 128, 255, 256, 500, 507, 511, 512, 513, 1023, 1024, 1025, 16_383, 16_384]

/** Random values for a field as it travels in one version; what does not travel has its default. */
function valueOf(field: FieldSpec, version: number, isFlexible: boolean): fc.Arbitrary<unknown> {
  const spec = parseSpec(typeof field === 'string' ? field : field[0])
  const travels = version >= spec.versions.from && version <= spec.versions.to && (spec.tag === undefined || isFlexible)
  if (!travels) return fc.constant(undefined)
  const scalar = ((): fc.Arbitrary<unknown> => {
    switch (spec.type) {
      case 'bool':
        return fc.boolean()
      case 'int8':
        return fc.integer({ min: -128, max: 127 })
      case 'int16':
        return fc.integer({ min: -32_768, max: 32_767 })
      case 'int32':
        return fc.integer()
      case 'int64':
        return fc.maxSafeInteger()
      case 'uuid':
        return fc.uuid()
      case 'string':
        return fc.oneof(
          fc.string({ unit: 'grapheme', maxLength: 20 }),
          fc.constantFrom(...boundaryLengths).map((length) => 'x'.repeat(length)),
        )
      case 'bytes':
        return fc.oneof(
          fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
          fc.constantFrom(...boundaryLengths).map((length) => Buffer.alloc(length, 7)),
        )
      default:
        return typeof field === 'string' ? fc.constant(null) : messageOf(field[1], version, isFlexible)
    }
  })()
  const isList = spec.type === 'array' || spec.isArrayOfScalars
  const value = isList ? fc.array(scalar, { maxLength: 3 }) : scalar
  return spec.isNullable && version >= spec.nullableFrom ? fc.option(value, { freq: 4 }) : value
}

function messageOf(fields: Fields, version: number, isFlexible: boolean): fc.Arbitrary<object> {
  const entries = Object.entries(fields).map(([name, field]) => [name, valueOf(field, version, isFlexible)] as const)
  return fc.record(Object.fromEntries(entries))
}

function* everyMessage(): Generator<{ api: ApiName; version: number; direction: 'request' | 'response' }> {
  for (const api of apiNames) {
    const { min, max } = servedVersions(api)
    for (let version = min; version <= max; version++) {
      yield { api, version, direction: 'request' }
      yield { api, version, direction: 'response' }
    }
  }
}

function encode(api: ApiName, version: number, direction: 'request' | 'response', message: object): Buffer {
  const writer = new WireWriter()
  codecOf(api, version, direction).write(writer, message)
  return Buffer.from(writer.result())
}

function endOfReading(read: () => object): string {
  try {
    read()
    return 'read'
  } catch (error) {
    return error instanceof MalformedFrame ? 'malformed' : String(error)
  }
}

describe('in every version and direction', () => {
  test.each(apiNames)('%s reads back what it wrote', (api) => {
    for (const { version, direction } of [...everyMessage()].filter((each) => each.api === api)) {
      const isFlexible = version >= schemas[api].flexibleFrom
      const codec = codecOf(api, version, direction)
      const law = fc.property(messageOf(schemas[api][direction], version, isFlexible), (message) => {
        const read = codec.read(new WireReader(encode(api, version, direction, message)))
        expect(read).toEqual(codec.complete(message))
      })
      fc.assert(law, { numRuns: 20 })
    }
  })

  test('a message cut off anywhere is malformed, and never anything worse', () => {
    // Collected, because one expectation per cut would take seconds.
    const wrong: string[] = []
    for (const { api, version, direction } of everyMessage()) {
      const isFlexible = version >= schemas[api].flexibleFrom
      const [message] = fc.sample(messageOf(schemas[api][direction], version, isFlexible), { numRuns: 1, seed: 7 })
      const bytes = encode(api, version, direction, message as object)
      for (let length = 0; length < Math.min(bytes.length, 200); length++) {
        const end = endOfReading(() => codecOf(api, version, direction).read(new WireReader(bytes.subarray(0, length))))
        if (end !== 'malformed') wrong.push(`${api} ${version} ${direction} cut off after ${length} bytes: ${end}`)
      }
    }
    expect(wrong).toEqual([])
  })
})

test('bytes that follow after a message are malformed', () => {
  const bytes = Buffer.concat([encode('Heartbeat', 0, 'response', { errorCode: 0 }), Buffer.from([0])])
  expect(() => codecOf('Heartbeat', 0, 'response').read(new WireReader(bytes))).toThrow(MalformedFrame)
})

test('an array that claims more elements than there are bytes is refused before anything is allocated', () => {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(2_000_000_000)
  expect(() => codecOf('DescribeGroups', 0, 'request').read(new WireReader(bytes))).toThrow(MalformedFrame)
})

test('random bytes are a message or malformed, never another error', () => {
  const messages = [...everyMessage()]
  fc.assert(
    fc.property(
      fc.constantFrom(...messages),
      fc.uint8Array({ maxLength: 300 }),
      ({ api, version, direction }, bytes) => {
        try {
          codecOf(api, version, direction).read(new WireReader(Buffer.from(bytes)))
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedFrame)
        }
      },
    ),
    { numRuns: 3_000 },
  )
})

test('a tagged field that nobody knows is skipped', () => {
  const writer = new WireWriter()
  codecOf('Heartbeat', 4, 'response').write(writer, { throttleTimeMs: 0, errorCode: 27 })
  const bytes = Buffer.concat([writer.result().subarray(0, -1), Buffer.from([1, 99, 2, 0xca, 0xfe])])
  expect(codecOf('Heartbeat', 4, 'response').read(new WireReader(bytes))).toEqual({ throttleTimeMs: 0, errorCode: 27 })
})

/** The tables with one more tagged field in every structure that travels in tagged form. */
function extended(fields: Fields): Fields {
  const inner = Object.entries(fields).map(([name, field]) => {
    return [name, typeof field === 'string' ? field : ([field[0], extended(field[1])] as const)] as const
  })
  return { ...Object.fromEntries(inner), unknown: 'string 0+ tag 200 = empty' }
}

test('tagged fields that nobody knows are skipped in every structure of every message', () => {
  const random = seededRandom(1)
  for (const kind of everyMessageKind()) {
    const { api, version, direction } = kind
    if (version < schemas[api].flexibleFrom) continue
    const newer = compileMessage(extended(schemas[api][direction]), version, true)
    const message = randomMessage(kind, { random })
    const writer = new WireWriter()
    newer.write(writer, withUnknown(message))
    const known = codecOf(api, version, direction)
    expect(known.read(new WireReader(writer.result()))).toEqual(known.complete(message))
  }
})

function withUnknown(value: unknown): object {
  if (Array.isArray(value)) return value.map(withUnknown)
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return value as object
  const inner = Object.entries(value).map(([name, each]) => [name, withUnknown(each)] as const)
  return { ...Object.fromEntries(inner), unknown: 'from a later version' }
}

test('the bytes of a message do not depend on where the buffer grew', () => {
  const random = seededRandom(2)
  for (const kind of everyMessageKind()) {
    const { api, version, direction } = kind
    const message = randomMessage(kind, { random })
    const whole = encode(api, version, direction, message)
    for (const capacity of new Set([1, 2, 3, 5, 64, whole.length - 1, whole.length, whole.length + 1])) {
      const writer = new WireWriter(Math.max(1, capacity))
      codecOf(api, version, direction).write(writer, message)
      expect(writer.result().equals(whole), `${api} ${version} ${direction} from ${capacity}`).toBe(true)
    }
  }
})

test('texts and bytes of every length around the first growths of the buffer are read back', () => {
  for (const power of [7, 9, 10, 14]) {
    for (let length = 2 ** power - 20; length <= 2 ** power + 4; length++) {
      const request = {
        groupId: 'x'.repeat(length),
        assignments: [{ memberId: 'm', assignment: Buffer.alloc(length, 7) }],
      }
      const codec = codecOf('SyncGroup', 5, 'request')
      const bytes = encode('SyncGroup', 5, 'request', request)
      expect(codec.read(new WireReader(bytes))).toEqual(codec.complete(request))
    }
  }
})

describe('64-bit numbers', () => {
  const written = (value: number): string => {
    const writer = new WireWriter()
    writer.int64(value)
    return writer.result().toString('hex')
  }
  const read = (hex: string): number => new WireReader(Buffer.from(hex, 'hex')).int64()

  test.each([0, 1, -1, 2 ** 31, -(2 ** 31), 2 ** 32 - 1, 2 ** 32, -(2 ** 32), -(2 ** 32) - 1])(
    '%d is read back',
    (value) => {
      expect(read(written(value))).toBe(value)
    },
  )

  test('all safe integers are written as Node writes them', () => {
    const law = fc.property(fc.maxSafeInteger(), (value) => {
      const expected = Buffer.alloc(8)
      expected.writeBigInt64BE(BigInt(value))
      expect(written(value)).toBe(expected.toString('hex'))
      expect(read(written(value))).toBe(value)
    })
    fc.assert(law)
  })

  test.each(['7fffffffffffffff', '8000000000000000'])('the end of the range %s survives', (hex) => {
    expect(written(read(hex))).toBe(hex)
  })

  test.each([0.5, NaN, Infinity])('%d is no whole number', (value) => {
    expect(() => written(value)).toThrow(RangeError)
  })
})
