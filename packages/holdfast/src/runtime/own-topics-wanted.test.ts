import { describe, expect, test } from 'vitest'
import type { GroupSettings, SubscriptionSettings } from '../model/settings.ts'
import {
  alterCommand,
  checkTopic,
  configsOf,
  createCommand,
  type SourceTopic,
  type WantedTopic,
  wantedTopics,
} from './own-topics-wanted.ts'

const dayMs = 86_400_000
const source: SourceTopic = { partitions: 3, messageBytesMax: 1_000_000 }
const delay: WantedTopic = { topic: 'g.t.retry.30s', kind: 'delay', source: 't', isRequired: true, delayMs: 30_000 }
const dead: WantedTopic = { topic: 'g.t.dlq', kind: 'deadLetters', source: 't', isRequired: true, delayMs: 0 }

function settingsOf(...subscriptions: readonly Partial<SubscriptionSettings>[]): GroupSettings {
  const none = { delaysMs: [], delayTopics: [], deadLetters: null }
  return { group: 'g', subscriptions: subscriptions.map((each) => ({ ...none, ...each })) } as unknown as GroupSettings
}

/** What `wanted` is made with, changed in one place. */
function check(
  wanted: WantedTopic,
  changed: Readonly<Record<string, string | null>> = {},
  partitions = 3,
): { problems: string[]; warnings: number } {
  const configs = new Map(Object.entries({ ...configsOf(wanted, source), ...changed }))
  const { problems, warnings } = checkTopic(wanted, source, { partitions, configs })
  return { problems: problems.map(({ config, expected }) => `${config}=${expected}`), warnings: warnings.length }
}

describe('what a group wants', () => {
  test('is each topic once, its delays before its dead letters', () => {
    const topics = settingsOf(
      {
        topic: 'a',
        delaysMs: [1_000, 5_000],
        delayTopics: [
          { topic: 'g.a.retry.1s', delayMs: 1_000 },
          { topic: 'g.a.retry.5s', delayMs: 5_000 },
        ],
        deadLetters: { topic: 'shared.dlq', isRequired: true },
      },
      { topic: 'b', deadLetters: { topic: 'shared.dlq', isRequired: true } },
      { topic: 'c' },
    )
    expect(wantedTopics(topics).map(({ topic, source: from }) => [topic, from])).toEqual([
      ['g.a.retry.1s', 'a'],
      ['g.a.retry.5s', 'a'],
      ['shared.dlq', 'a'],
    ])
  })

  test('is retention for the longest wait, also for one that is longer than its topic is named for', () => {
    const delayTopics = [
      { topic: 'x', delayMs: 1_000 },
      { topic: 'y', delayMs: 5_000 },
    ]
    const [first, second] = wantedTopics(settingsOf({ topic: 'a', delaysMs: [90 * dayMs], delayTopics }))
    expect([first?.delayMs, second?.delayMs]).toEqual([1_000, 90 * dayMs])
  })
})

describe('a topic is made', () => {
  test('so that nothing in it goes before it is needed', () => {
    expect(configsOf(delay, source)).toEqual({
      'cleanup.policy': 'delete',
      'max.message.bytes': '1065536',
      'message.timestamp.type': 'LogAppendTime',
      'retention.bytes': '-1',
      'retention.ms': String(7 * dayMs),
    })
    expect(configsOf({ ...delay, delayMs: 3 * dayMs }, source)['retention.ms']).toBe(String(12 * dayMs))
    expect(configsOf(dead, source)['retention.ms']).toBe(String(30 * dayMs))
  })

  test('with a size limit that Kafka accepts, and without one if that of its source is not told', () => {
    expect(configsOf(dead, { partitions: 1, messageBytesMax: 2 ** 31 - 1 })['max.message.bytes']).toBe('2147483647')
    expect(configsOf(dead, { partitions: 1, messageBytesMax: null })).not.toHaveProperty('max.message.bytes')
  })

  test('by the command that is shown', () => {
    expect(createCommand(delay, { partitions: 3, messageBytesMax: null }, 'kafka:9092')).toBe(
      'kafka-topics.sh --bootstrap-server kafka:9092 --create --topic g.t.retry.30s --partitions 3' +
        ` --config cleanup.policy=delete --config message.timestamp.type=LogAppendTime` +
        ` --config retention.bytes=-1 --config retention.ms=${7 * dayMs}`,
    )
  })
})

describe('a topic that exists', () => {
  test('is right if it was made by us', () => {
    expect(check(delay)).toEqual({ problems: [], warnings: 0 })
    expect(check(dead)).toEqual({ problems: [], warnings: 0 })
  })

  test.each([
    [{ 'cleanup.policy': 'compact' }, 'cleanup.policy=delete'],
    [{ 'cleanup.policy': 'compact,delete' }, 'cleanup.policy=delete'],
    [{ 'message.timestamp.type': 'CreateTime' }, 'message.timestamp.type=LogAppendTime'],
    [{ 'max.message.bytes': '999999' }, 'max.message.bytes=1065536'],
    [{ 'retention.bytes': '0' }, 'retention.bytes=-1'],
    [{ 'retention.ms': String(7 * dayMs - 1) }, `retention.ms=${7 * dayMs}`],
  ])('is wrong with %j', (changed, expected) => {
    expect(check(delay, changed)).toEqual({ problems: [expected], warnings: 0 })
  })

  test.each([
    { 'cleanup.policy': '' },
    { 'max.message.bytes': '1000000' },
    { 'retention.ms': '-1' },
    { 'retention.ms': String(40 * dayMs) },
    { 'message.timestamp.type': null, 'max.message.bytes': null, 'retention.ms': null },
  ])('is right with %j', (changed) => {
    expect(check(delay, changed)).toEqual({ problems: [], warnings: 0 })
  })

  test('may keep dead letters for less than we would, with a warning, but not for less than a week', () => {
    expect(check(dead, { 'retention.ms': String(7 * dayMs) })).toEqual({ problems: [], warnings: 1 })
    expect(check(dead, { 'retention.ms': String(7 * dayMs - 1) })).toEqual({
      problems: [`retention.ms=${30 * dayMs}`],
      warnings: 0,
    })
  })

  test('may have any number of partitions, with a warning', () => {
    expect([check(delay, {}, 2).warnings, check(delay, {}, 4).warnings, check(delay, {}, 3).warnings]).toEqual([
      1, 1, 0,
    ])
  })

  test('is mended by the command that is shown', () => {
    const problems = [
      { config: 'retention.bytes', problem: '…', expected: '-1' },
      { config: 'cleanup.policy', problem: '…', expected: 'delete' },
    ]
    expect(alterCommand('g.t.dlq', problems, 'kafka:9092')).toBe(
      'kafka-configs.sh --bootstrap-server kafka:9092 --alter --entity-type topics --entity-name g.t.dlq' +
        ' --add-config retention.bytes=-1,cleanup.policy=delete',
    )
  })
})
