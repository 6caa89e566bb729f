import { describe, expect, test } from 'vitest'
import { readHandedOff } from './handed-off.ts'
import type { Header } from './record.ts'

function headers(values: Readonly<Record<string, string | Buffer>>): Header[] {
  return Object.entries(values).map(([key, value]) => ({ key, value: Buffer.from(value as string) }))
}

function int(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

function long(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64BE(BigInt(value))
  return bytes
}

/** As Java's `BigInteger.toByteArray` does: as few bytes as hold the number and its sign. */
function bigInteger(value: number): Buffer {
  const bytes = long(value)
  const first = bytes.findIndex((byte) => byte !== 0)
  return bytes.subarray((bytes[first] as number) >= 0x80 ? first - 1 : first)
}

const dueAtMs = 1_790_000_000_123

describe('records in flight of other systems are understood', () => {
  test('Spring: binary numbers, and the delivery to come is not one that was made', () => {
    const given = {
      'retry_topic-original-timestamp': bigInteger(1_780_000_000_000),
      'retry_topic-attempts': int(3),
      'retry_topic-backoff-timestamp': bigInteger(dueAtMs),
      'kafka_original-topic': 'orders',
      'kafka_original-partition': int(7),
      'kafka_original-offset': long(2 ** 40),
      'kafka_original-timestamp': long(1_780_000_000_000),
      'kafka_original-consumer-group': 'billing',
      'kafka_exception-fqcn': 'java.lang.IllegalStateException',
      'kafka_exception-message': 'no',
      'kafka_exception-stacktrace': 'at …',
    }
    expect(readHandedOff(headers(given))).toEqual({
      attempts: 2,
      dueAtMs,
      delayMs: null,
      firstFailedAtMs: null,
      source: { topic: 'orders', partition: 7, offset: 2 ** 40, timestampMs: 1_780_000_000_000, group: 'billing' },
      error: { class: 'java.lang.IllegalStateException', code: null, message: 'no', stack: 'at …' },
      id: null,
      redriveCount: 0,
      isForeign: true,
    })
  })

  test('Spring: a dead letter has the same under other names, and of several hops the first source counts', () => {
    const twice = [
      ...headers({ 'kafka_dlt-original-topic': 'orders', 'kafka_dlt-exception-message': 'first' }),
      ...headers({ 'kafka_dlt-original-topic': 'orders-retry-0', 'kafka_dlt-exception-message': 'last' }),
    ]
    expect(readHandedOff(twice)).toMatchObject({ source: { topic: 'orders' }, error: { message: 'last' } })
  })

  test.each([
    ['Kafka Connect', '__connect.errors.', 'exception.class.name', 'exception.message', 'exception.stacktrace'],
    ['Kafka Streams', '__streams.errors.', 'exception', 'message', 'stacktrace'],
  ])('%s', (_, prefix, kind, message, stack) => {
    const given = {
      [`${prefix}topic`]: 'orders',
      [`${prefix}partition`]: '7',
      [`${prefix}offset`]: '12345678901',
      [`${prefix}${kind}`]: 'java.lang.Error',
      [`${prefix}${message}`]: 'no',
      [`${prefix}${stack}`]: 'at …',
    }
    expect(readHandedOff(headers(given))).toMatchObject({
      source: { topic: 'orders', partition: 7, offset: 12_345_678_901, timestampMs: null, group: null },
      error: { class: 'java.lang.Error', message: 'no', stack: 'at …' },
      isForeign: true,
    })
  })

  test("Kafka's share groups", () => {
    const given = {
      '__dlq.errors.topic': 'orders',
      '__dlq.errors.partition': '2',
      '__dlq.errors.offset': '41',
      '__dlq.errors.group': 'billing',
      '__dlq.errors.delivery.count': '3',
      '__dlq.errors.message': 'Offset rejected by client.',
    }
    expect(readHandedOff(headers(given))).toMatchObject({
      attempts: 3,
      source: { topic: 'orders', partition: 2, offset: 41, group: 'billing' },
      error: { message: 'Offset rejected by client.' },
    })
  })

  test.each(['source_', 'original_'])('Karafka, %s', (prefix) => {
    const given = {
      [`${prefix}topic`]: 'orders',
      [`${prefix}partition`]: '2',
      [`${prefix}offset`]: '41',
      [`${prefix}consumer_group`]: 'billing',
      [`${prefix}attempts`]: '6',
    }
    expect(readHandedOff(headers(given))).toMatchObject({
      attempts: 6,
      source: { topic: 'orders', partition: 2, offset: 41, group: 'billing' },
    })
  })

  test('Retriable-Kafka-Client: eight bytes, and a due time cut to seconds is never taken too early', () => {
    const given = { retriable_kafka_attempt: long(2), retriable_kafka_timestamp: long(Math.floor(dueAtMs / 1_000)) }
    const told = readHandedOff(headers(given))
    expect(told).toMatchObject({ attempts: 2, source: null, isForeign: true })
    expect((told.dueAtMs ?? 0) - dueAtMs).toBeGreaterThanOrEqual(0)
    expect((told.dueAtMs ?? 0) - dueAtMs).toBeLessThanOrEqual(1_000)
  })

  test('Jitsu: text, and retries are one less than attempts', () => {
    const given = {
      retries: '2',
      retry_time: new Date(dueAtMs).toISOString(),
      original_topic: 'in.id.x',
      error: 'timeout',
    }
    expect(readHandedOff(headers(given))).toMatchObject({
      attempts: 3,
      dueAtMs,
      source: { topic: 'in.id.x', partition: null, offset: null, group: null },
      error: { message: 'timeout' },
    })
  })

  test.each([
    ['2026-01-02T03:04:05.000001Z', Date.UTC(2026, 0, 2, 3, 4, 5, 1)],
    ['2026-01-02T03:04:05+01:00', Date.UTC(2026, 0, 2, 2, 4, 5)],
    ['tomorrow', null],
    ['2026-13-40T00:00:00Z', null],
    ['2026-01-02', null],
  ])('the time %s', (text, expected) => {
    expect(readHandedOff(headers({ retry_time: text })).dueAtMs).toBe(expected)
  })
})

test('damaged headers of others count as not told', () => {
  const given = {
    'retry_topic-attempts': Buffer.alloc(9, 1),
    'retry_topic-backoff-timestamp': Buffer.from([0xff]),
    retriable_kafka_attempt: int(1),
    retries: '-1',
    retry_time: '',
    source_partition: 'seven',
  }
  expect(readHandedOff(headers(given))).toMatchObject({ attempts: 0, dueAtMs: null, source: null, isForeign: false })
})

test('one header of ours, and no other system is believed', () => {
  const given = { 'holdfast-attempt': '5', retries: '9', original_topic: 'forged', retry_time: '2099-01-01T00:00:00Z' }
  expect(readHandedOff(headers(given))).toMatchObject({ attempts: 5, dueAtMs: null, source: null, isForeign: false })
})
