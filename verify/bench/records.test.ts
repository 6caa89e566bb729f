import { expect, test } from 'vitest'
import { pureCodec } from '../../packages/holdfast/src/kafka/crc32c.ts'
import { readBatches } from '../../packages/holdfast/src/kafka/record-batch.ts'
import { batchesOf, type RecordShape } from './records.ts'

const shape: RecordShape = { records: 2_003, bytes: 100, partitions: 3, keys: 60 }

type Found = { readonly partition: number; readonly key: string | undefined; readonly bytes: number }

function found(of: RecordShape): Found[] {
  return [...batchesOf(of)].flatMap(({ partition, records }) =>
    [...readBatches(records, pureCodec)].flatMap((batch) =>
      batch.decode(0).map(({ key, value }) => ({ partition, key: key?.toString(), bytes: value?.length ?? -1 })),
    ),
  )
}

test('there are as many records as were asked for, spread evenly over the partitions', () => {
  const records = found(shape)

  expect(records).toHaveLength(2_003)
  expect(records.every(({ bytes }) => bytes === 100)).toBe(true)
  expect([0, 1, 2].map((each) => records.filter(({ partition }) => partition === each).length)).toEqual([668, 668, 667])
})

test('a key is always in the same partition', () => {
  const partitionsOf = Map.groupBy(found(shape), ({ key }) => key)

  expect(partitionsOf.size).toBe(60)
  expect([...partitionsOf.values()].every((same) => new Set(same.map(({ partition }) => partition)).size === 1)).toBe(
    true,
  )
})

test('records without keys have none, and idle partitions stay empty', () => {
  const records = found({ ...shape, keys: 0, onlyFirst: true })

  expect(records).toHaveLength(2_003)
  expect(records.every(({ partition, key }) => partition === 0 && key === undefined)).toBe(true)
})

test('the same shape gives the same keys', () => {
  expect(found(shape)).toEqual(found(shape))
})
