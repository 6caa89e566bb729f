/** G6, R3, R17, R32, C2: an app that stops in the middle of its work hands over what it has finished and what failed so
 *  far. Whoever comes next finishes the rest: every record succeeds once, and a start after that repeats nothing. */
import { createHoldfast, type AppOptions, type Holdfast, topic } from 'holdfast'
import { testKit, type TestKit } from 'holdfast/testing'
import { expect, test } from 'vitest'
import { Diary, type Fails, machineOf, noting, patientApp, type Tried } from './consumer-world.ts'

const orders = topic('orders')
const partitions = 4
const count = 60
const stopsAfter = 20
const clean = { clean: true, uncommitted: 0, abandoned: 0 }
/** A third of them, half of those twice; what comes second waits in a delay topic. */
const fails: Fails = ({ what, attempt }) =>
  Number(what) % 3 === 0 && attempt <= 1 + (Number(what) % 2) ? new Error('away') : undefined

type Options = Pick<AppOptions, 'protocol'>

function open(kit: TestKit, name: string, diary: Diary<Tried>, options: Options): Holdfast {
  const app = createHoldfast({ ...patientApp, ...options, kafka: { environment: machineOf(kit, name) } })
  const attempt = noting(kit, diary, fails)
  app.consume(orders, { concurrency: 8, retry: { inPlace: ['1s'], delays: ['10s'] } }, async (message, context) => {
    await kit.time.pass(`${20 + (message.offset % 7) * 30}ms`)
    return attempt(message, context)
  })
  return app
}

function appendAll(kit: TestKit): void {
  for (let number = 0; number < count; number++) {
    kit.broker.append('orders', number % partitions, [{ key: `key ${number % 9}`, value: String(number) }])
  }
}

const successes = ({ lines }: Diary<Tried>): string[] =>
  lines.filter((tried) => fails(tried) === undefined).map(({ what }) => what)
const byNumber = (a: string, b: string): number => Number(a) - Number(b)
const all = Array.from({ length: count }, (_, number) => String(number))

test.each(['eager', 'cooperative'] as const)(
  'an %s app that is stopped in the middle leaves the rest to the next one',
  async (protocol) => {
    await using kit = await testKit({ topics: { orders: partitions } })
    const diary = new Diary<Tried>()
    appendAll(kit)
    const first = open(kit, 'first', diary, { protocol })
    await first.start()
    await kit.waitFor(() => successes(diary).length >= stopsAfter, 'the middle')
    expect(await first.stop()).toEqual(clean)
    expect(successes(diary).length).toBeLessThan(count)

    const second = open(kit, 'second', diary, { protocol })
    await second.start()
    await kit.waitFor(() => successes(diary).length >= count, 'the rest')
    expect(await second.stop()).toEqual(clean)

    const tried = diary.lines.length
    const third = open(kit, 'third', diary, { protocol })
    await third.start()
    await kit.time.advance('5m')
    expect(await third.stop()).toEqual(clean)
    expect(diary.lines.length).toBe(tried)
    expect(successes(diary).toSorted(byNumber)).toEqual(all)
  },
)

test.each(['eager', 'cooperative'] as const)(
  'one of two %s apps stops in the middle and the other finishes',
  async (protocol) => {
    await using kit = await testKit({ topics: { orders: partitions } })
    const diary = new Diary<Tried>()
    const [first, second] = [open(kit, 'first', diary, { protocol }), open(kit, 'second', diary, { protocol })]
    await Promise.all([first.start(), second.start()])
    await kit.time.advance('1m')
    appendAll(kit)
    await kit.waitFor(() => successes(diary).length >= stopsAfter, 'the middle')
    expect(await first.stop()).toEqual(clean)

    await kit.waitFor(() => successes(diary).length >= count, 'the rest')
    await kit.time.advance('5m')
    expect(await second.stop()).toEqual(clean)
    expect(successes(diary).toSorted(byNumber)).toEqual(all)
  },
)
