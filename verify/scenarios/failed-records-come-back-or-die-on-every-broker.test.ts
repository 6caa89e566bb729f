/** R17–R21, B1, B2, B6 through sockets and in real time: what fails comes back from its delay topic as it was, what is out
 *  of attempts or cannot be decoded lies among the dead letters, all the rest goes on. On the embedded broker and on a real
 *  Kafka; how exactly times are kept is told in virtual time. */
import { EmbeddedKafka } from '@holdfast/broker'
import { createHoldfast, deadLetters, json, NonRetriableError, RetryAfterError, topic } from 'holdfast'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { describeOnKafka } from '../real-kafka.ts'
import { Diary, testApp, untilApp } from './consumer-world.ts'
import { committedOffsets, endOffsets, makeTopic, uniqueName } from './kafka-world.ts'

const Order = z.object({ id: z.string() })
type Line = { readonly id: string; readonly attempt: number; readonly place: string; readonly headers: unknown }
type Dead = {
  readonly id: string | null
  readonly attempts: number | undefined
  readonly place: string
  readonly bytes: string
}

/** By what they do. */
const ids = ['fine', 'once', 'twice', 'always', 'hopeless', 'later']
const poison = Buffer.from('{"id":')
const tag = { key: 'tag', value: Buffer.from([0xff, 0x00]) }

function fail(id: string, attempt: number): void {
  if (id === 'hopeless') throw new NonRetriableError('no attempt can help')
  if (id === 'later' && attempt === 1) throw new RetryAfterError('700ms')
  if (id === 'always' || (id === 'once' && attempt === 1) || (id === 'twice' && attempt <= 2)) throw new Error('away')
}

function tellsTheStory(bootstrap: () => string): void {
  test('each record succeeds once or dies once, after as many attempts as its policy and its handler say', async () => {
    const name = await makeTopic(bootstrap(), { partitions: 3 })
    const group = uniqueName('group')
    const orders = topic(name, { value: json(Order) })
    await using app = createHoldfast({ ...testApp, group, kafka: bootstrap() })
    const diary = new Diary<Line>()
    const dead = new Diary<Dead>()
    const retry = { inPlace: ['20ms'], delays: ['300ms'], buckets: ['1s'] }
    const consumer = app.consume(
      orders,
      { retry, deadLetters: true },
      ({ value: { id }, partition, offset, headers }, { attempt }) => {
        diary.note({ id, attempt, place: `${partition}/${offset}`, headers })
        fail(id, attempt)
      },
    )
    app.consume(deadLetters(orders), {}, ({ value: { value, attempts, source }, valueBytes }) => {
      dead.note({
        id: value?.id ?? null,
        attempts,
        place: `${source?.partition}/${source?.offset}`,
        bytes: String(valueBytes),
      })
    })
    await app.start()
    const sent = await app.sendAll(
      orders,
      ids.map((id) => ({ value: { id }, key: id, headers: [tag] })),
    )
    const poisoned = await app.send(topic(name), { value: poison, key: 'fine' })
    const placeOf = (id: string): string => `${sent[ids.indexOf(id)]?.partition}/${sent[ids.indexOf(id)]?.offset}`
    await dead.until((lines) => lines.length === 3)
    await untilApp(app, () => consumer.status()?.counts.done === 4)

    const attempts = { fine: [1], once: [1, 2], twice: [1, 2, 3], always: [1, 2, 3], hopeless: [1], later: [1, 2] }
    for (const [id, expected] of Object.entries(attempts)) {
      const lines = diary.lines.filter((line) => line.id === id)
      expect(lines).toEqual(expected.map((attempt) => ({ id, attempt, place: placeOf(id), headers: [tag] })))
    }
    expect(dead.lines).toHaveLength(3)
    expect(dead.lines).toEqual(
      expect.arrayContaining([
        { id: 'always', attempts: 3, place: placeOf('always'), bytes: '{"id":"always"}' },
        { id: 'hopeless', attempts: 1, place: placeOf('hopeless'), bytes: '{"id":"hopeless"}' },
        { id: null, attempts: 1, place: `${poisoned.partition}/${poisoned.offset}`, bytes: String(poison) },
      ]),
    )
    expect(await app.stop()).toEqual({ clean: true, uncommitted: 0, abandoned: 0 })
    for (const each of [name, `${group}.${name}.retry.300ms`, `${group}.${name}.retry.1s`]) {
      const committed = await committedOffsets(bootstrap(), group, each)
      for (const [partition, end] of await endOffsets(bootstrap(), each)) expect(committed.get(partition)).toBe(end)
    }
  })
}

describe('on the embedded broker', () => {
  let kafka: EmbeddedKafka
  beforeAll(async () => {
    kafka = await EmbeddedKafka.start()
  })
  afterAll(() => kafka.stop())

  tellsTheStory(() => kafka.bootstrap)
})

describeOnKafka('on a real Kafka', (bootstrap) => tellsTheStory(() => bootstrap))
