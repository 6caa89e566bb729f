/** How much commit metadata a broker takes, in which unit it counts, and whether it and the tools around it carry every
 *  7-bit character unchanged. */

import { createRequire } from 'node:module'
import { Kafka, logLevel } from 'kafkajs'
import { runKafkaTool } from '../../scripts/kafka/tools.ts'
import { type Fact, FactSheet } from './fact.ts'
import { commitAsTool, committed } from './group.ts'
import { createTopic, freshName, readConfig, Wire } from './wire.ts'

const brokerResource = 4
/** Every character that one 7-bit byte can be, NUL and DEL included. */
const sevenBit = String.fromCharCode(...Array.from({ length: 128 }, (_, code) => code))

export async function commitMetadataFacts(bootstrap: string): Promise<readonly Fact[]> {
  const sheet = new FactSheet('commit-metadata')
  const wire = await Wire.open(bootstrap)
  const topic = (await createTopic(wire, 'metadata', 2)).name
  const group = freshName('metadata')
  sheet.saw(
    'offset.metadata.max.bytes of the broker',
    await readConfig(wire, brokerResource, '1', 'offset.metadata.max.bytes'),
  )

  const sizes: readonly [name: string, text: string][] = [
    ['4,096 ASCII characters', 'x'.repeat(4_096)],
    ['4,097 ASCII characters', 'x'.repeat(4_097)],
    ['4,096 × é (2 bytes, 1 UTF-16 unit each)', 'é'.repeat(4_096)],
    ['4,097 × é', 'é'.repeat(4_097)],
    ['4,096 × € (3 bytes, 1 unit)', '€'.repeat(4_096)],
    ['2,048 × 😀 (4 bytes, 2 units)', '😀'.repeat(2_048)],
    ['2,049 × 😀', '😀'.repeat(2_049)],
    ['4,096 × NUL', '\0'.repeat(4_096)],
  ]
  for (const [name, text] of sizes) {
    const errorCode = await commitAsTool(wire, group, topic, 1, text)
    const { metadata } = await committed(wire, group, topic)
    sheet.saw(name, errorCode === 0 ? `0, read back ${metadata === text ? 'unchanged' : 'changed'}` : String(errorCode))
  }

  await commitAsTool(wire, group, topic, 2, sevenBit.repeat(32))
  const bulk = await committed(wire, group, topic)
  sheet.saw(
    '32 × U+0000–U+007F (4,096) through OffsetFetch',
    bulk.metadata === sevenBit.repeat(32) ? 'unchanged' : 'changed',
  )
  await commitAsTool(wire, group, topic, 3, sevenBit, 1)
  await kafkajsFacts(bootstrap, group, topic, sheet)
  await toolFacts(bootstrap, wire, group, topic, sheet)
  await wire.close()
  return sheet.facts
}

async function kafkajsFacts(bootstrap: string, group: string, topic: string, sheet: FactSheet): Promise<void> {
  const { version } = createRequire(import.meta.url)('kafkajs/package.json') as { version: string }
  const admin = new Kafka({ brokers: bootstrap.split(','), logLevel: logLevel.NOTHING }).admin()
  await admin.connect()
  const [read] = await admin.fetchOffsets({ groupId: group, topics: [topic] })
  const found = read?.partitions.find(({ partition }) => partition === 1)?.metadata
  sheet.saw(
    `U+0000–U+007F through kafkajs ${version} fetchOffsets`,
    found === sevenBit ? 'unchanged' : (found ?? 'nothing'),
  )
  await admin.disconnect()
}

async function toolFacts(bootstrap: string, wire: Wire, group: string, topic: string, sheet: FactSheet): Promise<void> {
  const consumerGroups = 'org.apache.kafka.tools.consumer.group.ConsumerGroupCommand'
  const described = await runKafkaTool(consumerGroups, [
    '--bootstrap-server',
    bootstrap,
    '--describe',
    '--group',
    group,
  ])
  const rows = described.output.filter((line) => line.includes(topic))
  sheet.saw(
    'kafka-consumer-groups --describe of that group',
    `exit code ${described.code}, ${rows.length} rows of 2, no metadata column`,
  )

  const reader = 'org.apache.kafka.tools.consumer.ConsoleConsumer'
  const formatter = 'org.apache.kafka.tools.consumer.OffsetsMessageFormatter'
  const from = ['--topic', '__consumer_offsets', '--from-beginning', '--timeout-ms', '3000', '--formatter', formatter]
  const dumped = await runKafkaTool(reader, ['--bootstrap-server', bootstrap, ...from])
  // One JSON object after the other, with nothing between them.
  const objects = dumped.output.join('').match(/\{"key":.*?\}\}\}/g) ?? []
  const records = objects.filter((object) => object.includes(group))
  const carried = records.some((record) => metadataIn(record) === sevenBit)
  sheet.saw(
    'U+0000–U+007F through the OffsetsMessageFormatter',
    carried ? 'unchanged' : `not found in ${records.length} records`,
  )

  const reset = ['--reset-offsets', '--to-offset', '0', '--topic', `${topic}:1`, '--execute']
  const moved = await runKafkaTool(consumerGroups, ['--bootstrap-server', bootstrap, '--group', group, ...reset])
  sheet.saw('kafka-consumer-groups --reset-offsets: exit code, then what is committed', [
    moved.code,
    await committed(wire, group, topic, 1),
  ])
}

function metadataIn(json: string): string | undefined {
  const record = JSON.parse(json) as { value?: { data?: { metadata?: string } } | null }
  return record.value?.data?.metadata
}
