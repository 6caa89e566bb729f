import { expect, test } from 'vitest'
import { entryOf, partitionFlow } from '../engine/engine-parts.fixture.ts'
import type { Entry } from '../engine/entry.ts'
import type { KafkaRecord } from '../model/record.ts'
import { Attempts } from './attempts.ts'

const silent = () => undefined
const log = { trace: silent, debug: silent, info: silent, warn: silent, error: silent, fatal: silent }

function started(more: object): Entry<KafkaRecord> {
  const owner = partitionFlow()
  return Object.assign(entryOf(0), { owner, attempt: 1, state: 'running', phase: 'timed', ...more }) as never
}

test('an attempt that was told to end before its handler was called ends, and its handler never hears of it', () => {
  const entry = started({ phase: 'aborting', abortReason: 'revoked' })
  let calls = 0
  const attempts = new Attempts(new Map([[entry.owner.topic, () => void (calls += 1)]]), log, silent)
  attempts.start(entry)

  const ends: unknown[] = []
  attempts.takeEnded((of, result, error) => ends.push([of, result, (error as Error).message]))
  expect(ends).toEqual([[entry, 'failed', 'the partition is being handed to another member']])
  expect(calls).toBe(0)
})

test('one that nobody told to end is handled', () => {
  const entry = started({})
  let calls = 0
  const attempts = new Attempts(new Map([[entry.owner.topic, () => void (calls += 1)]]), log, silent)
  attempts.start(entry)
  expect(calls).toBe(1)
})
