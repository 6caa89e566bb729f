import { describe, expect, expectTypeOf, test } from 'vitest'
import { NonRetriableError, SettingsError } from '../model/errors.ts'
import { Message } from '../model/message.ts'
import { recordOf } from '../model/record.fixture.ts'
import { createHoldfast } from './app.ts'
import { byType } from './by-type.ts'
import { json } from './codec.ts'
import type { Handler, HandlerContext } from './record-handler.ts'
import { topic } from './topic.ts'

type Created = { readonly type: 'created'; readonly id: string }
type Paid = { readonly type: 'paid'; readonly id: string; readonly cents: number }
type Event = Created | Paid

const events = topic('events', { value: json<Event>() })
const context = {} as HandlerContext

function messageOf<T>(value: unknown): Message<T> {
  return new Message('events', 0, recordOf({ value: JSON.stringify(value) }), json<T>())
}

const none = async (): Promise<void> => undefined

describe('each message goes to the handler of its type', () => {
  const seen: string[] = []
  const handler: Handler<Event> = byType({
    created: ({ value }) => seen.push(`created ${value.id}`),
    paid: async ({ value }) => `paid ${value.cents}`,
  })

  test('and what that returns is what counts', async () => {
    expect(handler(messageOf({ type: 'created', id: 'a' }), context)).toBe(1)
    expect(await handler(messageOf({ type: 'paid', id: 'a', cents: 7 }), context)).toBe('paid 7')
    expect(seen).toEqual(['created a'])
  })

  test('the field may have another name', () => {
    const shapes: Handler<{ readonly kind: 'dot' } | { readonly kind: 'line' }> = byType(
      { dot: () => 'a dot', line: () => 'a line' },
      { by: 'kind' },
    )

    expect(shapes(messageOf({ kind: 'line' }), context)).toBe('a line')
  })

  test('types may be numbers', () => {
    const versions: Handler<{ readonly type: 1 } | { readonly type: 2 }> = byType({ 1: () => 'one', 2: () => 'two' })

    expect(versions(messageOf({ type: 2 }), context)).toBe('two')
  })

  test.each([
    ['an unknown type', { type: 'refunded' }, `expected type to be one of created, paid, got 'refunded'`],
    ['what every object has', { type: 'constructor' }, `got 'constructor'`],
    ['what every object is made of', { type: '__proto__' }, `got '__proto__'`],
    ['no type', { id: 'a' }, 'got undefined'],
    ['a type that is none', { type: ['paid'] }, 'got an array of 1'],
    ['a value that is no object', 'paid', 'got undefined'],
    ['a tombstone', null, 'got undefined'],
  ])('%s cannot be handled, and no attempt can help', (_name, value, words) => {
    const attempt = (): unknown => handler(messageOf(value), context)

    expect(attempt).toThrow(NonRetriableError)
    expect(attempt).toThrow(words)
  })

  test('otherwise is for all others', () => {
    const rest: Handler<Event> = byType({ paid: () => 'paid' }, { otherwise: ({ value }) => `other ${value.type}` })

    expect(rest(messageOf({ type: 'paid' }), context)).toBe('paid')
    expect(rest(messageOf({ type: 'constructor' }), context)).toBe('other constructor')
  })
})

test('the compiler gives each handler its own member of the union, from the topic alone', () => {
  const app = createHoldfast({ group: 'billing' })
  app.consume(
    events,
    {},
    byType({
      created: ({ value }) => expectTypeOf(value).toEqualTypeOf<Created>(),
      paid: async ({ value }, { attempt }) => {
        expectTypeOf(value).toEqualTypeOf<Paid>()
        expectTypeOf(attempt).toEqualTypeOf<number>()
      },
    }),
  )
  app.consume(
    events,
    {},
    byType({ paid: none }, { otherwise: ({ value }) => expectTypeOf(value).toEqualTypeOf<Event>() }),
  )
})

test('the compiler misses a handler, finds one too many, and knows the field', () => {
  const app = createHoldfast({ group: 'billing' })
  const handlers = [
    // @ts-expect-error nothing is called `refunded`
    byType<Event>({ paid: none, created: none, refunded: none }),
    // @ts-expect-error nothing is called `refunded`, otherwise or not
    byType<Event>({ refunded: none }, { otherwise: none }),
    // @ts-expect-error nothing has a field `kind`
    byType<Event, 'kind'>({ paid: none, created: none }, { by: 'kind' }),
  ]
  // @ts-expect-error there is no handler for `created`
  app.consume(events, {}, byType({ paid: none }))
  // @ts-expect-error nothing has a field `kind`
  app.consume(events, {}, byType({ paid: none, created: none }, { by: 'kind' }))

  expect(handlers).toHaveLength(3)
})

test('one member may have several types', () => {
  type Moved = { readonly type: 'sent' | 'returned'; readonly to: string }
  const handler: Handler<Paid | Moved> = byType({
    paid: none,
    sent: ({ value }) => expectTypeOf(value).toEqualTypeOf<Moved>(),
    returned: ({ value }) => value.to,
  })

  expect(handler(messageOf({ type: 'returned', to: 'us' }), context)).toBe('us')
})

describe('handlers that make no sense are issues of the start', () => {
  test.each<[handlers: unknown, options: unknown, option: string, problem: string]>([
    ['paid', {}, 'byType(handlers)', `expected an object with handlers, got 'paid'`],
    [{}, {}, 'byType(handlers)', 'expected at least one handler, got none'],
    [{ paid: 1 }, {}, 'byType(handlers).paid', 'expected a function, got 1'],
    [{ paid: none }, 'kind', 'byType(…, options)', `expected an object, got 'kind'`],
    [{ paid: none }, { by: 1 }, 'byType(…).by', 'expected a name, got 1'],
    [{ paid: none }, { otherwise: 1 }, 'byType(…).otherwise', 'expected a function, got 1'],
    [{ paid: none }, { othrewise: none }, 'byType(…).othrewise', 'there is no such option'],
  ])('%j, %j', async (handlers, options, option, problem) => {
    const app = createHoldfast({ kafka: 'localhost:1', group: 'billing', log: false, startTimeout: '100ms' })
    app.consume(events, {}, byType(handlers as never, options as never))

    const failure: unknown = await app.start().catch((error: unknown) => error)

    expect(failure).toBeInstanceOf(SettingsError)
    expect(failure).toMatchObject({ issues: [{ option: expect.stringContaining(option), problem }] })
  })
})
