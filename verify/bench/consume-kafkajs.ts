/** kafkajs with its limits raised: all partitions at once, large fetches. Its commits are on, as they are by default. */
import { type Consumer, Kafka, logLevel } from 'kafkajs'
import { type ConsumeGiven, newGroup, Tally } from './tally.ts'
import { type VitalFigures } from './vitals.ts'

const maxBytes = 64 * 1_048_576
const maxBytesPerPartition = 8 * 1_048_576

export async function measureEachMessage(given: ConsumeGiven): Promise<VitalFigures> {
  const tally = new Tally(given.records)
  const consumer = await subscribed(given, tally)
  await consumer.run({ partitionsConsumedConcurrently: given.partitions, eachMessage: tally.handler })
  return tally.done
}

export async function measureEachBatch(given: ConsumeGiven): Promise<VitalFigures> {
  const tally = new Tally(given.records)
  const consumer = await subscribed(given, tally)
  await consumer.run({
    partitionsConsumedConcurrently: given.partitions,
    eachBatch: async ({ batch }) => {
      for (const _ of batch.messages) await tally.handler()
    },
  })
  return tally.done
}

async function subscribed({ bootstrap, topic }: ConsumeGiven, tally: Tally): Promise<Consumer> {
  const kafka = new Kafka({ clientId: 'bench', brokers: bootstrap.split(','), logLevel: logLevel.NOTHING })
  const consumer = kafka.consumer({ groupId: newGroup(), maxBytes, maxBytesPerPartition })
  consumer.on(consumer.events.GROUP_JOIN, tally.begin)
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  return consumer
}
