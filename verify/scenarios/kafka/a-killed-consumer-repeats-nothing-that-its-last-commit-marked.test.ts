/** R10, R11, R19, G1, G6 on real Kafka: a consumer is killed twenty times at random moments of 10,000 records, of which many
 *  fail, wait in place or leave for a delay topic. What its last commit said is read from Kafka by a decoder that shares no
 *  code with Holdfast: everything that it marked had succeeded (or was in the delay topic), nothing of it is handled again,
 *  parked records go on with their next attempt when it is due, and no record is lost. */
import { createHoldfast, json, topic } from 'holdfast'
import { expect, test } from 'vitest'
import { SeededRandom } from '../../../packages/holdfast/src/testing/seeded-random.ts'
import { type Wish } from '../../fixtures/wishes.ts'
import { describeOnKafka } from '../../real-kafka.ts'
import { testApp } from '../consumer-world.ts'
import { endOffsets, makeTopic, uniqueName } from '../kafka-world.ts'
import { committedTexts, headerOf, readAll, removeMembers } from './foreign-tools.ts'
import { type Marks, readMarks } from './read-marks.ts'
import { countOf, WishingConsumers, type WishingProcess, type WrittenAttempt } from './wishing-consumers.ts'

const seed = 20
const kills = 20
const count = 10_000
const partitions = 4
const keys = 400
/** The second is longer than it takes to start the next process. */
const inPlace = ['300ms', '4s']
/** The attempts that are made before a record leaves for the delay topic. */
const attemptsBeforeDelay = 1 + inPlace.length
/** A timer may fire a little before the calendar says so. */
const timerSlackMs = 5

/** What is known about one partition at the moment of a kill. */
type Known = { readonly offset: number; readonly end: number; readonly marks: Marks | null }
/** By `topic/partition`. */
type Snapshot = ReadonlyMap<string, Known>
/** A record in the delay topic. */
type Copy = { readonly partition: number; readonly offset: number }

describeOnKafka('a consumer that is killed twenty times', (bootstrap) => {
  // Half a minute where nothing else runs; most of it is twenty-one starts.
  test('repeats nothing that its last commit marked, and loses nothing', async () => {
    const name = await makeTopic(bootstrap, { partitions })
    const group = uniqueName('group')
    const delayed = `${group}.${name}.retry.500ms`
    const random = new SeededRandom(seed)
    await fill(bootstrap, name, random.stream('wishes'))
    await using consumers = new WishingConsumers()
    const start = (): Promise<WishingProcess> =>
      consumers.start({
        app: { kafka: bootstrap, group, commitInterval: '50ms' },
        subscriptions: [
          { topic: name, consume: { concurrency: 32, retry: { inPlace, delays: ['500ms'] }, deadLetters: false } },
        ],
      })

    const snapshots: Snapshot[] = []
    const moments = random.stream('moments')
    for (let kill = 1; kill <= kills; kill++) {
      const attempts = moments.integer(50, 750)
      const child = await start()
      await child.told.until((lines) => countOf(lines, 'ended') >= attempts)
      child.kill('SIGKILL')
      expect(await child.exited).toMatchObject({ signal: 'SIGKILL' })
      await removeMembers(bootstrap, group)
      snapshots.push(await lookAt(bootstrap, group, [name, delayed]))
    }
    const doneByTheKilled = placesDone(consumers.attempts())
    const last = await start()
    await consumers.untilAllIsCommitted(bootstrap, group, [name, delayed])
    expect(await last.stop(15_000)).toEqual({ code: 0, signal: null })

    expect(doneByTheKilled.size).toBeLessThan(count)
    const attempts = consumers.attempts()
    expect(placesDone(attempts).size).toBe(count)
    const history = { name, delayed, attempts, snapshots, copies: await copiesIn(bootstrap, delayed) }
    expectMarksToBeTrue(history)
    expectNothingMarkedAgain(history)
    expectParkedToGoOn(history)
    expectMuchWasMarked(history)
  }, 240_000)
})

type History = {
  readonly name: string
  readonly delayed: string
  readonly attempts: readonly WrittenAttempt[]
  readonly snapshots: readonly Snapshot[]
  /** What is in the delay topic, by the place where it came from; more than one if a kill came between write and commit. */
  readonly copies: ReadonlyMap<string, readonly Copy[]>
}

/** A fifth fails once or twice, one in twenty more often: those leave for the delay topic. */
async function fill(bootstrap: string, name: string, random: SeededRandom): Promise<void> {
  await using app = createHoldfast({ ...testApp, kafka: bootstrap })
  await app.start()
  const wish = (): Wish => {
    const fate = random.fraction()
    const fails = fate < 0.05 ? attemptsBeforeDelay : fate < 0.1 ? 2 : fate < 0.25 ? 1 : 0
    return { fails, ms: random.integer(1, 40) }
  }
  const messages = Array.from({ length: count }, (_, id) => ({ key: `k${id % keys}`, value: wish() }))
  await app.sendAll(topic(name, { value: json<Wish>() }), messages)
}

async function lookAt(bootstrap: string, group: string, topics: readonly string[]): Promise<Snapshot> {
  const snapshot = new Map<string, Known>()
  for (const [at, { offset, metadata }] of await committedTexts(bootstrap, group, topics)) {
    snapshot.set(at, { offset, marks: readMarks(metadata), end: 0 })
  }
  for (const each of topics) {
    for (const [partition, end] of await endOffsets(bootstrap, each)) {
      const known = snapshot.get(`${each}/${partition}`)
      if (known !== undefined) snapshot.set(`${each}/${partition}`, { ...known, end })
    }
  }
  return snapshot
}

