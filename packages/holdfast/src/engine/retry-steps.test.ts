/** R18 as a table: what follows from which failure after how many attempts. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { NonRetriableError, RetryAfterError } from '../model/errors.ts'
import type { SubscriptionSettings } from '../model/settings.ts'
import { testSubscription } from './member-rig.fixture.ts'
import { lastStep, type RetryStep, stepAfter, waitFor } from './retry-steps.ts'

const soon = { topic: 'orders.retry.30s', delayMs: 30_000 }
const later = { topic: 'orders.retry.5m', delayMs: 300_000 }
const settings: SubscriptionSettings = {
  ...testSubscription,
  inPlaceDelaysMs: [100, 1_000],
  delaysMs: [30_000, 300_000],
  delayTopics: [soon, later],
  deadLetters: { topic: 'orders.dlq', isRequired: true },
}
const underBlock: SubscriptionSettings = { ...settings, whileRetrying: 'block', delayTopics: [] }
const failure = new Error('failed')
const half = (): number => 0.5

const toDeadLetters: RetryStep = { kind: 'leave', destination: { outcome: 'deadLettered', topic: 'orders.dlq' } }
function toDelay(topic: string, delayMs: number): RetryStep {
  return { kind: 'leave', destination: { outcome: 'retried', topic, delayMs } }
}

describe('an ordinary failure', () => {
  test.each<[number, RetryStep]>([
    [1, { kind: 'park', delayMs: 50 }],
    [2, { kind: 'park', delayMs: 500 }],
    [3, toDelay(soon.topic, 30_000)],
    [4, toDelay(later.topic, 300_000)],
    [5, toDeadLetters],
    [6, toDeadLetters],
  ])('after attempt %i: first in place, then in each delay topic, then nothing more', (attempts, step) => {
    expect(stepAfter(failure, attempts, settings, half)).toEqual(step)
  })

  test.each<[number, RetryStep]>([
    [1, { kind: 'park', delayMs: 50 }],
    [2, { kind: 'park', delayMs: 500 }],
    [3, { kind: 'park', delayMs: 30_000 }],
    [4, { kind: 'park', delayMs: 300_000 }],
    [5, toDeadLetters],
  ])('under block, after attempt %i: the delays are waited in place, whole', (attempts, step) => {
    expect(stepAfter(failure, attempts, underBlock, half)).toEqual(step)
  })

  test('without any retry the first failure is the last', () => {
    const none = { ...settings, inPlaceDelaysMs: [], delaysMs: [] }
    expect(stepAfter(failure, 1, none, half)).toEqual(toDeadLetters)
  })

  test('without dead letters the record has nowhere to go', () => {
    const none = { ...settings, deadLetters: null }
    expect(stepAfter(failure, 5, none, half)).toEqual({ kind: 'block' })
    expect(lastStep(none)).toEqual({ kind: 'block' })
  })

  const refusesToBeAsked = new Proxy(
    {},
    {
      getPrototypeOf() {
        throw new Error('not told')
      },
    },
  )

  test('what refuses to say what it is, is an ordinary failure', () => {
    expect(stepAfter(refusesToBeAsked, 1, settings, half)).toEqual({ kind: 'park', delayMs: 50 })
  })

  test.each([undefined, null, 'text', 7, {}])('whatever a handler throws (%s) is an ordinary failure', (thrown) => {
    expect(stepAfter(thrown, 1, settings, half)).toEqual({ kind: 'park', delayMs: 50 })
  })
})

describe('jitter (B10)', () => {
  test.each([
    [1, 0, 0],
    [1, 0.999_999, 100],
    [2, 0, 0],
    [2, 0.25, 250],
    [2, 0.999_999, 1_000],
  ])('in place it is full: attempt %i with chance %f waits about %i ms', (attempts, chance, delayMs) => {
    const step = stepAfter(failure, attempts, settings, () => chance)
    expect(step.kind === 'park' ? step.delayMs : NaN).toBeCloseTo(delayMs, 2)
  })

  test('a wait in place is anything from nothing up to its setting, and one in a topic is exactly its setting', () => {
    const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }), chance, (attempts, random) => {
        const step = stepAfter(failure, attempts, settings, () => random)
        if (step.kind === 'park') {
          expect(step.delayMs).toBeGreaterThanOrEqual(0)
          expect(step.delayMs).toBeLessThan(settings.inPlaceDelaysMs[attempts - 1]!)
        } else expect(step).toEqual(stepAfter(failure, attempts, settings, half))
      }),
    )
  })

  test('delays that are waited in place under block have none', () => {
    for (const chance of [0, 0.999]) {
      expect(stepAfter(failure, 3, underBlock, () => chance)).toEqual({ kind: 'park', delayMs: 30_000 })
    }
  })
})

describe('an error that says what follows', () => {
  test.each([1, 2, 3, 4, 5])('NonRetriableError ends it at once, after attempt %i', (attempts) => {
    const error = new NonRetriableError('never')
    expect(stepAfter(error, attempts, settings, half)).toEqual(toDeadLetters)
    expect(stepAfter(error, attempts, { ...settings, deadLetters: null }, half)).toEqual({ kind: 'block' })
  })

  test.each([
    ['1ms', soon.topic, 1],
    ['30s', soon.topic, 30_000],
    ['30001ms', later.topic, 30_001],
    ['5m', later.topic, 300_000],
    ['1h', later.topic, 3_600_000],
  ])('RetryAfterError(%s) goes to %s and waits exactly that long', (delay, topic, delayMs) => {
    for (const attempts of [1, 4]) {
      expect(stepAfter(new RetryAfterError(delay), attempts, settings, half)).toEqual(toDelay(topic, delayMs))
    }
  })

  test('RetryAfterError without a delay topic waits in place, exactly that long', () => {
    expect(stepAfter(new RetryAfterError('7s'), 1, underBlock, half)).toEqual({ kind: 'park', delayMs: 7_000 })
  })

  test('RetryAfterError is no way around the last attempt', () => {
    expect(stepAfter(new RetryAfterError('7s'), 5, settings, half)).toEqual(toDeadLetters)
  })
})

/** Goal: of the topics that are long enough the shortest, else the longest; the record waits as long as it was told. */
test('any delay goes to the shortest topic that is long enough', () => {
  const anyTopics = fc.uniqueArray(fc.integer({ min: 1, max: 1_000 }), { maxLength: 6 })
  fc.assert(
    fc.property(fc.nat(1_200), anyTopics, (delayMs, delays) => {
      const topics = delays.toSorted((a, b) => a - b).map((each) => ({ topic: `t${each}`, delayMs: each }))
      const longEnough = delays.filter((each) => each >= delayMs)
      const expected = longEnough.length > 0 ? Math.min(...longEnough) : Math.max(...delays)
      const step = delays.length === 0 ? { kind: 'park', delayMs } : toDelay(`t${expected}`, delayMs)
      expect(waitFor(delayMs, topics)).toEqual(step)
    }),
  )
})

test('any record is tried once, then once for each wait that is set, and never again', () => {
  const anyDelays = fc.array(fc.constantFrom(100, 30_000, 300_000), { maxLength: 4 })
  fc.assert(
    fc.property(anyDelays, anyDelays, fc.boolean(), (inPlaceDelaysMs, delaysMs, blocks) => {
      const given = { ...(blocks ? underBlock : settings), inPlaceDelaysMs, delaysMs }
      let attempts = 1
      while (attempts < 20 && stepAfter(failure, attempts, given, half) !== lastStep(given)) {
        const step = stepAfter(failure, attempts, given, half)
        if (step.kind === 'leave' && step.destination.outcome === 'deadLettered') break
        attempts += 1
      }
      expect(attempts).toBe(1 + inPlaceDelaysMs.length + delaysMs.length)
    }),
  )
})
