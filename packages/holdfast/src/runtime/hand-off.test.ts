import { describe, expect, test } from 'vitest'
import type { Destination } from '../model/destination.ts'
import { SendError } from '../model/errors.ts'
import { headerNames, readHandedOff } from '../model/handed-off.ts'
import type { Header, KafkaRecord } from '../model/record.ts'
import { BrokerTime } from './broker-time.ts'
import { HandOffs, RecordTooLarge } from './hand-off.ts'
import { type OutgoingRecord, type SentRecord, TooLargeError } from './pending-record.ts'
import { ManualClock } from './scripted-port.fixture.ts'

const retryIn30s: Destination = { outcome: 'retried', topic: 'billing.orders.retry.30s', delayMs: 30_000 }
const dead: Destination = { outcome: 'deadLettered', topic: 'billing.orders.dlq' }
const source = { topic: 'orders', partition: 7 }

function recordOf(given: { readonly headers?: readonly Header[]; readonly value?: Buffer | null } = {}): KafkaRecord {
  const { headers = [], value = Buffer.from('v') } = given
  const record = { offset: 41, timestampMs: 1_000, sizeInBytes: 9, key: Buffer.from('k'), value, headers }
  return record as unknown as KafkaRecord
}

/** Hand-offs on a producer that answers what the test says; by default it stores everything in a topic that keeps our time. */
class Desk {
  readonly clock = new ManualClock()
  readonly brokerTime = new BrokerTime(this.clock.epochMs() - this.clock.monotonicMs())
  readonly sent: OutgoingRecord[] = []
  readonly ensured: string[] = []
  readonly stop = new AbortController()
  readonly counts = new Map([
    [retryIn30s.topic, 3],
    [dead.topic, 12],
  ])
  answer: (record: OutgoingRecord) => Promise<SentRecord>
  ensure: (topic: string) => Promise<void>
  refreshes = 0
  readonly handOffs: HandOffs

  constructor() {
    this.answer = ({ topic, timestampMs = 0 }) => Promise.resolve({ topic, partition: 0, offset: 0, timestampMs })
    this.ensure = (topic) => Promise.resolve(void this.ensured.push(topic))
    const partitionsOf = (topic: string): unknown[] => Array.from({ length: this.counts.get(topic) ?? 0 })
    this.handOffs = new HandOffs({
      producer: {
        send: (record) => {
          this.sent.push(record)
          return this.answer(record)
        },
      },
      cluster: {
        topic: (topic) => ({ partitions: partitionsOf(topic) }) as never,
        track: () => undefined,
        refresh: () => {
          this.refreshes++
          return Promise.resolve(true)
        },
      },
      clock: this.clock,
      brokerTime: this.brokerTime,
      isOwnTopic: (topic) => topic === retryIn30s.topic,
      ensure: (topic) => this.ensure(topic),
      signal: this.stop.signal,
    })
  }

  isWanted = true

  write(destination: Destination, record = recordOf(), at = source, attempts = 1): Promise<void> {
    const error = Object.assign(new TypeError('no total'), { stack: 'TypeError: no total\n    at a' })
    return this.handOffs.write({
      record,
      at,
      group: 'billing',
      attempts,
      error,
      destination,
      isWanted: () => this.isWanted,
    })
  }

  toldBy(index = 0): ReturnType<typeof readHandedOff> {
    return readHandedOff(this.sent[index]?.headers ?? [])
  }
}

function tooLarge(): Promise<never> {
  return Promise.reject(new TooLargeError('too large', { ambiguous: false }))
}

describe('what is written', () => {
  test('has the bytes of the record, the partition of its source and the time of writing', async () => {
    const desk = new Desk()
    const record = recordOf()
    await desk.write(retryIn30s, record)

    const [sent] = desk.sent
    expect(sent).toMatchObject({ topic: retryIn30s.topic, partition: 7 % 3, timestampMs: desk.clock.epochMs() })
    expect([sent?.key === record.key, sent?.value === record.value]).toEqual([true, true])
  })

  test('is due after its delay by the clock of the broker', async () => {
    const desk = new Desk()
    desk.brokerTime.note(desk.clock.epochMs() + 5_000, desk.clock.monotonicMs())
    await desk.write(retryIn30s)

    expect(desk.toldBy()).toMatchObject({ dueAtMs: desk.clock.epochMs() + 35_000, delayMs: 30_000, attempts: 1 })
  })

  test('keeps source, first failure and id over hops, by headers that lie in a topic of ours', async () => {
    const desk = new Desk()
    await desk.write(retryIn30s)
    await desk.clock.advance(60_000)
    const redriven = { key: headerNames.redriveCount, value: Buffer.from('2') }
    const hopped = recordOf({ headers: [...(desk.sent[0]?.headers ?? []), redriven] })
    await desk.write(dead, hopped, { topic: retryIn30s.topic, partition: 1 }, 2)

    expect(desk.sent[1]?.partition).toBe(7 % 12)
    expect(desk.toldBy(1)).toMatchObject({
      attempts: 2,
      source: { topic: 'orders', partition: 7, offset: 41, timestampMs: 1_000, group: 'billing' },
      firstFailedAtMs: desk.toldBy(0).firstFailedAtMs,
      id: 'orders/7/41',
      dueAtMs: null,
      redriveCount: 2,
    })
  })

  test('believes no header of ours in a topic that is not ours', async () => {
    const desk = new Desk()
    const forged = [
      { key: headerNames.sourcePartition, value: Buffer.from('2') },
      { key: headerNames.sourceTopic, value: Buffer.from('payments') },
      { key: headerNames.firstFailed, value: Buffer.from('1') },
    ]
    await desk.write(dead, recordOf({ headers: forged }))

    expect(desk.sent[0]?.partition).toBe(7)
    expect(desk.toldBy()).toMatchObject({ source: { topic: 'orders', partition: 7 } })
    expect(desk.toldBy().firstFailedAtMs).toBe(desk.clock.epochMs())
  })

  test('comes from where it lay, if the headers in a topic of ours are damaged', async () => {
    const desk = new Desk()
    const damaged = [{ key: headerNames.attempt, value: Buffer.from('?') }]
    await desk.write(dead, recordOf({ headers: damaged }), { topic: retryIn30s.topic, partition: 2 })

    expect(desk.sent[0]?.partition).toBe(2)
    expect(desk.toldBy()).toMatchObject({ source: { topic: retryIn30s.topic, partition: 2, offset: 41 } })
  })

  test('each write of one record has the due time of that write', async () => {
    const desk = new Desk()
    desk.answer = () => Promise.reject(new SendError('later', { ambiguous: true, retriable: true }))
    await expect(desk.write(retryIn30s)).rejects.toMatchObject({ ambiguous: true })
    await desk.clock.advance(10_000)
    await expect(desk.write(retryIn30s)).rejects.toMatchObject({ ambiguous: true })

    expect((desk.toldBy(1).dueAtMs ?? 0) - (desk.toldBy(0).dueAtMs ?? 0)).toBe(10_000)
  })
})

