/** G1, R3, R14 on real Kafka: three members in processes of their own are replaced one after the other, and one is killed, while
 *  records keep coming. Every record is handled, first completions of a key stay in order, and at the end all is committed. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createHoldfast, type Holdfast, topic } from 'holdfast'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type RunningProcess, startProcess } from '../../processes.ts'
import { describeOnKafka } from '../../real-kafka.ts'
import { protocols } from '../attempt-diary.ts'
import { Diary, testApp } from '../consumer-world.ts'
import { committedOffsets, endOffsets, makeTopic, uniqueName } from '../kafka-world.ts'

type Line = { readonly partition: number; readonly offset: number; readonly key: string; readonly id: string }
type Member = { readonly child: RunningProcess; readonly owned: Set<string> }

const partitions = 6
const keys = 30
const perWave = 600
const program = join(import.meta.dirname, '../../fixtures/counting-consumer.ts')

describeOnKafka('three processes', (bootstrap) => {
  let folder: string
  let file: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'holdfast-processes-'))
    file = join(folder, 'ledger.jsonl')
    writeFileSync(file, '')
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  // The killed member holds its partitions until its session of 6 s has ended.
  test.each(protocols)('%s: a rolling restart and a kill lose nothing', { timeout: 120_000 }, async (protocol) => {
    const name = await makeTopic(bootstrap, { partitions })
    const group = uniqueName('group')
    const told = new Diary<string>()
    const startMember = (): Promise<Member> => start([bootstrap, group, name, file, protocol], told)
    await using sender = createHoldfast({ ...testApp, kafka: bootstrap })
    await sender.start()
    let sent = 0
    const wave = async (): Promise<void> => {
      await send(sender, name, sent)
      sent += perWave
    }

    let members = [await startMember(), await startMember(), await startMember()]
    await told.until(() => isShared(members))
    for (let restarts = 1; restarts <= members.length; restarts++) {
      const [oldest, ...others] = members
      await wave()
      const handled = told.lines.length
      await told.until((lines) => lines.length > handled + 100)
      expect(await oldest!.child.stop(15_000)).toEqual({ code: 0, signal: null })
      members = [...others, await startMember()]
      await told.until(() => isShared(members))
    }
    await wave()
    const [victim, ...survivors] = members
    const handled = told.lines.length
    await told.until((lines) => lines.length > handled + 100)
    victim!.child.kill('SIGKILL')
    await victim!.child.exited
    await wave()
    await told.until(() => isShared(survivors))
    await told.until((lines) => countOf(lines, 'handled') >= sent)
    // What was handled twice is in that count, so the end is looked for in the file.
    await told.until(() => new Set(ledger(file).map(({ id }) => id)).size === sent)
    for (const { child } of survivors) expect(await child.stop(15_000)).toEqual({ code: 0, signal: null })

    const lines = ledger(file)
    expect(new Set(lines.map(({ id }) => id)).size).toBe(sent)
    expectFirstCompletionsInOrder(lines)
    expect(await committedOffsets(bootstrap, group, name)).toEqual(await endOffsets(bootstrap, name))
  })
})

/** Every partition has one owner, and every member its even share. */
function isShared(members: readonly Member[]): boolean {
  const all = members.flatMap(({ owned }) => [...owned])
  const isEven = members.every(({ owned }) => owned.size === partitions / members.length)
  return isEven && new Set(all).size === partitions
}

async function start(args: readonly string[], told: Diary<string>): Promise<Member> {
  const owned = new Set<string>()
  const onLine = (line: string): void => {
    const [verb, partition = ''] = line.split(' ')
    if (verb === 'has') owned.add(partition)
    if (verb === 'had') owned.delete(partition)
    told.note(line)
  }
  const child = await startProcess({ name: 'a consumer', args: [program, ...args], readyLine: /^has /, onLine })
  return { child, owned }
}

async function send(sender: Holdfast, name: string, from: number): Promise<void> {
  const messages = Array.from({ length: perWave }, (_, index) => {
    const id = from + index
    return { key: `k${id % keys}`, value: Buffer.from(String(id)) }
  })
  await sender.sendAll(topic(name), messages)
}

function countOf(lines: readonly string[], line: string): number {
  return lines.filter((each) => each === line).length
}

/** Whole lines only: the last one may have been cut by the kill. */
function ledger(file: string): Line[] {
  const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1)
  return lines.map((line) => JSON.parse(line) as Line)
}

function expectFirstCompletionsInOrder(lines: readonly Line[]): void {
  for (const [key, ofKey] of Map.groupBy(lines, (line) => line.key)) {
    const first = [...new Set(ofKey.map(({ offset }) => offset))]
    expect(first, key).toEqual(first.toSorted((a, b) => a - b))
  }
}
