/** One process of the toolkit in a history: a machine, an app on it, and a handler that behaves as the plan says. Writes
 *  down everything that its handler sees; what Holdfast says is kept as text. */

import { createHoldfast, type Holdfast, type Message, type HandlerContext, text, topic } from 'holdfast'
import { type Machine, type SeededRandom } from 'holdfast/testing'
import { type HoldfastEvents } from '../../packages/holdfast/src/observe/events.ts'
import { abortGraceMs, attemptTimeoutMs, type Plan } from './plan.ts'
import { type Trace } from './trace.ts'

export const topicName = 'orders'
export const groupName = 'billing'

/** Attempts of a record that may fail before it must succeed; one fewer than the retries in place. */
const failuresMax = 2
const startRetryMs = 1_000

export class AppUnderTest {
  readonly name: string
  readonly machine: Machine
  readonly #plan: Plan
  readonly #trace: Trace
  readonly #random: SeededRandom
  readonly #app: Holdfast
  readonly #consumer: ReturnType<Holdfast['consume']>
  #isOver = false

  constructor(name: string, parts: { plan: Plan; trace: Trace; machine: Machine; random: SeededRandom }) {
    const { plan, trace, machine, random } = parts
    this.name = name
    this.machine = machine
    this.#plan = plan
    this.#trace = trace
    this.#random = random
    this.#app = createHoldfast({
      group: groupName,
      kafka: { environment: machine },
      profile: 'test',
      log: false,
      partitionFetchBytes: plan.partitionFetchBytes,
    })
    const options = {
      concurrency: plan.concurrency,
      order: plan.order,
      attemptTimeout: attemptTimeoutMs,
      abortGrace: abortGraceMs,
      bufferedRecords: plan.bufferedRecords,
      parkedRecords: plan.parkedRecords,
      filter: (message: Message<string>) => this.#accepts(message),
    }
    this.#consumer = this.#app.consume(topic(topicName, { value: text() }), options, (message, context) =>
      this.#handle(message, context),
    )
    this.#listen()
  }

  /** Goes on until it runs: a broker that is away at the start is no reason to give up. */
  async start(): Promise<void> {
    this.#trace.add({ kind: 'switchedOn', machine: this.name })
    while (!this.#isOver) {
      try {
        await this.#app.start()
        break
      } catch (error) {
        this.#say(`start failed: ${String(error)}`)
        await this.#sleep(startRetryMs)
      }
    }
    if (this.#isOver) return
    this.#trace.add({ kind: 'started', machine: this.name })
    this.#app.closed.catch((error: unknown) => {
      if (!this.#isOver) this.#trace.add({ kind: 'failed', machine: this.name, reason: String(error) })
    })
  }

  /** Writes down what its own books say about the records that it took. */
  count(): void {
    const status = this.#consumer.status()
    if (status === null) return
    const { accepted, ...ends } = status.counts
    const unfinished = status.partitions.reduce((sum, partition) => sum + partition.buffered, 0)
    const accounted = Object.values(ends).reduce((sum, count) => sum + count, 0) + unfinished
    this.#trace.add({ kind: 'counted', machine: this.name, accepted, accounted })
  }

  async stop(): Promise<void> {
    this.#trace.add({ kind: 'stopping', machine: this.name })
    this.#isOver = true
    const { clean, uncommitted } = await this.#app.stop()
    this.#trace.add({ kind: 'stopped', machine: this.name, clean, uncommitted })
  }

  crash(): void {
    this.#isOver = true
    this.machine.crash()
    this.#trace.add({ kind: 'crashed', machine: this.name })
  }

  explain(): string {
    return [...this.#consumer.explain(), ...this.#app.health().reasons].join('; ')
  }

  #accepts({ partition, offset }: Message<string>): boolean {
    if (this.#plan.filtersEvery === 0 || offset % this.#plan.filtersEvery !== 3) return true
    this.#trace.add({ kind: 'filtered', machine: this.name, partition, offset })
    return false
  }

  #handle(message: Message<string>, context: HandlerContext): Promise<void> | void {
    const { partition, offset } = message
    const { attempt } = context
    const run = this.#trace.nextRun()
    const at = { machine: this.name, partition, offset, run }
    this.#trace.add({ kind: 'began', ...at, attempt })
    const random = this.#random.stream(`${partition}/${offset}/${attempt}`)
    const { handler } = this.#plan
    const mayFail = attempt <= failuresMax
    const fails = random.chance(handler.fails) && mayFail
    const hangs = random.chance(handler.hangs) && mayFail
    const ignoresAbort = random.chance(handler.ignoresAbort) && attempt === 1
    const latencyMs = random.fraction() * handler.latencyMaxMs
    const end = (result: 'done' | 'failed'): void => {
      this.#trace.add({ kind: 'ended', ...at, result })
      if (result === 'failed') throw new Error(`planned failure of ${partition}/${offset}`)
    }
    if (random.chance(handler.sync)) return end(fails ? 'failed' : 'done')
    if (hangs) return untilAborted(context.signal).then(() => end('failed'))
    const lateMs = ignoresAbort ? attemptTimeoutMs + random.fraction() * 4 * abortGraceMs : latencyMs
    return this.#sleep(lateMs).then(() => end(fails && !ignoresAbort ? 'failed' : 'done'))
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.machine.clock.setTimer(ms, resolve)
    })
  }

  #listen(): void {
    const { clock } = this.machine
    this.#app.on('attempt.failed', ({ at: { partition }, offset, attempt, retryInMs }) => {
      if (retryInMs === null) return
      const dueMs = clock.monotonicMs() + retryInMs
      this.#trace.add({ kind: 'retryAnnounced', machine: this.name, partition, offset, attempt, dueMs })
    })
    for (const name of ['partition.lost', 'partition.revoked'] as const) {
      this.#app.on(name, ({ at: { partition } }) => this.#trace.add({ kind: 'left', machine: this.name, partition }))
    }
    for (const name of eventsForReaders) {
      this.#app.on(name, (event: object) => this.#say(`${name} ${JSON.stringify(event, shortly)}`))
    }
  }

  #say(what: string): void {
    this.#trace.add({ kind: 'said', machine: this.name, what })
  }
}

const eventsForReaders: readonly (keyof HoldfastEvents)[] = [
  'connection.failed',
  'group.joined',
  'group.rebalancing',
  'group.lost',
  'group.left',
  'group.stalled',
  'partition.assigned',
  'partition.revoked',
  'partition.paused',
  'partition.resumed',
  'partition.reset',
  'partition.blocked',
  'attempt.timedOut',
  'attempt.zombie',
  'attempt.stale',
  'commit.failed',
  'fetch.failed',
  'fetch.corrupt',
]

function shortly(key: string, value: unknown): unknown {
  if (key === 'group' || key === 'topic') return undefined
  return value instanceof Error ? value.message : value
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
