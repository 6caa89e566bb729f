/** R16, R17, R18: whatever a handler throws, rejects with or returns in place of a promise is a failed attempt that is
 *  counted, explained and logged; no record is dropped, and nothing reaches the process. */
import { EmbeddedKafka } from '@holdfast/broker'
import { createHoldfast, type Logger, topic } from 'holdfast'
import { afterEach, beforeEach, expect, type MockInstance, test, vi } from 'vitest'
import { append, committedAt, committedOffset, testApp, untilApp } from '../consumer-world.ts'

const tenMebibytes = 10 * 1_048_576

/** By name: what is thrown. */
const thrown: Readonly<Record<string, () => unknown>> = {
  undefined: () => undefined,
  null: () => null,
  text: () => 'a text',
  'an empty text': () => '',
  number: () => Number.NaN,
  bigint: () => 10n,
  symbol: () => Symbol('a symbol'),
  function: () => () => 1,
  'a frozen object': () => Object.freeze({ code: 'FROZEN' }),
  'a frozen error': () => Object.freeze(new Error('frozen')),
  'a circle': () => circle({}),
  'an error in a circle': () => circle(new Error('circular')),
  'an object without prototype': () => Object.create(null) as unknown,
  'ten mebibytes of message': () => new Error('x'.repeat(tenMebibytes)),
  'ten mebibytes of text': () => 'x'.repeat(tenMebibytes),
  'an error whose getters throw': () => hostile(new Error('hidden')),
  'an object whose toString throws': () => ({ toString: refuse, toJSON: refuse }),
  'a proxy that refuses everything': () => proxy({}),
  'a proxy of an error that refuses everything': () => proxy(new Error('hidden')),
  'a promise that fails': () => failing(),
  'control characters': () => new Error('\u001b[2J\u0007\r\nforged line'),
}

/** By name: what is returned. */
const returned: Readonly<Record<string, () => unknown>> = {
  'a thenable whose getter throws': () => thenableBy(refuse),
  // oxlint-disable-next-line unicorn/no-thenable -- it is what is tested
  'a thenable whose then throws': () => ({ then: refuse }),
  'a thenable whose getter throws the second time': () => thenableBy(onceThen(refuse)),
  'a thenable that rejects twice': () => thenable((_, reject) => [reject(1), reject(2)]),
  'a thenable that rejects, then throws': () => thenable((_, reject) => [reject(1), refuse()]),
  'a thenable that rejects with itself': () => rejectingWithItself(),
}

const ways: Readonly<Record<string, (value: () => unknown) => unknown>> = {
  thrown: (value) => {
    throw value()
  },
  'rejected with': (value) => Promise.reject(value()),
}

const failures = [
  ...Object.entries(ways).flatMap(([way, fail]) =>
    Object.entries(thrown).map(([name, value]) => ({ title: `${name}, ${way}`, fail: () => fail(value) })),
  ),
  ...Object.entries(returned).map(([name, value]) => ({ title: `${name}, returned`, fail: value })),
]

/** Where the app complains about a listener that failed: its own log must not be one. */
let complaints: MockInstance<typeof console.error>
beforeEach(() => {
  complaints = vi.spyOn(console, 'error').mockImplementation(() => undefined)
})
afterEach(() => {
  complaints.mockRestore()
})

test('the record is tried again', async () => {
  await using kafka = await EmbeddedKafka.start({ topics: { orders: failures.length } })
  await using app = createHoldfast({ ...testApp, kafka: kafka.bootstrap, log: collector([]) })
  const retry = { inPlace: ['1ms'] as const }
  const consumer = app.consume(topic('orders'), { retry }, ({ partition }, { attempt }) =>
    attempt === 1 ? failures[partition]?.fail() : undefined,
  )
  for (const partition of failures.keys()) append(kafka, 'orders', 1, partition)

  await app.start()
  await consumer.whenCaughtUp()

  const count = failures.length
  expect(consumer.status()).toMatchObject({ counts: { accepted: count, done: count }, retriedInPlace: count })
  expect(await app.stop()).toMatchObject({ clean: true })
})

test('the partition stands still when attempts are used up, says why, and the others go on', async () => {
  const partitions = failures.length + 1
  await using kafka = await EmbeddedKafka.start({ topics: { orders: partitions } })
  const lines: string[] = []
  await using app = createHoldfast({ ...testApp, kafka: kafka.bootstrap, log: collector(lines) })
  const retry = { inPlace: ['1ms'] as const }
  const consumer = app.consume(topic('orders'), { retry, deadLetters: false }, ({ partition }) =>
    failures[partition]?.fail(),
  )
  const told: unknown[] = []
  app.on('attempt.failed', ({ error }) => void told.push(error))
  for (let partition = 0; partition < partitions; partition++) append(kafka, 'orders', 1, partition)
  const blocked = new Set<number>()
  app.on('partition.blocked', ({ at }) => void blocked.add(at.partition))

  await app.start()
  await untilApp(app, () => blocked.size === failures.length)
  await committedAt(kafka, 'billing', 'orders', 1, failures.length)

  const explained = consumer.explain()
  for (const [partition, { title }] of failures.entries()) {
    const sentence = explained.find((each) => each.startsWith(`orders/${partition}: offset 0 holds the commit`))
    expect(sentence, title).toMatch(/it failed 2 times, last with \S+/)
    expect(sentence?.length, title).toBeLessThan(400)
  }
  expect(app.health()).toMatchObject({ live: false })
  expect(app.health().reasons).toHaveLength(failures.length)
  for (const error of told) expect(error instanceof Error).toBe(true)
  expect(lines.some((line) => line.startsWith('attempt failed'))).toBe(true)
  expect(complaints).not.toHaveBeenCalled()
  await app.stop()
  for (const partition of failures.keys()) expect(committedOffset(kafka, 'billing', 'orders', partition)).toBe(0)
})

function collector(lines: string[]): Logger {
  const note = (_: object, message: string): void => void lines.push(message)
  return { debug: note, info: note, warn: note, error: note }
}

function refuse(): never {
  throw new Error('refused')
}

function circle(value: object): object {
  return Object.assign(value, { cause: value, self: value })
}

function hostile(error: Error): Error {
  for (const name of ['message', 'name', 'stack', 'cause', 'code', 'toJSON', 'toString']) {
    Object.defineProperty(error, name, { get: refuse })
  }
  return error
}

function proxy(target: object): object {
  const traps = ['get', 'has', 'getPrototypeOf', 'ownKeys', 'getOwnPropertyDescriptor', 'isExtensible'] as const
  return new Proxy(target, Object.fromEntries(traps.map((trap) => [trap, refuse])))
}

/** A promise that was thrown is nobody's to await, so its own failure must not count as unhandled. */
function failing(): Promise<never> {
  const promise = Promise.reject<never>(new Error('later'))
  promise.catch(() => undefined)
  return promise
}

function onceThen(later: () => never): () => unknown {
  let reads = 0
  return () => (reads++ === 0 ? () => undefined : later())
}

type Then = (resolve: (value: unknown) => void, reject: (error: unknown) => void) => unknown

function thenable(then: Then): object {
  // oxlint-disable-next-line unicorn/no-thenable -- it is what is tested
  return { then }
}

function thenableBy(get: () => unknown): object {
  // oxlint-disable-next-line unicorn/no-thenable -- it is what is tested
  return Object.defineProperty({}, 'then', { get })
}

function rejectingWithItself(): object {
  const self: object = thenable((_, reject) => reject(self))
  return self
}
