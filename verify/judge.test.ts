/** The judge as a program of its own, beside a consumer that shares no line with Holdfast: what it says must follow from
 *  what happened, whoever did it. */
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { watch as watchFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { EmbeddedKafka } from '@holdfast/broker'
import { Kafka, type KafkaMessage, logLevel, type Producer } from 'kafkajs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type AttemptRow, type OffsetSample, type SourceRow } from './judge/evidence.ts'
import { monotonicMs } from './judge/kafka.ts'
import { readSourceRows } from './judge/sources.ts'
import { type Verdict } from './judge/verdict.ts'
import { runProcess, startProcess } from './processes.ts'
import { describeOnKafka } from './real-kafka.ts'

const judgeProgram = join(import.meta.dirname, 'judge', 'main.ts')
const rowCount = 400
const group = `totals-${process.pid}`

let folder: string
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'holdfast-judge-'))))
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** Row 300 is the first one with an undocumented damage code. */
type Misdeed =
  | 'none'
  | 'skips a record'
  | 'handles a record twice'
  | 'commits before it handles'
  | 'drops a dead letter'
  | 'changes a dead letter'

const topics = { strikes: 3, [`${group}.strikes.dlq`]: 3 }

describe('on the embedded broker', () => {
  test.for<[Misdeed, Partial<Verdict>]>([
    [
      'none',
      {
        lost: 0,
        duplicates: 0,
        orderViolations: 0,
        commitsPastUnfinished: 0,
        uncommitted: 0,
        agrees: true,
        problems: [],
      },
    ],
    ['skips a record', { lost: 1, totalsMatch: false, agrees: false }],
    ['handles a record twice', { lost: 0, duplicates: 1, totalsMatch: true, agrees: false }],
    ['drops a dead letter', { lost: 1, deadLettered: 0, totalsMatch: true, agrees: false }],
    ['changes a dead letter', { lost: 0, deadLettered: 1, totalsMatch: true, agrees: false }],
  ])('the verdict on a consumer with the misdeed "%s" names it', async ([misdeed, expected]) => {
    await using kafka = await EmbeddedKafka.start({ topics })
    const verdict = await judgeStandIn(kafka.bootstrap, 'strikes', misdeed)
    expect(verdict).toMatchObject({ rows: rowCount, produced: rowCount, filtered: 0, deadLettered: 1, ...expected })
  })

  test('a commit that runs ahead of its handler is seen by the watch', async () => {
    await using kafka = await EmbeddedKafka.start({ topics })
    const verdict = await judgeStandIn(kafka.bootstrap, 'strikes', 'commits before it handles')
    expect(verdict.commitsPastUnfinished).toBeGreaterThan(0)
    expect(verdict).toMatchObject({ lost: 0, agrees: false })
  })

  test('a run whose evidence is missing gets no verdict', async () => {
    await using kafka = await EmbeddedKafka.start({ topics })
    const { code, output } = await runProcess({ name: 'the judge', args: verdictArgs(kafka.bootstrap, 'strikes') })
    expect(code).toBe(3)
    expect(output.at(-1)).toMatch(/^the judge cannot judge: .*no such file/)
  })

  test('a judge that is called wrongly says so', async () => {
    const { code } = await runProcess({ name: 'the judge', args: [judgeProgram, 'verdict', '--topic', 'strikes'] })
    expect(code).toBe(2)
  })
})

describeOnKafka('on a real Kafka', (bootstrap) => {
  test('a consumer without a misdeed has the agreement of the judge', async () => {
    const topic = `strikes-${process.pid}-${Date.now()}`
    const admin = new Kafka({ brokers: bootstrap.split(','), logLevel: logLevel.NOTHING }).admin()
    await admin.connect()
    const names = [topic, `${group}.${topic}.dlq`]
    const created = names.map((name) => ({ topic: name, numPartitions: 3 }))
    await admin.createTopics({ topics: created, waitForLeaders: true })
    try {
      const verdict = await judgeStandIn(bootstrap, topic, 'none')
      expect(verdict).toMatchObject({
        lost: 0,
        deadLettered: 1,
        duplicates: 0,
        commitsPastUnfinished: 0,
        agrees: true,
        problems: [],
      })
    } finally {
      await admin.deleteTopics({ topics: names })
      await admin.disconnect()
    }
  })
})

async function judgeStandIn(bootstrap: string, topic: string, misdeed: Misdeed): Promise<Verdict> {
  const kafka = new Kafka({ brokers: bootstrap.split(','), logLevel: logLevel.NOTHING })
  const watch = await startProcess({
    name: 'the watch',
    args: [judgeProgram, 'watch', ...placeArgs(bootstrap, topic)],
    readyLine: /^watching$/,
  })
  await produce(kafka, topic)
  await consume(kafka, topic, misdeed)
  await watch.stop()
  const { code, output } = await runProcess({ name: 'the judge', args: verdictArgs(bootstrap, topic) })
  const verdict = JSON.parse(output.findLast((line) => line.startsWith('{')) ?? '{}') as Verdict
  expect({ code, output }).toMatchObject({ code: verdict.agrees ? 0 : 1 })
  return verdict
}

