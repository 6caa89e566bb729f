import { beforeEach, describe, expect, test } from 'vitest'

import { DynamicConfigs } from './dynamic-configs.ts'

const node = 1
let configs: DynamicConfigs

beforeEach(() => {
  configs = new DynamicConfigs(() => new Map([['log.index.interval.bytes', '4']]))
})

function valuesOf(own: Readonly<Record<string, string>> = {}): string[] {
  const values = configs.topicValues(new Map(Object.entries(own)), 'index.interval.bytes', node)
  return values.map(({ value, source }) => `${value}@${source}`)
}

describe('a setting of a topic', () => {
  test('comes from the topic, else from its broker, else from all brokers, else from the file, else from Kafka', () => {
    expect(valuesOf()).toEqual(['4@4', '4096@5'])
    configs.setOfBrokers(undefined, new Map([['log.index.interval.bytes', '3']]))
    expect(valuesOf()).toEqual(['3@3', '4@4', '4096@5'])
    configs.setOfBrokers(node, new Map([['log.index.interval.bytes', '2']]))
    expect(valuesOf({ 'index.interval.bytes': '1' })).toEqual(['1@1', '2@2', '3@3', '4@4', '4096@5'])
  })

  test('that was set for one broker is not in force on another', () => {
    configs.setOfBrokers(node, new Map([['message.max.bytes', '5']]))
    expect(configs.topicValue(new Map(), 'max.message.bytes', node)).toBe('5')
    expect(configs.topicValue(new Map(), 'max.message.bytes', node + 1)).toBe('1048588')
  })

  test('without a broker setting, or with one that has no default, has its own default', () => {
    expect(configs.topicValues(new Map(), 'flush.ms', node)).toEqual([])
    expect(configs.topicValue(new Map(), 'flush.ms', node)).toBe('9223372036854775807')
    expect(configs.topicValue(new Map(), 'remote.storage.enable', node)).toBe('false')
  })
})

describe('a setting of a group', () => {
  test('hides that of the brokers', () => {
    const name = 'consumer.session.timeout.ms'
    expect(configs.groupValue('billing', name, node)).toBe('45000')
    configs.setOfGroup('billing', new Map([[name, '50000']]))
    expect(configs.groupValue('billing', name, node)).toBe('50000')
    expect(configs.groupValue('shipping', name, node)).toBe('45000')
  })
})
