/** kcat (librdkafka) against the embedded broker. Without kcat on the machine this is one visible skip, unless
 *  HOLDFAST_REQUIRE names it. */

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { EmbeddedKafka } from '../../packages/broker/src/index.ts'
import { isRequired } from '../../scripts/kafka/required.ts'

const isNeeded = isRequired('kcat')
const isHere = spawnSync('kcat', ['-V']).status === 0

let kafka: EmbeddedKafka

/** Runs kcat to its end and gives what it printed. The broker lives in this process, so nothing here may block. */
async function kcat(args: readonly string[], input = ''): Promise<string> {
  const child = spawn('kcat', ['-b', kafka.bootstrap, ...args], { stdio: ['pipe', 'pipe', 'pipe'] })
  child.stdin.end(input)
  const [printed, errors] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  if (child.exitCode !== 0) throw new Error(`kcat ${args.join(' ')} ended with ${child.exitCode}: ${errors}`)
  return printed
}

const lines = (count: number): string => Array.from({ length: count }, (_, index) => `line-${index}\n`).join('')

describe.skipIf(!isHere && !isNeeded)(`kcat${isHere ? '' : ' (not on this machine: apt-get install kcat)'}`, () => {
  beforeAll(async () => {
    kafka = await EmbeddedKafka.start({ brokers: 2, topics: { orders: 3 }, autoCreateTopics: true })
  })

  afterAll(() => kafka.stop())

  test('sees the brokers, topics and leaders', async () => {
    const metadata = JSON.parse(await kcat(['-L', '-J'])) as { brokers: object[]; topics: { partitions: object[] }[] }
    expect(metadata.brokers).toHaveLength(2)
    expect(metadata.topics[0]?.partitions).toHaveLength(3)
  })

  test.each(['none', 'gzip', 'snappy', 'lz4', 'zstd'])('reads back what it wrote with codec %s', async (codec) => {
    const topic = `codec-${codec}`
    kafka.core.createTopic(topic, 1)
    await kcat(['-P', '-t', topic, '-z', codec, '-X', 'enable.idempotence=true'], lines(500))
    expect(await kcat(['-C', '-t', topic, '-o', 'beginning', '-e', '-q', '-X', 'check.crcs=true'])).toBe(lines(500))
  })

  test('makes a topic by writing to it', async () => {
    await kcat(['-P', '-t', 'made-up'], 'hello\n')
    expect(await kcat(['-C', '-t', 'made-up', '-e', '-q'])).toBe('hello\n')
  })

  test('finds an offset by time', async () => {
    kafka.core.createTopic('timed', 1)
    kafka.core.append(
      'timed',
      0,
      [100, 200, 300].map((timestampMs) => ({ value: `at-${timestampMs}`, timestampMs })),
    )
    expect(await kcat(['-Q', '-t', 'timed:0:150'])).toContain('offset 1')
  })

  test('consumes in a group and leaves its offsets behind', async () => {
    await kcat(['-P', '-t', 'orders'], lines(300))
    const args = ['-G', 'readers', '-c', '300', '-q', '-X', 'auto.offset.reset=earliest', 'orders']
    const read = await kcat(args)
    expect(read.trim().split('\n').toSorted()).toEqual(lines(300).trim().split('\n').toSorted())
    expect(kafka.core.committed('readers').reduce((sum, { offset }) => sum + offset, 0)).toBe(300)
  })
})
