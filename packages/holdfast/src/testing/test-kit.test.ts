import { expect, test } from 'vitest'
import { SettingsError } from '../index.ts'
import { testKit } from './test-kit.ts'

async function issuesOf(options: object): Promise<readonly string[]> {
  const error: unknown = await testKit(options).catch((reason: unknown) => reason)
  return error instanceof SettingsError ? error.issues.map(({ option, problem }) => `${option}: ${problem}`) : []
}

test('virtual time over TCP is refused, and the refusal says why', async () => {
  const why =
    'virtual time exists in this process only: a broker behind a socket has a clock of its own that nobody can move'
  expect(await issuesOf({ kafka: 'localhost:9092' })).toEqual([`testKit.kafka: ${why}`])
  expect(await issuesOf({ brokers: 'localhost:9092' })).toEqual([`testKit.brokers: ${why}`])
})

test('unknown options and impossible clusters are refused together', async () => {
  expect(await issuesOf({ brokers: 0, topic: {} })).toEqual([
    'testKit.topic: no such option',
    'testKit.brokers: expected 1 to 100 nodes, got 0',
  ])
})
