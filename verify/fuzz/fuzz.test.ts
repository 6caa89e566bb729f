/** A share of the fuzzer in every run of the tests; `node verify/fuzz/main.ts` does more. */

import { describe, expect, test } from 'vitest'

import { fuzzCore, fuzzSockets, outcomes } from './frames.ts'

describe.each([1, 2])('mutated frames from seed %i', (seed) => {
  test('are answered, told malformed, end their connection or wait, and nothing else', async () => {
    const { tally, failures } = await fuzzCore({ frames: 5_000, seed })
    expect(failures).toEqual([])
    // A fuzzer whose frames all end at the first look proves nothing.
    for (const outcome of outcomes) expect(tally[outcome], outcome).toBeGreaterThan(0)
    expect(tally.answered).toBeGreaterThan(500)
  })

  test('over sockets hang no connection and stop no broker', async () => {
    const { tally, failures } = await fuzzSockets({ frames: 300, seed })
    expect(failures).toEqual([])
    expect([tally.answered, tally.closed].every((count) => count > 20)).toBe(true)
  })
})
