/** The contract of Produce, InitProducerId, Fetch, ListOffsets and OffsetForLeaderEpoch. */

import { describe, expect, test } from 'vitest'
import { crc32c, pureCodec } from '../../packages/holdfast/src/kafka/crc32c.ts'
import { encodeBatch, readBatches } from '../../packages/holdfast/src/kafka/record-batch.ts'
import { kafkaErrors as code } from '../../packages/holdfast/src/model/kafka-errors.ts'
import {
  batchOf,
  fetchOf,
  missingPartition,
  partitionsOf,
  type PortFixture,
  produceOf,
  textsOf,
} from './port-fixture.ts'

export function recordLaws(kafkaOf: () => PortFixture): void {
  describe('records', () => {
    produceLaws(kafkaOf)
    topicRuleLaws(kafkaOf)
    readingLaws(kafkaOf)
  })
}

function topicRuleLaws(kafkaOf: () => PortFixture): void {
  test('where the time of appending counts, the answer tells it and every record has it', async () => {
    const kafka = kafkaOf()
    const topic = await kafka.createTopic([{ name: 'message.timestamp.type', value: 'LogAppendTime' }])
    const anHourAgoMs = Date.now() - 3_600_000
    const old = ['a', 'b'].map((text) => {
      return { key: null, value: Buffer.from(text), headers: [], timestampMs: anHourAgoMs }
    })
    const bytes = encodeBatch(old, { producerId: -1, producerEpoch: -1, baseSequence: -1 }, crc32c)
    const request = produceOf(topic, { [topic.first]: bytes })
    const produced = await kafka.callTo(topic.leader, 'Produce', request, { channel: 'produce' })
    const appendedAtMs = produced.responses[0]?.partitions[0]?.logAppendTimeMs ?? -1
    const fetched = await kafka.callTo(topic.leader, 'Fetch', fetchOf(topic, { [topic.first]: 0 }))
    const [batch] = readBatches(partitionsOf(fetched)[0]?.records ?? Buffer.alloc(0), pureCodec)
    const times = batch?.decode(0).map(({ timestampMs }) => timestampMs)
    const asked = [appendedAtMs, appendedAtMs + 1].map(async (timestamp) => {
      const partitions = [{ partitionIndex: topic.first, currentLeaderEpoch: -1, timestamp }]
      const listing = { isolationLevel: 0, topics: [{ name: topic.name, partitions }] } as const
      const { topics } = await kafka.callTo(topic.leader, 'ListOffsets', listing)
      return topics[0]?.partitions[0]?.offset
    })

    expect(appendedAtMs).toBeGreaterThan(anHourAgoMs)
    expect([batch?.usesLogAppendTime, batch?.crcIsValid(), times]).toEqual([true, true, [appendedAtMs, appendedAtMs]])
    expect(await Promise.all(asked)).toEqual([0, -1])
  })

  test('a topic takes batches up to its own size limit', async () => {
    const kafka = kafkaOf()
    const topic = await kafka.createTopic([{ name: 'max.message.bytes', value: '2000000' }])
    const produce = async (bytes: number): Promise<number | undefined> => {
      const request = produceOf(topic, { [topic.first]: batchOf(['x'.repeat(bytes)]) })
      return (await kafka.callTo(topic.leader, 'Produce', request)).responses[0]?.partitions[0]?.errorCode
    }

    expect(await produce(1_900_000)).toBe(0)
    expect(await produce(2_000_000)).toBe(code.MESSAGE_TOO_LARGE)
  })
}

function produceLaws(kafkaOf: () => PortFixture): void {
  test('what is produced is fetched, bytes unchanged', async () => {
    const kafka = kafkaOf()
    const topic = await kafka.createTopic()
    const sent = batchOf(['a', '', 'ü'])
    const produced = await kafka.callTo(topic.leader, 'Produce', produceOf(topic, { [topic.first]: sent }), {
      channel: 'produce',
    })
    const fetched = await kafka.callTo(topic.leader, 'Fetch', fetchOf(topic, { [topic.first]: 0 }), {
      channel: 'fetch',
    })

    expect(produced.responses[0]?.partitions[0]).toMatchObject({ index: topic.first, errorCode: 0, baseOffset: 0 })
    expect(partitionsOf(fetched)[0]).toMatchObject({ errorCode: 0, highWatermark: 3, logStartOffset: 0 })
    expect(textsOf(fetched)).toEqual(['a', '', 'ü'])
  })

  test('one bad partition of a produce does not hide the good one', async () => {
    const kafka = kafkaOf()
    const topic = await kafka.createTopic()
    const request = produceOf(topic, { [topic.first]: batchOf(['good']), [missingPartition]: batchOf(['bad']) })
    const { responses } = await kafka.callTo(topic.leader, 'Produce', request, { channel: 'produce' })

    expect(responses[0]?.partitions.map(({ index, errorCode }) => [index, errorCode])).toEqual([
      [topic.first, 0],
      [missingPartition, code.UNKNOWN_TOPIC_OR_PARTITION],
    ])
  })

  test('a batch with a wrong checksum is refused as a value', async () => {
    const kafka = kafkaOf()
    const topic = await kafka.createTopic()
    const bytes = batchOf(['x'])
    bytes[bytes.length - 1] = 0x55
    const { responses } = await kafka.callTo(topic.leader, 'Produce', produceOf(topic, { [topic.first]: bytes }))

    expect(responses[0]?.partitions[0]?.errorCode).toBe(code.CORRUPT_MESSAGE)
  })

  test('the same bytes sent again by an idempotent producer are stored once, a gap in its sequence is refused', async () => {
    const kafka = kafkaOf()
    const topic = await kafka.createTopic()
    const { errorCode, producerId, producerEpoch } = await kafka.call('InitProducerId', {
      transactionalId: null,
      transactionTimeoutMs: 0,
      producerId: -1,
      producerEpoch: -1,
    })
    expect(errorCode).toBe(0)
    const bytes = batchOf(['a', 'b'], { producerId, producerEpoch, baseSequence: 0 })
    const copy = Buffer.from(bytes)
    const first = await kafka.callTo(topic.leader, 'Produce', produceOf(topic, { [topic.first]: bytes }))
    const again = await kafka.callTo(topic.leader, 'Produce', produceOf(topic, { [topic.first]: bytes }))
    const gap = batchOf(['c'], { producerId, producerEpoch, baseSequence: 7 })
    const skipped = await kafka.callTo(topic.leader, 'Produce', produceOf(topic, { [topic.first]: gap }))
    const fetched = await kafka.callTo(topic.leader, 'Fetch', fetchOf(topic, { [topic.first]: 0 }))

    expect(bytes.equals(copy)).toBe(true)
    expect(first.responses[0]?.partitions[0]).toMatchObject({ errorCode: 0, baseOffset: 0 })
    expect(again.responses[0]?.partitions[0]).toMatchObject({ errorCode: 0, baseOffset: 0 })
    expect(skipped.responses[0]?.partitions[0]?.errorCode).toBe(code.OUT_OF_ORDER_SEQUENCE_NUMBER)
    expect(textsOf(fetched)).toEqual(['a', 'b'])
  })
}

