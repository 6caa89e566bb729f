import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BrokerTime, runAtMs } from './broker-time.ts'

describe("the broker's time", () => {
  test('is ours before the first append', () => {
    expect(new BrokerTime().nowMs(1_000)).toBe(1_000)
  })

  test('is known as well as the quickest append showed it', () => {
    const time = new BrokerTime()
    time.note(5_000, 1_100)
    time.note(5_200, 1_201)
    time.note(5_300, 1_700)
    expect(time.offsetMs).toBe(3_999)
    expect(time.nowMs(2_000)).toBe(5_999)
  })

  test('follows a broker that is behind', () => {
    const time = new BrokerTime()
    time.note(1_000, 3_000)
    expect(time.nowMs(4_000)).toBe(2_000)
  })

  test('forgets what its clock said before it was set', () => {
    const time = new BrokerTime()
    time.note(100_000, 100_000)
    time.note(800_000, 4_000_000)
    expect(time.offsetMs).toBe(-3_200_000)

    for (let append = 0; append < 64; append++) time.note(900_000 + append, 4_200_000 + append)
    expect(time.offsetMs).toBe(-3_300_000)
  })

  test('is not moved by nonsense', () => {
    const time = new BrokerTime()
    time.note(-1, 5)
    time.note(Number.NaN, 5)
    expect(time.offsetMs).toBe(0)
  })
})

test('a retry that starts by the broker time of any process is never early, whatever the clocks and delays', () => {
  const ms = (max: number): fc.Arbitrary<number> => fc.nat({ max })
  const skew = fc.integer({ min: -7_200_000, max: 7_200_000 })
  const exchange = fc.record({ gapMs: ms(5_000), wayMs: ms(2_000), backMs: ms(2_000) })
  const exchanges = fc.array(exchange, { minLength: 1, maxLength: 80 })
  const world = fc.record({ writer: skew, reader: skew, delayMs: ms(3_600_000), own: exchanges, others: exchanges })

  fc.assert(
    fc.property(world, ({ writer, reader, delayMs, own, others }) => {
      // Brokers count from 0 on their own clock; a process adds its skew.
      const start = 1_700_000_000_000
      const run = (skewMs: number, appends: typeof own): { time: BrokerTime; brokerMs: number } => {
        const time = new BrokerTime()
        let brokerMs = start
        for (const { gapMs, wayMs, backMs } of appends) {
          brokerMs += gapMs + wayMs
          time.note(brokerMs, brokerMs + backMs + skewMs)
          brokerMs += backMs
        }
        return { time, brokerMs }
      }
      const wrote = run(writer, own)
      const dueAtMs = wrote.time.nowMs(wrote.brokerMs + writer) + delayMs
      const appendedAtMs = wrote.brokerMs
      const read = run(reader, others)
      const runMs = runAtMs({ dueAtMs, delayMs }, appendedAtMs)
      // The first moment, in true broker time, at which the reader believes that it may run.
      const startsAtMs = runMs - read.time.offsetMs - reader
      expect(startsAtMs).toBeGreaterThanOrEqual(appendedAtMs + delayMs)
      expect(startsAtMs).toBeGreaterThanOrEqual(dueAtMs)
      // Nor later than the slowest way of its best append.
      const slackMs = Math.min(...others.map(({ backMs }) => backMs).slice(-64))
      expect(startsAtMs).toBeLessThanOrEqual(runMs + slackMs)
    }),
    { numRuns: 200 },
  )
})

describe('a retry runs', () => {
  test('when it is due and its whole delay has passed since the append', () => {
    expect(runAtMs({ dueAtMs: 5_000, delayMs: 1_000 }, 4_500)).toBe(5_500)
    expect(runAtMs({ dueAtMs: 5_000, delayMs: 1_000 }, 3_000)).toBe(5_000)
  })

  test('when it is due, if it tells no delay, and at once if it tells nothing', () => {
    expect(runAtMs({ dueAtMs: 5_000, delayMs: null }, 9_000)).toBe(5_000)
    expect(runAtMs({ dueAtMs: null, delayMs: null }, 9_000)).toBe(0)
  })
})