async function copiesIn(bootstrap: string, delayed: string): Promise<Map<string, Copy[]>> {
  const copies = (await readAll(bootstrap, delayed)).map((record) => ({
    of: `${headerOf(record, 'holdfast-src-partition')}@${headerOf(record, 'holdfast-src-offset')}`,
    partition: record.partition,
    offset: Number(record.offset),
  }))
  return Map.groupBy(copies, (copy) => copy.of)
}

function placeOf({ partition, offset }: { readonly partition: number; readonly offset: number }): string {
  return `${partition}@${offset}`
}

function placesDone(attempts: readonly WrittenAttempt[]): Set<string> {
  return new Set(attempts.filter(({ is }) => is === 'done').map(placeOf))
}

function isMarked({ offset: line, marks }: Known, offset: number): boolean {
  return offset < line || marks?.finished.has(offset) === true
}

/** All that a commit marked: the partition, and the offsets. */
function marked(snapshot: Snapshot, name: string): Copy[] {
  return [...Array(partitions).keys()].flatMap((partition) => {
    const known = snapshot.get(`${name}/${partition}`)
    if (known === undefined) return []
    const below = [...Array(Math.max(known.offset, 0)).keys()]
    return [...below, ...(known.marks?.finished ?? [])].map((offset) => ({ partition, offset }))
  })
}

/** What is marked had succeeded in a process that was dead by then, or was in the delay topic. */
function expectMarksToBeTrue({ name, delayed, attempts, snapshots, copies }: History): void {
  const sources = new Map([...copies].flatMap(([of, each]) => each.map((copy) => [placeOf(copy), of])))
  for (const [kill, snapshot] of snapshots.entries()) {
    const done = placesDone(attempts.filter(({ life }) => life <= kill))
    const wasThere = (copy: Copy): boolean => copy.offset < (snapshot.get(`${delayed}/${copy.partition}`)?.end ?? 0)
    for (const place of marked(snapshot, name).map(placeOf)) {
      const isTrue = done.has(place) || copies.get(place)?.some(wasThere) === true
      if (!isTrue) expect.fail(`kill ${kill}: ${place} is marked, but no attempt had succeeded and no copy was stored`)
    }
    for (const copy of marked(snapshot, delayed).map(placeOf)) {
      if (!done.has(sources.get(copy) ?? '')) expect.fail(`kill ${kill}: copy ${copy} is marked, but nothing succeeded`)
    }
  }
}

/** No later process starts an attempt of a record that was marked; of one that has a copy, only until that is marked too. */
function expectNothingMarkedAgain({ name, delayed, attempts, snapshots, copies }: History): void {
  for (const attempt of attempts) {
    for (const [kill, snapshot] of snapshots.entries()) {
      if (attempt.life <= kill) break
      const known = snapshot.get(`${name}/${attempt.partition}`)
      if (known === undefined || !isMarked(known, attempt.offset)) continue
      const open = (copies.get(placeOf(attempt)) ?? []).filter((copy) => {
        const knownOfCopy = snapshot.get(`${delayed}/${copy.partition}`)
        return knownOfCopy === undefined || !isMarked(knownOfCopy, copy.offset)
      })
      if (attempt.attempt > attemptsBeforeDelay && open.length > 0) continue
      expect.fail(`${JSON.stringify(attempt)} after kill ${kill}, whose commit marked it`)
    }
  }
}

/** The first attempt of the next process is the one after those that were counted, and not before its time. (A process that
 *  is killed before it gets there commits again, and keeps the lowest 64: what it says then counts.) */
function expectParkedToGoOn({ name, attempts, snapshots }: History): void {
  // A copy in the delay topic, written just before the kill, goes its own way.
  const starts = attempts.filter(({ is, attempt }) => is === 'start' && attempt <= attemptsBeforeDelay)
  for (const [kill, snapshot] of snapshots.entries()) {
    const next = Map.groupBy(
      starts.filter(({ life }) => life === kill + 1),
      placeOf,
    )
    for (const partition of Array(partitions).keys()) {
      for (const [offset, parked] of snapshot.get(`${name}/${partition}`)?.marks?.parked ?? []) {
        const first = next.get(placeOf({ partition, offset }))?.[0]
        if (first === undefined) continue
        const label = `kill ${kill}: ${placeOf(first)}`
        expect(first.attempt, label).toBe(parked.attempts + 1)
        expect(first.atMs, label).toBeGreaterThanOrEqual(parked.dueAtMs - timerSlackMs)
      }
    }
  }
}

/** Or the laws above would say nothing. */
function expectMuchWasMarked({ name, snapshots, copies }: History): void {
  const known = snapshots.flatMap((snapshot) =>
    [...Array(partitions).keys()].map((at) => snapshot.get(`${name}/${at}`)),
  )
  const sum = (sizeOf: (marks: Marks) => number): number =>
    known.reduce((total, each) => total + (each?.marks ? sizeOf(each.marks) : 0), 0)
  expect(sum(({ finished }) => finished.size)).toBeGreaterThan(1_000)
  expect(sum(({ parked }) => parked.size)).toBeGreaterThan(100)
  expect(copies.size).toBeGreaterThan(100)
}
