/** The slowness of a real cluster, and chaos that repeats. */

import { afterEach, describe, expect, test } from 'vitest'

import { type Chaos, type ChaosOptions, ConnectionClosed, EmbeddedKafka } from '../../packages/broker/src/index.ts'
import { Member } from './member.ts'

let kafka: EmbeddedKafka

afterEach(() => kafka.stop())

/** Lets `ms` pass until the answer is there; the answers of a realistic broker take a moment each. */
async function answered<T>(answer: Promise<T>): Promise<T> {
  await kafka.clock.advance(10)
  return answer
}

describe('a realistic broker', () => {
  const start = async (): Promise<Member> => {
    kafka = await EmbeddedKafka.start({ profile: 'realistic', clock: 'manual', topics: { orders: 1 } })
    return new Member(kafka)
  }

  test('does not know a topic at once that was just created, and then not its leaders', async () => {
    const member = await start()
    const topics = [{ name: 'fresh', numPartitions: 1, replicationFactor: 1 }]
    await answered(member.ask('CreateTopics', { topics, timeoutMs: 1_000 }))
    const seen: [number, number][] = []
    for (let looks = 0; looks < 12; looks++) {
      const { topics: found } = await answered(member.ask('Metadata', { topics: [{ name: 'fresh' }] }))
      seen.push([found[0]?.errorCode ?? -1, found[0]?.partitions[0]?.errorCode ?? -1])
    }
    const distinct = seen.filter((each, index) => String(each) !== String(seen[index - 1]))
    expect(distinct).toEqual([
      [3, -1],
      [0, 5],
      [0, 0],
    ])
  })

  test('knows the topics that it was started with', async () => {
    const member = await start()
    const { topics } = await answered(member.ask('Metadata', { topics: [{ name: 'orders' }] }))
    expect(topics[0]).toMatchObject({ errorCode: 0, partitions: [{ errorCode: 0, leaderId: 1 }] })
  })

  test('has no coordinator when the first client asks for one, and a little later it has', async () => {
    const member = await start()
    const find = async (): Promise<number> =>
      (await answered(member.ask('FindCoordinator', { key: 'g', keyType: 0 }))).errorCode
    expect(await find()).toBe(15)
    await kafka.clock.advance(300)
    expect(await find()).toBe(0)
  })

  test('lets the first members of a group wait three seconds for others', async () => {
    const member = await start()
    const joining = member.join('g')
    await kafka.clock.advance(2_990)
    expect(kafka.group('g')?.state).toBe('preparing')
    await kafka.clock.advance(100)
    await joining
    expect(kafka.group('g')?.state).toBe('stable')
  })

  test('takes its time for every answer, and stops without complaint', async () => {
    const member = await start()
    let isThere = false
    const asked = member.ask('Metadata', { topics: [] }).then(() => (isThere = true))
    await kafka.clock.advance(0)
    expect(isThere).toBe(false)
    await answered(asked)
  })
})

describe('chaos', () => {
  const run = async (options: ChaosOptions, requests = 200): Promise<Chaos> => {
    kafka = await EmbeddedKafka.start({ topics: { orders: 1 } })
    const chaos = kafka.chaos({ delayMsMax: 0, ...options })
    for (let sent = 0; sent < requests; sent++) {
      await new Member(kafka).produce('a').catch((error: unknown) => expect(error).toBeInstanceOf(ConnectionClosed))
    }
    return chaos
  }

  test('with the same seed decides the same, with another something else', async () => {
    const first = await run({ seed: 7, rate: 0.3 })
    await kafka.stop()
    const again = await run({ seed: 7, rate: 0.3 })
    await kafka.stop()
    const other = await run({ seed: 8, rate: 0.3 })
    expect(again.hits).toEqual(first.hits)
    expect(other.hits).not.toEqual(first.hits)
  })

  test('hits as many requests as it should, in every way', async () => {
    const { hits } = await run({ seed: 1, rate: 0.5 }, 400)
    expect(hits.length).toBeGreaterThan(150)
    expect(hits.length).toBeLessThan(250)
    expect(new Set(hits.map(({ kind }) => kind))).toEqual(
      new Set(['error', 'delay', 'dropBeforeApply', 'dropAfterApply']),
    )
    expect(kafka.records('orders').length).toBeLessThan(400)
  })

  test('ends after so many hits, and when it is removed', async () => {
    expect((await run({ seed: 1, rate: 1, hitsMax: 3 }, 10)).hits).toHaveLength(3)
    await kafka.stop()
    kafka = await EmbeddedKafka.start({ topics: { orders: 1 } })
    kafka.chaos({ rate: 1 }).remove()
    await new Member(kafka).produce('a')
    expect(kafka.records('orders')).toHaveLength(1)
  })

  test('leaves requests alone whose API it was not given', async () => {
    expect((await run({ seed: 1, rate: 1, apis: ['Fetch'] }, 10)).hits).toEqual([])
  })

  test('shows the seed that it drew in what a failure shows', async () => {
    const { seed } = await run({}, 0)
    expect(kafka.dump()).toContain(`seed: ${seed}`)
  })
})
