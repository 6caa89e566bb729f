/** Holdfast with handlers that take their time: how long all of it took, and how long the very same work must take. Times are
 *  measured inside the handler, because a timer is never on time and the theory must not be blamed for it. */
import { type ConsumeOptions, createHoldfast, type Message, topic as topicNamed } from 'holdfast'
import { SeededRandom } from 'holdfast/testing'
import { rounded, sum } from './statistics.ts'
import { newGroup } from './tally.ts'
import { makespanBoundMs, type Work } from './theory.ts'
import { type VitalFigures, Vitals } from './vitals.ts'

export type WorkingGiven = {
  readonly bootstrap: string
  readonly topic: string
  readonly records: number
  readonly order: NonNullable<ConsumeOptions['order']>
  readonly concurrency: number
  /** Decoded records per partition; the default of Holdfast if it is not given. */
  readonly bufferedRecords?: number | undefined
  /** Each handler waits for a time in between. */
  readonly fromMs: number
  readonly toMs: number
}

export type WorkingFigures = VitalFigures & {
  readonly makespanMs: number
  /** No scheduler could have ended earlier. */
  readonly boundMs: number
  readonly efficiency: number
  /** The same beside the times that were asked for: what timers and a busy event loop add counts against us. */
  readonly plannedShare: number
  readonly meanServiceMs: number
}

const seed = 11

export async function measureWorking(given: WorkingGiven): Promise<WorkingFigures> {
  const { bootstrap, topic, records, order, concurrency, bufferedRecords, fromMs, toMs } = given
  const chance = new SeededRandom(seed)
  const plannedMs = Array.from({ length: records }, () => fromMs + chance.fraction() * (toMs - fromMs))
  const work: Work[] = []
  const planned: Work[] = []
  const vitals = new Vitals()
  const done = Promise.withResolvers<void>()
  let started = 0
  let ended = 0
  const handle = async (message: Message<Uint8Array>): Promise<void> => {
    if (started === 0) vitals.begin()
    started += 1
    if (toMs > 0) {
      const startedAtMs = performance.now()
      await new Promise((resolve) => setTimeout(resolve, plannedMs[message.offset % records]))
      const lane = laneOf(message, order)
      planned.push({ lane, serviceMs: plannedMs[message.offset % records] as number })
      work.push({ lane, serviceMs: performance.now() - startedAtMs })
    }
    ended += 1
    if (ended === records) done.resolve()
  }
  const app = createHoldfast({ kafka: bootstrap, group: newGroup(), log: false })
  app.consume(topicNamed(topic), { order, concurrency, bufferedRecords, deadLetters: false }, handle)
  await app.start()
  await done.promise
  const figures = vitals.end(records)
  const makespanMs = figures.seconds * 1_000
  const boundMs = makespanBoundMs(work, concurrency)
  const plannedBoundMs = makespanBoundMs(planned, concurrency)
  return {
    ...figures,
    makespanMs: rounded(makespanMs),
    boundMs: rounded(boundMs),
    efficiency: rounded(boundMs / makespanMs, 3),
    plannedShare: rounded(plannedBoundMs / makespanMs, 3),
    meanServiceMs: rounded(sum(work.map(({ serviceMs }) => serviceMs)) / records, 3),
  }
}

/** As the order of the subscription makes lanes; without any, every record is on its own. */
function laneOf({ key, partition }: Message<Uint8Array>, order: WorkingGiven['order']): string | number | null {
  if (order === 'none') return null
  return order === 'partition' ? partition : `${partition} ${String(key)}`
}
