/** What one record costs between the decoder and the commit: a bare loop that awaits each handler, the engine with its runner,
 *  and a whole app on a port that answers from memory. Same bytes, same handlers, no broker. */
import { createHoldfast, topic as topicNamed } from 'holdfast'
import { startAt } from '../../packages/holdfast/src/model/next-offset.ts'
import { type Order } from '../../packages/holdfast/src/model/settings.ts'
import { chunkOf } from '../../packages/holdfast/src/runtime/intake.ts'
import { EngineRig } from './engine-rig.ts'
import { memoryKafka, memoryTopic } from './memory-port.ts'
import { answerFor, codecWithoutCrc, prepareAnswers, recordsPerAnswer } from './prepared-answers.ts'
import { rounded } from './statistics.ts'

export type EngineGiven = {
  readonly subject: 'bare' | 'engine' | 'app'
  readonly order: Order
  /** Of one pass over the answers. */
  readonly records: number
  readonly passes: number
  readonly bytes: number
}

export type EngineCost = { readonly records: number; readonly nsPerRecord: number; readonly cpuNsPerRecord: number }

const partitions = 6
const keys = 1_000
const concurrency = 64

/** Five of them in turn, because no application's handler is so alone that its call can be inlined. */
class Handlers {
  readonly #handlers: readonly (() => Promise<void>)[]
  #calls = 0
  readonly #records: number
  readonly #done = Promise.withResolvers<void>()

  constructor(records: number) {
    this.#records = records
    const count = (): void => {
      this.#calls += 1
      if (this.#calls === this.#records) this.#done.resolve()
    }
    this.#handlers = [
      async () => count(),
      async (): Promise<void> => {
        if (this.#calls < this.#records) return count()
        throw new RangeError(`more than ${this.#records} records`)
      },
      async () => {
        count()
      },
      async () => {
        return count()
      },
      async (): Promise<void> => {
        if (this.#calls >= 0) count()
      },
    ]
  }

  readonly next = (): Promise<void> => (this.#handlers[this.#calls % 5] as () => Promise<void>)()

  get done(): Promise<void> {
    return this.#done.promise
  }
}

export async function measureEngine({ subject, order, records, passes, bytes }: EngineGiven): Promise<EngineCost> {
  const answersPerPartition = Math.max(1, Math.round(records / partitions / recordsPerAnswer))
  const perPass = answersPerPartition * partitions * recordsPerAnswer
  const batches = prepareAnswers({ partitions, answersPerPartition, bytes, keys })
  const pass = async (): Promise<void> => {
    const handlers = new Handlers(perPass)
    if (subject === 'bare') await runBare(batches, handlers)
    else if (subject === 'engine') await runEngine(batches, order, handlers)
    else await runApp(batches, order, handlers)
  }
  // The code is warm in any process that has run for a second.
  await pass()
  const cpu = process.cpuUsage()
  const startedAtMs = performance.now()
  for (let each = 0; each < passes; each++) await pass()
  const elapsedMs = performance.now() - startedAtMs
  const { user, system } = process.cpuUsage(cpu)
  const measured = perPass * passes
  return {
    records: measured,
    nsPerRecord: rounded((elapsedMs * 1e6) / measured),
    cpuNsPerRecord: rounded(((user + system) * 1e3) / measured),
  }
}

/** One turn of the event loop for each round of answers, as it takes to fetch them. */
async function runBare(batches: readonly Buffer[][], handlers: Handlers): Promise<void> {
  const answers = batches[0]?.length ?? 0
  for (let answer = 0; answer < answers; answer++) {
    await new Promise(setImmediate)
    for (const [partition, ofPartition] of batches.entries()) {
      const position = startAt(answer * recordsPerAnswer)
      const fetched = answerFor(ofPartition, partition, position)
      const chunk = chunkOf(fetched, position, codecWithoutCrc, 'readCommitted')
      for (const _ of chunk?.take(recordsPerAnswer) ?? []) await handlers.next()
    }
  }
}

async function runEngine(batches: readonly Buffer[][], order: Order, handlers: Handlers): Promise<void> {
  new EngineRig(batches, order, concurrency, handlers.next).start()
  await handlers.done
}

async function runApp(batches: readonly Buffer[][], order: Order, handlers: Handlers): Promise<void> {
  const app = createHoldfast({ kafka: memoryKafka(batches), group: 'billing', log: false, topics: 'ignore' })
  app.consume(topicNamed(memoryTopic), { order, concurrency, deadLetters: false }, handlers.next)
  await app.start()
  await handlers.done
  await app.stop()
}
