/** Topics, partitions, configuration, groups and their offsets in the hands of administration clients that share no line
 *  with the broker. */

import { afterEach, beforeEach, expect, test } from 'vitest'
import { EmbeddedKafka } from '../../packages/broker/src/index.ts'
import { foreignClients, javaMissing, javaTool, pythonMissing, pythonScript } from './clients.ts'
import { type ForeignMember, runClient, runTool, startMember } from './member.ts'

const topic = 'orders'
const group = 'readers'
const records = 12
/** Each call of a Java tool starts a virtual machine, which takes seconds where others work too. */
const javaWithinMs = 240_000

let kafka: EmbeddedKafka
let reader: ForeignMember | undefined

beforeEach(async () => {
  kafka = await EmbeddedKafka.start({ brokers: 3, topics: { [topic]: 3 } })
})

afterEach(async () => {
  await reader?.kill()
  reader = undefined
  await kafka.stop()
})

const committed = (): number => kafka.core.committed(group).reduce((sum, { offset }) => sum + offset, 0)

function untilCommitted(total: number): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (committed() !== total) return
      stop()
      resolve()
    }
    const stop = kafka.core.onEvent(look)
    look()
  })
}

/** A group that has read a topic; its member is still there. */
async function readAll(): Promise<ForeignMember> {
  kafka.core.append(
    topic,
    0,
    Array.from({ length: records }, (_, index) => ({ value: `value-${index}` })),
  )
  const client = foreignClients.find(({ name }) => name === 'kafka-python')
  if (client === undefined) throw new Error('kafka-python is one of the clients')
  reader = await startMember(client.consume(kafka.bootstrap, topic, group), client.name, () => undefined)
  await untilCommitted(records)
  return reader
}

const isPythonMissing = pythonMissing !== undefined
const isJavaMissing = javaMissing !== undefined

test.skipIf(isPythonMissing)(`confluent-kafka administers topics (${pythonMissing ?? 'librdkafka'})`, async () => {
  await readAll()
  const told = await runClient(pythonScript('confluent', 'admin', kafka.bootstrap), 'confluent-kafka')
  expect(told).toEqual([
    { name: 'create_again', code: 'TOPIC_ALREADY_EXISTS' },
    { name: 'fewer_partitions', code: 'INVALID_PARTITIONS' },
    { name: 'topics', names: ['made', topic], partitions: 5 },
    { name: 'config', value: '1000' },
    { name: 'config', value: '2000' },
    { name: 'groups', states: { [group]: 'Stable' } },
    { name: 'delete_again', code: 'UNKNOWN_TOPIC_OR_PART' },
  ])
})

test.skipIf(isPythonMissing)(`kafka-python administers topics and groups (${pythonMissing ?? '2.0'})`, async () => {
  const member = await readAll()
  await member.leave()
  const told = await runClient(pythonScript('kafka_python', 'admin', kafka.bootstrap, group), 'kafka-python')
  expect(told).toEqual([
    { name: 'create_again', code: 36 },
    { name: 'topics', names: ['made', topic], partitions: 5 },
    { name: 'config', value: '1000' },
    { name: 'config', value: '2000' },
    { name: 'groups', names: [group] },
    { name: 'described', state: 'Empty', members: 0 },
    { name: 'offsets', total: records },
    { name: 'delete_groups', codes: [0, 69] },
    { name: 'delete_again', code: 3 },
  ])
})

/** One tool with the address of the broker; what it printed. */
async function tool(mainClass: string, ...args: readonly string[]): Promise<string> {
  const lines = await runTool(javaTool(mainClass, '--bootstrap-server', kafka.bootstrap, ...args), mainClass)
  return lines.join('\n')
}

const topics = (...args: readonly string[]): Promise<string> => tool('org.apache.kafka.tools.TopicCommand', ...args)
const configs = (...args: readonly string[]): Promise<string> => tool('kafka.admin.ConfigCommand', ...args)
const groups = (...args: readonly string[]): Promise<string> =>
  tool('org.apache.kafka.tools.consumer.group.ConsumerGroupCommand', ...args)

test.skipIf(isJavaMissing)(
  `Java tools administer topics (${javaMissing ?? 'kafka-topics'})`,
  { timeout: javaWithinMs },
  async () => {
    await topics('--create', '--topic', 'made', '--partitions', '2', '--config', 'retention.ms=1000')
    await topics('--alter', '--topic', 'made', '--partitions', '5')
    expect(await topics('--describe', '--topic', 'made')).toMatch(/PartitionCount: 5.*retention\.ms=1000/)
    const made = ['--entity-type', 'topics', '--entity-name', 'made']
    await configs('--alter', ...made, '--add-config', 'retention.ms=2000', '--delete-config', 'cleanup.policy')
    expect(await configs('--describe', ...made)).toContain('retention.ms=2000')
    await topics('--delete', '--topic', 'made')
    expect(kafka.core.topics().map(({ name }) => name)).toEqual([topic])
  },
)

test.skipIf(isJavaMissing || isPythonMissing)(`Java tools administer groups`, { timeout: javaWithinMs }, async () => {
  const member = await readAll()
  expect(await groups('--describe', '--group', group)).toMatch(new RegExp(`${group} +${topic} +0 +12 +12 +0 +kafka-py`))
  expect(await groups('--list', '--state')).toMatch(new RegExp(`${group} .*Stable`))
  expect(await groups('--delete', '--group', group)).toContain('GroupNotEmptyException')

  await member.leave()
  const reset = ['--reset-offsets', '--group', group, '--topic', `${topic}:0`, '--execute']
  await groups(...reset, '--to-offset', '5')
  expect(committed()).toBe(5)
  await groups('--delete-offsets', '--group', group, '--topic', `${topic}:0`)
  expect(kafka.core.committed(group).map(({ partition }) => partition)).not.toContain(0)
  await groups('--delete', '--group', group)
  expect(kafka.core.group(group)).toBeUndefined()
})
