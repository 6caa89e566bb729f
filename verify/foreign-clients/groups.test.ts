/** What clients of other languages must find: records, a group that shares its partitions, commits, and a rebalance when a
 *  member leaves. The same laws for each of them. */

import { afterEach, beforeEach, expect, test } from 'vitest'
import { EmbeddedKafka } from '../../packages/broker/src/index.ts'
import { type ForeignClient, foreignClients } from './clients.ts'
import { type ForeignMember, runClient, startMember } from './member.ts'

const topic = 'orders'
const group = 'readers'
const partitions = [0, 1, 2, 3, 4, 5]
/** Java starts slowly where others work too. */
const withinMs = 180_000

let kafka: EmbeddedKafka
let members: ForeignMember[]
const listeners = new Set<() => void>()
const onChange = (): void => {
  for (const listener of [...listeners]) listener()
}

beforeEach(async () => {
  kafka = await EmbeddedKafka.start({ brokers: 3, topics: { [topic]: partitions.length } })
  kafka.core.onEvent(onChange)
  members = []
})

afterEach(async () => {
  await Promise.all(members.map((member) => member.kill()))
  await kafka.stop()
})

/** Resolves at the first event of the broker, or line of a member, after which `isTrue` holds. */
function until(isTrue: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (!isTrue()) return
      listeners.delete(look)
      resolve()
    }
    listeners.add(look)
    look()
  })
}

async function join(client: ForeignClient): Promise<ForeignMember> {
  const member = await startMember(client.consume(kafka.bootstrap, topic, group), client.name, onChange)
  members.push(member)
  return member
}

const stored = (): number =>
  partitions.map((partition) => kafka.core.endOffset(topic, partition)).reduce((sum, end) => sum + end)
const committed = (): number => kafka.core.committed(group).reduce((sum, { offset }) => sum + offset, 0)
const seenByAll = (): Set<string> => new Set(members.flatMap((member) => [...member.seen]))

// The reason stands in the title of what is skipped.
const why = ({ missing }: ForeignClient): string => (missing === undefined ? '' : ` (${missing})`)

for (const client of foreignClients) {
  test.skipIf(client.missing !== undefined)(
    `${client.name}: two members share, one takes over${why(client)}`,
    { timeout: withinMs },
    async () => {
      await runClient(client.produce(kafka.bootstrap, topic, 60), client.name)
      expect(stored()).toBe(60)

      const [first, second] = await Promise.all([join(client), join(client)])
      await until(() => first.owned().length === 3 && second.owned().length === 3)
      expect([...first.owned(), ...second.owned()].toSorted((left, right) => left - right)).toEqual(partitions)
      await until(() => committed() === 60 && seenByAll().size === 60)

      await second.leave()
      await until(() => first.owned().length === partitions.length)
      await runClient(client.produce(kafka.bootstrap, topic, 30), client.name)
      await until(() => committed() === 90 && seenByAll().size === 90)
    },
  )
}

// Java starts slowly and has shown above that it takes over where the other one committed.
for (const client of foreignClients.filter(({ name }) => !name.startsWith('Java'))) {
  test.skipIf(client.missing !== undefined)(
    `${client.name}: a group goes on where it committed${why(client)}`,
    async () => {
      await runClient(client.produce(kafka.bootstrap, topic, 20), client.name)
      const first = await join(client)
      await until(() => committed() === 20 && first.seen.size === 20)
      await first.leave()

      await runClient(client.produce(kafka.bootstrap, topic, 20), client.name)
      const second = await join(client)
      await until(() => committed() === 40 && second.seen.size >= 20)
      expect([...second.seen].filter((record) => first.seen.has(record))).toEqual([])
    },
  )
}
