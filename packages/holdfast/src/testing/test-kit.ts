/** A whole Kafka for one test, in this process and on virtual time: `createHoldfast({ kafka: kit.kafka })`.
 *
 *  While a test waits, time passes by itself, as fast as the machine can follow, so `await app.start()` needs nothing around
 *  it; `kit.time.advance('1h')` lets exactly an hour pass. Nothing here waits for the real world (R33). */

import type { BrokerCore, CommittedPartition, StoredRecord, TopicSpec } from '@holdfast/broker'
import { type Duration, SettingsError, type TestKafka } from '../index.ts'
import { clusterNodes, Machine } from './in-process-port.ts'
import { SimulatedNetwork } from './simulated-network.ts'
import { VirtualClock } from './virtual-clock.ts'

export type TestKitOptions = {
  /** Topics that exist from the start, with their number of partitions. */
  readonly topics?: Readonly<Record<string, TopicSpec>> | undefined
  /** Number of nodes. @default 1 */
  readonly brokers?: number | undefined
  /** Where all chance comes from: jitter, ids, and the network if it is told to misbehave. @default 1 */
  readonly seed?: number | undefined
}

export type WaitOptions = {
  /** Virtual time after which the wait is given up. @default '1h' */
  readonly limit?: Duration | undefined
}

/** A record and where it lies. */
export type TopicRecord = StoredRecord & { readonly partition: number }

const optionNames = ['topics', 'brokers', 'seed']

/** Resolves with a Kafka of its own. Rejects with a `SettingsError` for options that make no sense. */
export async function testKit(options: TestKitOptions = {}): Promise<TestKit> {
  refuseOddities(options)
  const { topics, brokers = 1, seed = 1 } = options
  const broker = await loadBroker()
  // What an app loads when it starts; virtual time would pass while it waits for the disk.
  await import('../runtime/running-app.ts')
  const time = new VirtualClock({ seed })
  const nodes = clusterNodes(brokers)
  const core = new broker.BrokerCore({ brokers: nodes, clock: time.view('broker'), topics })
  const network = new SimulatedNetwork(time.stream('network'))
  return new TestKit(time, core, network, new Machine('app', { core, clock: time, network, nodes }))
}

export class TestKit {
  /** For `createHoldfast({ kafka })`. */
  readonly kafka: TestKafka
  /** The embedded broker itself: records, offsets, groups, history, faults. */
  readonly broker: BrokerCore
  readonly time: VirtualClock
  /** Between the apps and the broker; perfect until it is told otherwise. */
  readonly network: SimulatedNetwork
  readonly #machine: Machine
  readonly #stopFlowing: () => void

  /** Use `testKit()`. */
  constructor(time: VirtualClock, broker: BrokerCore, network: SimulatedNetwork, machine: Machine) {
    this.time = time
    this.broker = broker
    this.network = network
    this.#machine = machine
    this.kafka = { environment: machine }
    this.#stopFlowing = time.flow()
  }

  /** All records of a topic, partition after partition. */
  records(topic: string): TopicRecord[] {
    const found = this.broker.topics().find(({ name }) => name === topic)
    if (found === undefined) throw new RangeError(`topic ${topic} does not exist`)
    return found.partitions.flatMap(({ index }) =>
      this.broker.records(topic, index).map((record) => Object.assign(record, { partition: index })),
    )
  }

  /** What a group has committed. */
  committed(group: string): CommittedPartition[] {
    return this.broker.committed(group)
  }

  /** Lets time pass until the topic holds so many records. */
  async waitForRecords(topic: string, count: number, options: WaitOptions = {}): Promise<TopicRecord[]> {
    await this.waitFor(() => this.records(topic).length >= count, `${count} records in ${topic}`, options)
    return this.records(topic)
  }

  /** Lets time pass until the group has committed the end of every partition of the topic that holds something. */
  async waitUntilCommitted(group: string, topic: string, options: WaitOptions = {}): Promise<void> {
    const isCommitted = (): boolean => {
      const ends = new Map(
        this.records(topic).map(({ partition }) => [partition, this.broker.endOffset(topic, partition)]),
      )
      const committed = this.committed(group).filter((each) => each.topic === topic)
      return [...ends].every(([partition, end]) =>
        committed.some((each) => each.partition === partition && each.offset >= end),
      )
    }
    await this.waitFor(isCommitted, `the commit of all of ${topic} by ${group}`, options)
  }

  /** Lets time pass until a condition holds; rejects when it does not within the limit, in the words of `what`. */
  async waitFor(condition: () => boolean, what: string, options: WaitOptions = {}): Promise<void> {
    await this.time.runUntil(condition, { ...options, what })
  }

  /** Ends everything at once: time stands still, and apps that were not stopped never hear of anything again. */
  close(): void {
    this.#stopFlowing()
    this.#machine.crash()
    this.broker.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.close()
    return Promise.resolve()
  }
}

async function loadBroker(): Promise<typeof import('@holdfast/broker')> {
  try {
    return await import('@holdfast/broker')
  } catch (cause) {
    throw new Error('holdfast/testing needs the package @holdfast/broker: npm install --save-dev @holdfast/broker', {
      cause,
    })
  }
}

function refuseOddities(options: TestKitOptions): void {
  const issues = Object.entries(options).flatMap(([name, value]) => {
    const asksForTcp = name === 'kafka' || name === 'bootstrap' || (name === 'brokers' && typeof value !== 'number')
    if (asksForTcp && value !== undefined) return [virtualTimeOverTcp(name)]
    if (optionNames.includes(name)) return []
    return [{ option: `testKit.${name}`, problem: 'no such option', remedy: `Use ${optionNames.join(', ')}.` }]
  })
  const { brokers } = options
  if (typeof brokers === 'number' && !(Number.isInteger(brokers) && brokers >= 1 && brokers <= brokersMax)) {
    const problem = `expected 1 to ${brokersMax} nodes, got ${brokers}`
    issues.push({ option: 'testKit.brokers', problem, remedy: 'Give a number of nodes.' })
  }
  if (issues.length > 0) throw new SettingsError(issues)
}

/** As many as the embedded broker serves over TCP. */
const brokersMax = 100

function virtualTimeOverTcp(name: string): { option: string; problem: string; remedy: string } {
  return {
    option: `testKit.${name}`,
    problem:
      'virtual time exists in this process only: a broker behind a socket has a clock of its own that nobody can move',
    remedy:
      "For a broker over TCP leave testKit out and write createHoldfast({ kafka, profile: 'test' }), on real time.",
  }
}