function readingLaws(kafkaOf: () => PortFixture): void {
  test('a fetch outside the log or of a missing partition does not hide the good one', async () => {
    const kafka = kafkaOf()
    const topic = await kafka.createTopic()
    await kafka.callTo(topic.leader, 'Produce', produceOf(topic, { [topic.first]: batchOf(['good']) }))
    const request = fetchOf(topic, { [topic.first]: 0, [topic.second]: 99, [missingPartition]: 0 })
    const fetched = await kafka.callTo(topic.leader, 'Fetch', request, { channel: 'fetch' })

    expect(new Map(partitionsOf(fetched).map((each) => [each.partitionIndex, each.errorCode]))).toEqual(
      new Map<number, number>([
        [topic.first, 0],
        [topic.second, code.OFFSET_OUT_OF_RANGE],
        [missingPartition, code.UNKNOWN_TOPIC_OR_PARTITION],
      ]),
    )
    expect(textsOf(fetched)).toEqual(['good'])
  })

  test('a leader epoch that does not exist yet is refused as a value', async () => {
    const kafka = kafkaOf()
    const topic = await kafka.createTopic()
    const partitions = [{ partition: topic.first, currentLeaderEpoch: 77, leaderEpoch: 0 }]
    const { topics } = await kafka.callTo(topic.leader, 'OffsetForLeaderEpoch', {
      topics: [{ topic: topic.name, partitions }],
    })

    expect(topics[0]?.partitions[0]?.errorCode).toBe(code.UNKNOWN_LEADER_EPOCH)
  })

  test('the end of a leader epoch is where its log ends', async () => {
    const kafka = kafkaOf()
    const topic = await kafka.createTopic()
    await kafka.callTo(topic.leader, 'Produce', produceOf(topic, { [topic.first]: batchOf(['a', 'b']) }))
    const partitions = [{ partition: topic.first, currentLeaderEpoch: -1, leaderEpoch: 0 }]
    const { topics } = await kafka.callTo(topic.leader, 'OffsetForLeaderEpoch', {
      topics: [{ topic: topic.name, partitions }],
    })

    expect(topics[0]?.partitions[0]).toEqual({
      partition: topic.first,
      errorCode: 0,
      leaderEpoch: 0,
      endOffset: 2,
    })
  })

  test('beginning, end and a moment in time are offsets, a missing partition is an error value', async () => {
    const kafka = kafkaOf()
    const topic = await kafka.createTopic()
    await kafka.callTo(topic.leader, 'Produce', produceOf(topic, { [topic.first]: batchOf(['a', 'b']) }))
    const offsetAt = async (
      partitionIndex: number,
      timestamp: number,
    ): Promise<[number | undefined, number | undefined]> => {
      const partitions = [{ partitionIndex, currentLeaderEpoch: -1, timestamp }]
      const request = { isolationLevel: 0, topics: [{ name: topic.name, partitions }] } as const
      const { topics } = await kafka.callTo(topic.leader, 'ListOffsets', request)
      return [topics[0]?.partitions[0]?.errorCode, topics[0]?.partitions[0]?.offset]
    }

    expect(await offsetAt(topic.first, -2)).toEqual([0, 0])
    expect(await offsetAt(topic.first, -1)).toEqual([0, 2])
    expect(await offsetAt(topic.first, 1_000)).toEqual([0, 0])
    expect(await offsetAt(topic.first, 4_102_444_800_000)).toEqual([0, -1])
    expect(await offsetAt(missingPartition, -1)).toEqual([code.UNKNOWN_TOPIC_OR_PARTITION, -1])
  })
}
