import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Header, KafkaRecord, murmur3, noKey } from './record.ts'

type Parts = { readonly key?: Buffer | null; readonly value?: Buffer | null; readonly headers?: readonly Header[] }

/** Lays the parts out as in a fetch answer. Lengths below 64 are one byte: twice the length, or 1 for null. */
function layOut({ key = null, value = null, headers = [] }: Parts): { record: KafkaRecord; bytes: Buffer } {
  const nullable = (part: Buffer | null): Buffer[] =>
    part === null ? [Buffer.from([1])] : [Buffer.from([part.length * 2]), part]
  const before = Buffer.from('bytes of another record')
  const encodedHeaders = headers.flatMap((header) => [...nullable(Buffer.from(header.key)), ...nullable(header.value)])
  const bytes = Buffer.concat([
    before,
    key ?? Buffer.alloc(0),
    value ?? Buffer.alloc(0),
    Buffer.from([headers.length * 2]),
    ...encodedHeaders,
    Buffer.from('bytes of the next record'),
  ])
  const keyEnd = before.length + (key?.length ?? 0)
  const valueEnd = keyEnd + (value?.length ?? 0)
  const record = new KafkaRecord(0, 0, bytes.length, bytes, {
    keyStart: key === null ? -1 : before.length,
    keyEnd,
    valueStart: value === null ? -1 : keyEnd,
    valueEnd,
    headersStart: valueEnd,
    end: bytes.length - 'bytes of the next record'.length,
  })
  return { record, bytes }
}

const recordOf = (parts: Parts): KafkaRecord => layOut(parts).record

test('a null key has no lane, while an empty key is a key like any other', () => {
  const without = recordOf({ key: null })
  const empty = recordOf({ key: Buffer.alloc(0) })

  expect([without.hasKey, without.key, without.keyHash(7)]).toEqual([false, null, noKey])
  expect([empty.hasKey, empty.key]).toEqual([true, Buffer.alloc(0)])
  expect(empty.keyHash(7)).not.toBe(noKey)
})

test('null and empty values are told apart', () => {
  expect(recordOf({ value: null }).value).toBe(null)
  expect(recordOf({ value: Buffer.alloc(0) }).value).toEqual(Buffer.alloc(0))
})

test('headers keep their order, their duplicates and their null values', () => {
  const headers = [
    { key: 'b', value: Buffer.from('1') },
    { key: '__proto__', value: null },
    { key: 'b', value: Buffer.alloc(0) },
    { key: '', value: Buffer.from('ü') },
  ]

  expect(recordOf({ headers }).headers).toEqual(headers)
})

test('the hash of a key is murmur3, wherever in the buffer the key lies', () => {
  // Published test vectors of MurmurHash3_x86_32.
  const vectors: readonly (readonly [string, number, number])[] = [
    ['', 0, 0],
    ['', 1, 0x514e28b7],
    ['test', 0, 0xba6bd213],
    ['test', 0x9747b28c, 0x704b81dc],
    ['Hello, world!', 0, 0xc0363e43],
    ['Hello, world!', 0x9747b28c, 0x24884cba],
    ['The quick brown fox jumps over the lazy dog', 0x9747b28c, 0x2fa826cd],
  ]
  for (const [text, seed, expected] of vectors) {
    for (let shift = 0; shift < 4; shift++) {
      const bytes = Buffer.concat([Buffer.alloc(shift, 0xee), Buffer.from(text), Buffer.from('behind')])
      expect(murmur3(bytes, shift, shift + Buffer.byteLength(text), seed) >>> 0, `${text} at ${shift}`).toBe(expected)
    }
  }
})

test('a detached record has the same parts and no longer depends on the fetch buffer', () => {
  const part = fc.option(fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)))
  const headers = fc.array(fc.record({ key: fc.string({ maxLength: 8 }), value: part }), { maxLength: 4 })
  fc.assert(
    fc.property(part, part, headers, fc.boolean(), (key, value, given, readBefore) => {
      const { record, bytes } = layOut({ key, value, headers: given })
      if (readBefore) void [record.key, record.value, record.headers]
      const hashBefore = record.keyHash(3)

      record.detach()
      bytes.fill(0xff)

      expect([record.key, record.value, record.headers]).toEqual([key, value, given])
      expect(record.keyHash(3)).toBe(hashBefore)
    }),
  )
})
