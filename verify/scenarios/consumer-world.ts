/** What the scenarios of consumers share: gates that handlers wait at, diaries that they write, and waits on what the app or
 *  the embedded broker tells. Nothing here sleeps: a wait that does not end is ended by the limit of its test. */
import {
  type BrokerEvent,
  type EmbeddedKafka,
  type HistoryEntry,
  type NewRecord,
  type StoredRecord,
} from '@holdfast/broker'
import { type AppOptions, type Handler, type Holdfast, type HoldfastEventName, type HoldfastEvents } from 'holdfast'
import { clusterNodes, Machine, type TestKit } from 'holdfast/testing'

/** Quick to commit and to give up, and silent. */
export const testApp = {
  group: 'billing',
  profile: 'test',
  commitInterval: '50ms',
  log: false,
} as const satisfies AppOptions

/** In virtual time hours cost what is done in them, so these look for records and beat as rarely as may be. */
export const patientApp = {
  group: 'billing',
  fetchMaxWait: '9s',
  heartbeatInterval: '15s',
  log: false,
} as const satisfies AppOptions

/** Something that handlers wait for and the test decides. */
export class Gate {
  readonly #latch = Promise.withResolvers<void>()

  open(): void {
    this.#latch.resolve()
  }

  get opened(): Promise<void> {
    return this.#latch.promise
  }
}

/** What happened, in the order in which it did; whoever waits looks again at every line. */
export class Diary<T> {
  readonly lines: T[] = []
  readonly #watchers = new Set<() => void>()

