/** Very many handlers at once: what each of them holds in memory, and how long the event loop is taken when all of them end in
 *  the same moment. Run with --expose-gc, so that what is counted is held and not merely not collected yet. */
import { createHoldfast, topic as topicNamed } from 'holdfast'
import { rounded } from './statistics.ts'
import { newGroup } from './tally.ts'

export type InFlightGiven = {
  readonly bootstrap: string
  readonly topic: string
  readonly partitions: number
  readonly handlers: number
}

export type InFlightFigures = {
  readonly inFlight: number
  /** Everything: the record and its bytes, what Holdfast keeps of it, and the handler's own promise. */
  readonly bytesEach: number
  /** The same handlers waiting without Holdfast and without a message. */
  readonly handlerBytesEach: number
  readonly rssMb: number
  readonly longestPauseMs: number
  readonly allEndedMs: number
}

const valueBytes = 100
const sentAtOnce = 5_000
const warmUp = 1_000
/** A partition is refilled when its buffer is half empty. */
const spare = 2.1

export async function measureInFlight({
  bootstrap,
  topic,
  partitions,
  handlers,
}: InFlightGiven): Promise<InFlightFigures> {
  const gate = { opened: Promise.withResolvers<void>() }
  let running = 0
  let seen = 0
  let wake: () => void = () => undefined
  const until = (condition: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      wake = () => {
        if (condition()) resolve()
      }
      wake()
    })
  const handle = async (): Promise<void> => {
    running += 1
    seen += 1
    wake()
    await gate.opened.promise
    running -= 1
    wake()
  }
  const bufferedRecords = Math.ceil((handlers / partitions) * spare)
  const app = createHoldfast({ kafka: bootstrap, group: newGroup(), log: false })
  const options = { order: 'none', concurrency: handlers, bufferedRecords, deadLetters: false } as const
  app.consume(topicNamed(topic), { ...options, attemptTimeout: '10m' }, handle)
  await app.start()
  const send = async (count: number): Promise<void> => {
    for (let left = count; left > 0; left -= sentAtOnce) {
      const value = Buffer.alloc(valueBytes)
      const messages = Array.from({ length: Math.min(left, sentAtOnce) }, (_, index) => ({
        value,
        partition: index % partitions,
      }))
      await app.sendAll(topicNamed(topic), messages)
    }
  }
  // All code has run and everything is connected before anything is counted.
  gate.opened.resolve()
  await send(warmUp)
  await until(() => seen === warmUp && running === 0)
  gate.opened = Promise.withResolvers<void>()
  const before = heldBytes()
  await send(handlers)
  await until(() => running === handlers)
  const held = heldBytes() - before
  const rssMb = process.memoryUsage.rss() / 1_048_576

  const pause = watchPauses()
  const releasedAtMs = performance.now()
  gate.opened.resolve()
  await until(() => running === 0)
  const allEndedMs = performance.now() - releasedAtMs
  await app.stop()
  return {
    inFlight: handlers,
    bytesEach: rounded(held / handlers, 3),
    handlerBytesEach: rounded((await bareHandlers(handlers)) / handlers, 3),
    rssMb: rounded(rssMb, 3),
    longestPauseMs: rounded(pause(), 3),
    allEndedMs: rounded(allEndedMs, 3),
  }
}

function heldBytes(): number {
  if (globalThis.gc === undefined) throw new Error('expected to run with --expose-gc')
  // What a first collection finalises, a second one frees.
  for (let each = 0; each < 2; each++) globalThis.gc()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

async function bareHandlers(count: number): Promise<number> {
  const gate = Promise.withResolvers<void>()
  let running = 0
  const handle = async (): Promise<void> => {
    running += 1
    await gate.promise
    running -= 1
  }
  const before = heldBytes()
  const all = Array.from({ length: count }, handle)
  const held = heldBytes() - before
  gate.resolve()
  await Promise.all(all)
  return held
}

/** The longest time between two turns of the event loop until the returned function is called. */
function watchPauses(): () => number {
  let longestMs = 0
  let lastMs = performance.now()
  let isWatching = true
  const look = (): void => {
    const nowMs = performance.now()
    longestMs = Math.max(longestMs, nowMs - lastMs)
    lastMs = nowMs
    if (isWatching) setImmediate(look)
  }
  setImmediate(look)
  return () => {
    isWatching = false
    return longestMs
  }
}
