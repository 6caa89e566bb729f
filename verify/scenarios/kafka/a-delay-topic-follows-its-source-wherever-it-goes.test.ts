/** R22, R3, G6 on real Kafka: while members join and leave and records wait in a delay topic, whoever owns a source partition
 *  owns the partition of the same number of its delay topic, every record is tried as often as it should be, and nothing is
 *  lost or repeated. */
import { createHoldfast, type Holdfast, topic } from 'holdfast'
import { expect, test } from 'vitest'
import { describeOnKafka } from '../../real-kafka.ts'
import { protocols } from '../attempt-diary.ts'
import { Diary, testApp } from '../consumer-world.ts'
import { committedOffsets, endOffsets, makeTopic, uniqueName } from '../kafka-world.ts'

type Attempt = { readonly id: string; readonly attempt: number }
type Member = { readonly app: Holdfast; readonly owned: Set<string> }

const partitions = 6
const perWave = 120
/** One record in so many fails once. */
const failing = 5

describeOnKafka('a delay topic', (bootstrap) => {
  test.each(protocols)('%s: moves with its source when members come and go', async (protocol) => {
    const name = await makeTopic(bootstrap, { partitions })
    const group = uniqueName('group')
    const delayed = `${group}.${name}.retry.300ms`
    const attempts = new Diary<Attempt>()
    const moves = new Diary<string>()
    const memberOf = (): Member => {
      const app = createHoldfast({ ...testApp, kafka: bootstrap, group, protocol, heartbeatInterval: '100ms' })
      const owned = new Set<string>()
      app.consume(topic(name), { retry: { delays: ['300ms'] }, deadLetters: false }, ({ valueBytes }, { attempt }) => {
        const id = `${valueBytes?.toString()}`
        attempts.note({ id, attempt })
        if (Number(id) % failing === 0 && attempt === 1) throw new Error('away')
      })
      app.on('partition.assigned', ({ at }) => {
        owned.add(`${at.topic}/${at.partition}`)
        moves.note('assigned')
      })
      app.on('partition.revoked', ({ at }) => {
        owned.delete(`${at.topic}/${at.partition}`)
        moves.note('revoked')
      })
      return { app, owned }
    }
    await using sender = createHoldfast({ ...testApp, kafka: bootstrap })
    await sender.start()
    let sent = 0
    const wave = async (): Promise<void> => {
      await send(sender, name, sent)
      sent += perWave
    }
    /** Every member has its even share of the sources and, of the delay topic, the same partitions. */
    const areTogether = (members: readonly Member[]): boolean =>
      members.every(({ owned }) => {
        const [sources, delays] = [name, delayed].map((each) => numbersOf(owned, each))
        return sources?.length === partitions / members.length && sources.join() === delays?.join()
      })

    const [first, second, third] = [memberOf(), memberOf(), memberOf()]
    await first.app.start()
    await wave()
    await second.app.start()
    await moves.until(() => areTogether([first, second]))
    await wave()
    await third.app.start()
    await moves.until(() => areTogether([first, second, third]))
    await wave()
    expect(await first.app.stop()).toMatchObject({ clean: true })
    await moves.until(() => areTogether([second, third]))
    await wave()
    await attempts.until((lines) => lines.length >= sent + sent / failing)
    for (const { app } of [second, third])
      expect(await app.stop()).toEqual({ clean: true, uncommitted: 0, abandoned: 0 })

    for (const [id, ofRecord] of Map.groupBy(attempts.lines, (line) => line.id)) {
      const isFailing = Number(id) % failing === 0
      expect(
        ofRecord.map(({ attempt }) => attempt),
        id,
      ).toEqual(isFailing ? [1, 2] : [1])
    }
    expect(new Set(attempts.lines.map(({ id }) => id)).size).toBe(sent)
    for (const each of [name, delayed]) {
      expect(await committedOffsets(bootstrap, group, each)).toEqual(await endOffsets(bootstrap, each))
    }
  })
})

function numbersOf(owned: ReadonlySet<string>, name: string): number[] {
  const ofTopic = [...owned].filter((at) => at.startsWith(`${name}/`))
  return ofTopic.map((at) => Number(at.slice(name.length + 1))).toSorted((a, b) => a - b)
}

async function send(sender: Holdfast, name: string, from: number): Promise<void> {
  const messages = Array.from({ length: perWave }, (_, index) => {
    const id = from + index
    return { key: `k${id}`, value: Buffer.from(String(id)), partition: id % partitions }
  })
  await sender.sendAll(topic(name), messages)
}