  note(line: T): void {
    this.lines.push(line)
    for (const look of [...this.#watchers]) look()
  }

  async until(condition: (lines: readonly T[]) => boolean): Promise<void> {
    if (condition(this.lines)) return
    const { promise, resolve } = Promise.withResolvers<void>()
    const look = (): void => {
      if (condition(this.lines)) resolve()
    }
    this.#watchers.add(look)
    await promise
    this.#watchers.delete(look)
  }
}

/** The next event of this name that matches. Call it before whatever leads to the event. */
export function nextEvent<N extends HoldfastEventName>(
  app: Holdfast,
  name: N,
  matches: (event: HoldfastEvents[N]) => boolean = () => true,
): Promise<HoldfastEvents[N]> {
  return new Promise((resolve) => {
    const end = app.on(name, (event) => {
      if (!matches(event)) return
      end()
      resolve(event)
    })
  })
}

/** Resolves as soon as the condition holds after some event of the app. */
export function untilApp(app: Holdfast, condition: () => boolean): Promise<void> {
  if (condition()) return Promise.resolve()
  return new Promise((resolve) => {
    const end = app.on('*', () => {
      if (!condition()) return
      end()
      resolve()
    })
  })
}

/** The next event of the broker that matches. */
export function nextBrokerEvent(kafka: EmbeddedKafka, matches: (event: BrokerEvent) => boolean): Promise<BrokerEvent> {
  return new Promise((resolve) => {
    const end = kafka.core.onEvent((event) => {
      if (!matches(event)) return
      end()
      resolve(event)
    })
  })
}

/** The names of the partitions that an app owns, as its events tell; call it before the start. */
export function ownedBy(app: Holdfast): ReadonlySet<string> {
  const owned = new Set<string>()
  app.on('partition.assigned', ({ at }) => void owned.add(`${at.topic}/${at.partition}`))
  app.on('partition.revoked', ({ at }) => void owned.delete(`${at.topic}/${at.partition}`))
  app.on('partition.lost', ({ at }) => void owned.delete(`${at.topic}/${at.partition}`))
  return owned
}

/** Keeps every event of an app. */
export function recordEvents(app: Holdfast): { name: HoldfastEventName; event: HoldfastEvents[HoldfastEventName] }[] {
  const events: { name: HoldfastEventName; event: HoldfastEvents[HoldfastEventName] }[] = []
  app.on('*', (event, name) => void events.push({ name, event }))
  return events
}

/** Writes records past all producers: `count` of them with their number as value, or the ones given. Returns the first offset. */
export function append(
  kafka: EmbeddedKafka,
  topic: string,
  records: number | readonly NewRecord[],
  partition = 0,
): number {
  const given =
    typeof records === 'number' ? Array.from({ length: records }, (_, index) => ({ value: String(index) })) : records
  return kafka.core.append(topic, partition, given)
}

/** What the group has committed; undefined if nothing. */
export function committedOffset(kafka: EmbeddedKafka, group: string, topic: string, partition = 0): number | undefined {
  return kafka.core.committed(group).find((each) => each.topic === topic && each.partition === partition)?.offset
}

/** Resolves when the group's committed offset is at least `offset`. */
export async function committedAt(
  kafka: EmbeddedKafka,
  group: string,
  topic: string,
  offset: number,
  partition = 0,
): Promise<void> {
  const isThere = (): boolean => (committedOffset(kafka, group, topic, partition) ?? -1) >= offset
  if (!isThere()) await nextBrokerEvent(kafka, (event) => event.type === 'commit' && isThere())
}

type OffsetCommit = {
  readonly groupId: string
  readonly generationIdOrMemberEpoch: number
  readonly topics: readonly {
    readonly name: string
    readonly partitions: readonly { readonly partitionIndex: number; readonly committedOffset: number }[]
  }[]
}

/** Every OffsetCommit of the group that reached the broker, in order, whatever was answered. */
export function commitRequests(
  kafka: EmbeddedKafka,
  group: string,
): { readonly generation: number; readonly partition: number; readonly offset: number }[] {
  return requestsOf(kafka, 'OffsetCommit').flatMap(({ request }) => {
    const { groupId, generationIdOrMemberEpoch: generation, topics } = request as OffsetCommit
    if (groupId !== group) return []
    return topics.flatMap(({ partitions }) =>
      partitions.map(({ partitionIndex: partition, committedOffset: offset }) => ({ generation, partition, offset })),
    )
  })
}

export function requestsOf(kafka: EmbeddedKafka, api: string): readonly HistoryEntry[] {
  return kafka.core.history.filter((entry) => entry.api === api)
}

/** One attempt of a handler in virtual time. */
export type Tried = {
  readonly what: string
  readonly attempt: number
  readonly atMs: number
  readonly topic: string
  readonly partition: number
  readonly offset: number
}

/** What an attempt throws; undefined is success. */
export type Fails = (tried: Tried) => Error | undefined

/** A handler that notes every attempt when it starts, by the text of its value, and throws what `fails` says. */
export function noting(kit: TestKit, diary: Diary<Tried>, fails: Fails = () => undefined): Handler<Uint8Array> {
  return ({ valueBytes, topic, partition, offset }, { attempt }) => {
    const what = valueBytes?.toString() ?? ''
    const tried = { what, attempt, atMs: kit.time.monotonicMs(), topic, partition, offset }
    diary.note(tried)
    const failure = fails(tried)
    if (failure !== undefined) throw failure
  }
}

/** Another machine in the world of a kit, for several apps and for crashes. */
export function machineOf(kit: TestKit, name: string): Machine {
  return new Machine(name, { core: kit.broker, clock: kit.time, network: kit.network, nodes: clusterNodes(1) })
}

/** Refuses whatever is produced to a topic, with a Kafka error code, until the function that it returns is called. What else
 *  was in the request is sent again by its producer. */
export function refuseProduce(kit: TestKit, topic: string, code: number): () => void {
  const notEnoughReplicas = 19
  return kit.broker.intercept('Produce', ({ topics }) => {
    if (!topics.some(({ name }) => name === topic)) return undefined
    const responses = topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ index }) => ({
        index,
        errorCode: name === topic ? code : notEnoughReplicas,
        baseOffset: -1,
        logAppendTimeMs: -1,
        logStartOffset: -1,
        recordErrors: [],
        errorMessage: null,
      })),
    }))
    return { responses, throttleTimeMs: 0 }
  })
}

/** The headers of a stored record, name by name; of several with one name the last. */
export function headersOf({ headers }: Pick<StoredRecord, 'headers'>): Record<string, string | undefined> {
  return Object.fromEntries(headers.map(({ key, value }) => [key, value?.toString()]))
}
