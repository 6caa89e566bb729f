import fc from 'fast-check'
import { expect, test } from 'vitest'
import { murmur2, partitionOfKey, StickyPartition } from './partitioner.ts'

test('keys hash to the numbers of the Java client', () => {
  // The vectors of Apache Kafka's own UtilsTest.
  const vectors: [string, number][] = [
    ['21', -973_932_308],
    ['foobar', -790_332_482],
    ['a-little-bit-long-string', -985_981_536],
    ['a-little-bit-longer-string', -1_486_304_829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58_897_971],
    ['abc', 479_470_107],
  ]
  expect(vectors.map(([key]) => [key, murmur2(Buffer.from(key))])).toEqual(vectors)
})

test('a key goes to a partition that exists, always the same, also the empty key', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), fc.integer({ min: 1, max: 1_000 }), (key, partitions) => {
      const partition = partitionOfKey(key, partitions)
      expect(partition).toBe(partitionOfKey(Buffer.from(key), partitions))
      expect(partition >= 0 && partition < partitions && Number.isInteger(partition)).toBe(true)
    }),
  )
})

test('records without a key share a partition until their batch is full or old', () => {
  const sticky = new StickyPartition({ lingerMs: 5, batchBytesMax: 100 })
  const choose = (sizeInBytes: number, nowMs: number): number => sticky.choose(sizeInBytes, 6, nowMs, () => 0.5)
  const first = choose(40, 0)
  expect([choose(40, 1), choose(20, 4)]).toEqual([first, first])
  const second = choose(1, 4)
  expect(second).not.toBe(first)
  expect(choose(1, 8)).toBe(second)
  expect(choose(1, 9)).not.toBe(second)
})

test('over time every partition gets its share', () => {
  const sticky = new StickyPartition({ lingerMs: 1, batchBytesMax: 1_000 })
  const counts = [0, 0, 0, 0]
  let seed = 1
  const random = (): number => (seed = (seed * 48_271) % 0x7fff_ffff) / 0x7fff_ffff
  for (let nowMs = 0; nowMs < 4_000; nowMs++) {
    const partition = sticky.choose(10, counts.length, nowMs, random)
    counts[partition] = (counts[partition] as number) + 1
  }
  for (const count of counts) expect(Math.abs(count - 1_000)).toBeLessThan(100)
})

test('a partition that is gone is not chosen again', () => {
  const sticky = new StickyPartition({ lingerMs: 1_000, batchBytesMax: 1_000 })
  expect(sticky.choose(1, 6, 0, () => 0.99)).toBe(5)
  expect(sticky.choose(1, 2, 1, () => 0.99)).toBe(1)
})
