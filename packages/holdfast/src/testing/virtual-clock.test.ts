import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { VirtualClock } from './virtual-clock.ts'

/** A promise chain longer than any `await` in real code. */
async function manyTurns(turns: number): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await Promise.resolve()
}

describe('advancing', () => {
  test('a timer fires at its time and not a moment earlier', async () => {
    const clock = new VirtualClock()
    const firedAtMs: number[] = []
    clock.setTimer(30_000, () => firedAtMs.push(clock.monotonicMs()))

    await clock.advance(29_999)
    expect(firedAtMs).toEqual([])
    await clock.advance(1)
    expect(firedAtMs).toEqual([30_000])
  })

  test('everything that follows from a timer happens before the next one fires', async () => {
    const clock = new VirtualClock()
    const story: string[] = []
    clock.setTimer(1, () => void manyTurns(500).then(() => story.push('what followed')))
    clock.setTimer(1, () => story.push('next'))

    await clock.advance(1)

    expect(story).toEqual(['what followed', 'next'])
  })

  test('ticks of the process count as what follows', async () => {
    const clock = new VirtualClock()
    const story: string[] = []
    clock.setTimer(1, () => process.nextTick(() => void manyTurns(3).then(() => story.push('what followed'))))
    clock.setTimer(2, () => story.push('next'))

    await clock.advance(2)

    expect(story).toEqual(['what followed', 'next'])
  })

  test('a timer that is set on the way fires on the way if it is due', async () => {
    const clock = new VirtualClock()
    const beatsAtMs: number[] = []
    const beat = (): void => {
      beatsAtMs.push(clock.monotonicMs())
      void Promise.resolve().then(() => clock.setTimer(3_000, beat))
    }
    clock.setTimer(3_000, beat)

    await clock.advance('10s')

    expect(beatsAtMs).toEqual([3_000, 6_000, 9_000])
    expect(clock.monotonicMs()).toBe(10_000)
  })

  test('timers fire by due time, those of one moment in the order in which they were set, cancelled ones never', async () => {
    const script = fc.array(fc.record({ delayMs: fc.integer({ min: 0, max: 20 }), isCancelled: fc.boolean() }))
    await fc.assert(
      fc.asyncProperty(script, async (timers) => {
        const clock = new VirtualClock()
        const fired: number[] = []
        const set = timers.map(({ delayMs }, index) => clock.setTimer(delayMs, () => fired.push(index)))
        for (const [index, { isCancelled }] of timers.entries()) if (isCancelled) set[index]?.cancel()

        await clock.advance(20)

        const expected = [...timers.entries()]
          .filter(([, { isCancelled }]) => !isCancelled)
          .toSorted(([, one], [, other]) => one.delayMs - other.delayMs)
          .map(([index]) => index)
        expect(fired).toEqual(expected)
        expect(clock.timersPending).toBe(0)
      }),
      { numRuns: 300 },
    )
  })

  test('an error thrown in a timer rejects the advance, and time can go on', async () => {
    const clock = new VirtualClock()
    clock.setTimer(1, () => {
      throw new RangeError('a bug')
    })

    await expect(clock.advance(5)).rejects.toThrow('a bug')
    await clock.advance(5)

    expect(clock.monotonicMs()).toBe(6)
  })

  test('two that advance at once both arrive, the nearer one first', async () => {
    const clock = new VirtualClock()
    const arrivals: string[] = []

    await Promise.all([
      clock.advance(100).then(() => arrivals.push(`far at ${clock.monotonicMs()}`)),
      clock.advance(10).then(() => arrivals.push(`near at ${clock.monotonicMs()}`)),
    ])

    expect(arrivals).toEqual(['near at 10', 'far at 100'])
  })

  test('time cannot go back, and a delay must be a number', async () => {
    const clock = new VirtualClock()
    await expect(clock.advanceTo(-1)).rejects.toThrow(RangeError)
    expect(() => clock.setTimer(Number.NaN, () => undefined)).toThrow(RangeError)
  })
})

describe('running until', () => {
  test('it stops at the moment at which the condition became true', async () => {
    const clock = new VirtualClock()
    let isReady = false
    clock.setTimer(250, () => void manyTurns(10).then(() => (isReady = true)))
    clock.setTimer(251, () => expect.unreachable('this comes later'))

    await clock.runUntil(() => isReady)

    expect(clock.monotonicMs()).toBe(250)
  })

  test('a promise gives its value or its error', async () => {
    const clock = new VirtualClock()
    const after = (ms: number): Promise<number> => new Promise((resolve) => clock.setTimer(ms, () => resolve(ms)))
    const failing = after(5).then(() => Promise.reject(new Error('no')))

    expect(await clock.runUntil(after(3))).toBe(3)
    await expect(clock.runUntil(failing)).rejects.toThrow('no')
    expect(clock.monotonicMs()).toBe(5)
  })

  test('a wait that nothing can end is refused at once', async () => {
    const clock = new VirtualClock()
    clock.setTimer(10, () => undefined)

    await expect(clock.runUntil(() => false, { what: 'the assignment' })).rejects.toThrow(
      'the assignment can never come true: after 10ms of virtual time no timer is left',
    )
  })

  test('a wait ends at its limit although timers go on for ever', async () => {
    const clock = new VirtualClock()
    const tick = (): void => void clock.setTimer(100, tick)
    tick()

    await expect(clock.runUntil(() => false, { limit: '1s' })).rejects.toThrow('given up after 1s')
    expect(clock.monotonicMs()).toBe(1_000)
  })
})

describe('flowing', () => {
  test('while it flows, an awaited timer comes by itself', async () => {
    const clock = new VirtualClock()
    const stop = clock.flow()

    await new Promise<void>((resolve) => clock.setTimer(60_000, resolve))

    expect(clock.monotonicMs()).toBe(60_000)
    stop()
    clock.setTimer(1, () => expect.unreachable('time stands still again'))
    await clock.settle()
  })

  test('it goes on after it had run dry', async () => {
    const clock = new VirtualClock()
    const stop = clock.flow()
    const after = (ms: number): Promise<void> => new Promise((resolve) => clock.setTimer(ms, resolve))

    await after(5)
    await new Promise((resolve) => setImmediate(resolve))
    await after(5)

    expect(clock.monotonicMs()).toBe(10)
    stop()
  })
})

describe('calendar and chance', () => {
  test('a jump of the calendar moves no timer', async () => {
    const clock = new VirtualClock({ epochMs: 1_000 })
    const fired: number[] = []
    clock.setTimer(100, () => fired.push(clock.epochMs()))
    clock.jumpEpoch(3_600_000)

    await clock.advance(100)

    expect(fired).toEqual([3_601_100])
    expect(clock.monotonicMs()).toBe(100)
  })

  test('a view keeps the time, has chance of its own, and fires nothing once it is halted', async () => {
    const clock = new VirtualClock({ seed: 5 })
    const [one, other] = [clock.view('one'), clock.view('other')]
    one.setTimer(10, () => expect.unreachable('it was halted'))
    expect(one.random()).not.toBe(other.random())
    expect(new VirtualClock({ seed: 5 }).view('other').random()).toBe(clock.view('other').random())

    one.halt()
    one.setTimer(1, () => expect.unreachable('it was halted'))
    other.jumpEpoch(500)
    await clock.advance(10)

    expect(other.monotonicMs()).toBe(10)
    expect(other.epochMs()).toBe(clock.epochMs() + 500)
  })
})