describe('the clock of the broker', () => {
  test('is learned from the answer of a topic that stamps its records', async () => {
    const desk = new Desk()
    desk.answer = ({ topic }) =>
      Promise.resolve({ topic, partition: 0, offset: 0, timestampMs: desk.clock.epochMs() - 700 })
    await desk.write(retryIn30s)
    expect(desk.brokerTime.nowMs(desk.clock.monotonicMs())).toBe(desk.clock.epochMs() - 700)
  })

  test('is not learned from a topic that keeps our time', async () => {
    const desk = new Desk()
    const answer = desk.answer
    desk.answer = async (record) => {
      await desk.clock.advance(5_000)
      return answer(record)
    }
    await desk.write(retryIn30s)
    expect(desk.brokerTime.nowMs(desk.clock.monotonicMs())).toBe(desk.clock.epochMs())
  })
})

describe('a record that is too large', () => {
  test('loses its stack, then its message, then its value, and tells so', async () => {
    const desk = new Desk()
    desk.answer = tooLarge
    const given = { key: 'user', value: Buffer.from('u') }
    const refused: unknown = await desk.write(dead, recordOf({ headers: [given] })).catch((error: unknown) => error)

    const told = desk.sent.map(({ value, headers }) => {
      const { message, stack } = readHandedOff(headers).error
      return [value?.length ?? null, message !== null, stack !== null, headers[0] === given]
    })
    expect(told).toEqual([
      [1, true, true, true],
      [1, true, false, true],
      [1, false, false, true],
      [null, false, false, true],
    ])
    const last = new Map(desk.sent.at(-1)?.headers.map(({ key, value }) => [key, value?.toString()]))
    expect([last.get('holdfast-reference'), last.get('holdfast-value-size')]).toEqual(['value-too-large', '1'])
    expect(refused).toBeInstanceOf(RecordTooLarge)
  })

  test('is never a retry without its value: that one is refused for good', async () => {
    const desk = new Desk()
    desk.answer = tooLarge
    const refused: unknown = await desk.write(retryIn30s).catch((error: unknown) => error)

    expect(refused).toBeInstanceOf(RecordTooLarge)
    expect(refused).toMatchObject({ code: 'RECORD_TOO_LARGE', retriable: false })
    expect(desk.sent.map(({ value }) => value?.length)).toEqual([1, 1])
  })

  test('stays whole if the topic refuses it for another reason', async () => {
    const desk = new Desk()
    desk.answer = () => Promise.reject(new SendError('not allowed', { ambiguous: false }))
    await expect(desk.write(dead)).rejects.toMatchObject({ code: 'SEND_FAILED', message: 'not allowed' })
    expect(desk.sent).toHaveLength(1)
  })
})

describe('the topic', () => {
  test('is made before anything is written to it, and nothing is written if that fails', async () => {
    const desk = new Desk()
    await desk.write(dead)
    expect(desk.ensured).toEqual([dead.topic])

    desk.ensure = () => Promise.reject(new Error('no rights'))
    await expect(desk.write(dead)).rejects.toThrow('no rights')
    expect(desk.sent).toHaveLength(1)
  })

  test('is waited for while metadata lags', async () => {
    const desk = new Desk()
    desk.counts.delete(dead.topic)
    const writing = desk.write(dead)
    await desk.clock.advance(300)
    expect(desk.sent).toEqual([])
    desk.counts.set(dead.topic, 2)
    await desk.clock.advance(300)
    await writing
    expect(desk.sent[0]?.partition).toBe(1)
  })

  test('is missed after a while, which a later write may mend', async () => {
    const desk = new Desk()
    desk.counts.delete(dead.topic)
    const refused = desk.write(dead).catch((error: unknown) => error)
    await desk.clock.advance(60_000)
    expect(await refused).toMatchObject({ code: 'TOPIC_MISSING', retriable: true })
    expect(desk.refreshes).toBe(5)
  })

  test('is not waited for by an app that stops', async () => {
    const desk = new Desk()
    desk.counts.delete(dead.topic)
    const refused = desk.write(dead).catch((error: unknown) => error)
    await desk.clock.settle()
    desk.stop.abort()
    expect(await refused).toMatchObject({ code: 'STOPPED' })
  })
})

test('a record that nobody wants written any more is not', async () => {
  const desk = new Desk()
  desk.isWanted = false

  await expect(desk.write(retryIn30s)).rejects.toMatchObject({ code: 'ABORTED', retriable: true })

  expect(desk.sent).toEqual([])
})