function placeArgs(bootstrap: string, topic: string): string[] {
  const samples = join(folder, 'samples.ndjson')
  return ['--brokers', bootstrap, '--topic', topic, '--group', group, '--samples', samples]
}

function verdictArgs(bootstrap: string, topic: string): string[] {
  const run = ['--run', folder, '--rows', String(rowCount), '--order', 'partition', '--retrying', 'block']
  return [judgeProgram, 'verdict', ...placeArgs(bootstrap, topic), ...run]
}

async function produce(kafka: Kafka, topic: string): Promise<void> {
  const producer = kafka.producer({
    createPartitioner:
      () =>
      ({ message }) =>
        Number(message.key) % 3,
  })
  await producer.connect()
  const rows = await readSourceRows(rowCount)
  await producer.send({ topic, messages: rows.map((row) => ({ key: String(row.id), value: JSON.stringify(row) })) })
  await producer.disconnect()
}

/** One record after the other, each committed before the next; what is not documented goes to the dead letters. */
async function consume(kafka: Kafka, topic: string, misdeed: Misdeed): Promise<void> {
  const consumer = kafka.consumer({ groupId: group })
  const producer = kafka.producer()
  await Promise.all([consumer.connect(), producer.connect()])
  await consumer.subscribe({ topic, fromBeginning: true })
  const standIn = new StandIn(topic)
  const finished = Promise.withResolvers<void>()
  let seen = 0
  await consumer.run({
    autoCommit: false,
    eachMessage: async ({ partition, message }) => {
      const row = JSON.parse(message.value?.toString() ?? '') as SourceRow
      const next = { topic, partition, offset: String(Number(message.offset) + 1) }
      if (misdeed === 'commits before it handles' && row.id === 200) {
        await consumer.commitOffsets([next])
        await seenBySample(partition, Number(next.offset))
      }
      const times = row.id !== 200 ? 1 : misdeed === 'skips a record' ? 0 : misdeed === 'handles a record twice' ? 2 : 1
      for (let time = 0; time < times; time += 1) {
        if (row.isDocumented) standIn.handle(row, partition, Number(message.offset))
        else await bury(producer, topic, partition, message, misdeed)
      }
      await consumer.commitOffsets([next])
      seen += 1
      if (seen === rowCount) finished.resolve()
    },
  })
  await finished.promise
  await Promise.all([consumer.disconnect(), producer.disconnect()])
  standIn.close()
}

async function bury(
  producer: Producer,
  topic: string,
  partition: number,
  { key, value, offset }: KafkaMessage,
  misdeed: Misdeed,
): Promise<void> {
  if (misdeed === 'drops a dead letter') return
  const headers = {
    'holdfast-attempt': '1',
    'holdfast-src-topic': topic,
    'holdfast-src-partition': String(partition),
    'holdfast-src-offset': offset,
    'holdfast-src-group': group,
    'holdfast-error-class': 'Undocumented',
  }
  const kept = misdeed === 'changes a dead letter' ? JSON.stringify({ id: 300 }) : value
  await producer.send({
    topic: `${group}.${topic}.dlq`,
    acks: -1,
    messages: [{ partition, key, value: kept, headers }],
  })
}

/** Resolves when the watch has written down that this offset is committed. It writes all the time, so none is missed. */
async function seenBySample(partition: number, committed: number): Promise<void> {
  const file = join(folder, 'samples.ndjson')
  for await (const _ of watchFile(file)) {
    const last = readFileSync(file, 'utf8').split('\n').at(-2) ?? '{"committed":{}}'
    if ((JSON.parse(last) as OffsetSample).committed[partition] === committed) return
  }
}

/** Handles a record as the demo's handler does, and writes down the same. */
class StandIn {
  readonly #topic: string
  readonly #database = new DatabaseSync(join(folder, 'totals.sqlite'))

  constructor(topic: string) {
    this.#topic = topic
    this.#database.exec(`
      pragma synchronous = off;
      create table applied (id integer primary key);
      create table totals (airport text primary key, strikes integer, damaging integer, cost_dollars integer);
    `)
  }

  handle(row: SourceRow, partition: number, offset: number): void {
    this.#write(partition, offset, 1, 'started')
    const { changes } = this.#database.prepare('insert or ignore into applied values (?)').run(row.id)
    if (changes === 1) {
      this.#database
        .prepare(
          `insert into totals values (?, 1, ?, ?) on conflict do update set strikes = strikes + 1,
           damaging = damaging + excluded.damaging, cost_dollars = cost_dollars + excluded.cost_dollars`,
        )
        .run(row.airport, Number(row.isDamaging), row.costDollars)
    }
    this.#write(partition, offset, 1, 'done')
  }

  close(): void {
    this.#database.close()
  }

  #write(partition: number, offset: number, attempt: number, outcome: AttemptRow['outcome']): void {
    const time = monotonicMs()
    const row = { time, process: process.pid, topic: this.#topic, partition, offset, key: null, attempt, outcome }
    appendFileSync(join(folder, 'attempts-1.ndjson'), `${JSON.stringify(row)}\n`)
  }
}
