/** G1, G6, R11 on real Kafka: a consumer is killed three times in the middle of its work, without a chance to say goodbye.
 *  Every record is handled all the same, first completions of a key stay in order, and nothing that a commit covered is
 *  handled again. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createHoldfast, topic } from 'holdfast'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type RunningProcess, startProcess } from '../../processes.ts'
import { describeOnKafka } from '../../real-kafka.ts'
import { Diary, testApp } from '../consumer-world.ts'
import { committedOffsets, endOffsets, makeTopic, uniqueName } from '../kafka-world.ts'

type Line = { readonly partition: number; readonly offset: number; readonly key: string; readonly id: string }

const partitions = 3
const keys = 30
const count = 6_000
const program = join(import.meta.dirname, '../../fixtures/counting-consumer.ts')

describeOnKafka('a consumer that is killed', (bootstrap) => {
  let folder: string
  let file: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'holdfast-killed-'))
    file = join(folder, 'ledger.jsonl')
    writeFileSync(file, '')
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  /** Whole lines only: the last one may have been cut by the kill. */
  const ledger = (): Line[] =>
    readFileSync(file, 'utf8')
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Line)

  // A killed member holds its partitions until its session of 6 s has ended, three times.
  test('three times loses no record and handles nothing again that a commit covered', async () => {
    const name = await makeTopic(bootstrap, { partitions })
    const group = uniqueName('group')
    await fill(bootstrap, name)

    for (let kills = 1; kills <= 3; kills++) {
      const told = new Diary<string>()
      const child = await startConsumer([bootstrap, group, name, file], told)
      await told.until((lines) => countOf(lines, 'committed') >= 2 && lines.at(-1) === 'handled')
      child.kill('SIGKILL')
      expect(await child.exited).toMatchObject({ signal: 'SIGKILL' })
      await expectNothingCommittedIsMissing(bootstrap, group, name, ledger())
    }
    const killed = ledger()
    const committed = await committedOffsets(bootstrap, group, name)
    const told = new Diary<string>()
    const last = await startConsumer([bootstrap, group, name, file], told)
    // Commits tell of records above the line too: those are not handled again.
    const missing = count - idsOf(killed).size
    await told.until((lines) => countOf(lines, 'handled') >= missing && idsOf(ledger()).size === count)
    expect(await last.stop(15_000)).toEqual({ code: 0, signal: null })

    expect(killed.length).toBeLessThan(count)
    for (const { partition, offset } of ledger().slice(killed.length)) {
      expect(offset).toBeGreaterThanOrEqual(committed.get(partition) ?? 0)
    }
    expectFirstCompletionsInOrder(ledger())
    expect(await committedOffsets(bootstrap, group, name)).toEqual(await endOffsets(bootstrap, name))
  }, 60_000)
})

async function fill(bootstrap: string, name: string): Promise<void> {
  await using app = createHoldfast({ ...testApp, kafka: bootstrap })
  await app.start()
  const messages = Array.from({ length: count }, (_, id) => ({ key: `k${id % keys}`, value: Buffer.from(String(id)) }))
  await app.sendAll(topic(name), messages)
}

/** Ready when it has handled its first record; `told` hears of everything that it prints. */
function startConsumer(args: readonly string[], told: Diary<string>): Promise<RunningProcess> {
  return startProcess({
    name: 'the consumer',
    args: [program, ...args],
    readyLine: /^handled/,
    onLine: (line) => told.note(line),
  })
}

function idsOf(lines: readonly Line[]): Set<string> {
  return new Set(lines.map(({ id }) => id))
}

function countOf(lines: readonly string[], line: string): number {
  return lines.filter((each) => each === line).length
}

async function expectNothingCommittedIsMissing(
  bootstrap: string,
  group: string,
  name: string,
  lines: readonly Line[],
): Promise<void> {
  const committed = await committedOffsets(bootstrap, group, name)
  const handled = new Set(lines.map(({ partition, offset }) => `${partition}/${offset}`))
  for (const [partition, next] of committed) {
    for (let offset = 0; offset < next; offset++) expect(handled).toContain(`${partition}/${offset}`)
  }
}

function expectFirstCompletionsInOrder(lines: readonly Line[]): void {
  for (const [key, ofKey] of Map.groupBy(lines, (line) => line.key)) {
    const first = [...new Set(ofKey.map(({ offset }) => offset))]
    expect(first, key).toEqual(first.toSorted((a, b) => a - b))
  }
}
