/** The helpers for test runners: a broker for each test, gone after it, and told of when the test has failed. */

import { join } from 'node:path'

import { embeddedKafka } from '@holdfast/broker/vitest'
import { afterEach, describe, expect, test } from 'vitest'

import { kafkaForTests, type KafkaForTests, type RunnerHooks } from '../../packages/broker/src/testing/stop-and-tell.ts'
import { runProcess } from '../processes.ts'

describe('with vitest', () => {
  const kafka = embeddedKafka({ topics: { orders: 1 } })
  const seen: string[] = []

  afterEach(() => {
    // Set after the helper, so it runs before the broker stops.
    kafka().append('orders', 0, [{ value: 'bye' }])
  })

  test.each(['first', 'second'])('the %s test has a broker of its own', () => {
    expect(kafka().records('orders')).toEqual([])
    expect(seen).not.toContain(kafka().bootstrap)
    seen.push(kafka().bootstrap)
    kafka().append('orders', 0, [{ value: 'a' }])
  })

  describe('that lives as long as its suite', () => {
    const shared = embeddedKafka({ per: 'suite', topics: { orders: 1 } })

    test.each([0, 1])('test %i finds what those before it have left', (before) => {
      expect(shared().records('orders')).toHaveLength(before)
      shared().append('orders', 0, [{ value: 'a' }])
    })
  })
})

describe('a helper', () => {
  type Hook = (context: { failed: boolean }) => Promise<void>

  const runner = (options: KafkaForTests) => {
    const hooks: Record<'beforeAll' | 'beforeEach' | 'afterEach' | 'afterAll', Hook[]> = {
      beforeAll: [],
      beforeEach: [],
      afterEach: [],
      afterAll: [],
    }
    const fake: RunnerHooks<{ failed: boolean }> = {
      beforeAll: (hook) => void hooks.beforeAll.push(hook),
      beforeEach: (hook) => void hooks.beforeEach.push(hook),
      afterEach: (hook) => void hooks.afterEach.push(hook),
      afterAll: (hook) => void hooks.afterAll.push(hook),
      hasFailed: ({ failed }) => failed,
    }
    const run = async (name: keyof typeof hooks, failed = false): Promise<void> => {
      for (const hook of hooks[name]) await hook({ failed })
    }
    return { kafka: kafkaForTests(options, fake), run }
  }

  test('shows state and history when a test has failed, and does not speak of unmet faults then', async () => {
    const shown: string[] = []
    const { kafka, run } = runner({ topics: { orders: 1 }, show: (text) => void shown.push(text) })
    await run('beforeEach')
    kafka().fail('Fetch', { code: 'NOT_LEADER_OR_FOLLOWER' })
    await run('afterEach', true)
    expect(shown).toEqual([expect.stringMatching(/topic orders: 0: 0–0 on node 1[^]*#1 \+0\.000s {3}topicCreated/)])
  })

  test('shows nothing of a test that passed, and fails it if a fault was not met', async () => {
    const shown: string[] = []
    const { kafka, run } = runner({ show: (text) => void shown.push(text) })
    await run('beforeEach')
    kafka().fail('Fetch', { code: 'NOT_LEADER_OR_FOLLOWER' })
    await expect(run('afterEach')).rejects.toMatchObject({ code: 'FAULT_UNUSED' })
    expect(shown).toEqual([])
  })

  test('for a suite stops at its end only', async () => {
    const { kafka, run } = runner({ per: 'suite' })
    await run('beforeAll')
    const { bootstrap } = kafka()
    await run('afterEach')
    expect(kafka().bootstrap).toBe(bootstrap)
    await run('afterAll')
    expect(kafka).toThrow('NO_BROKER_YET')
  })

  test('says that there is no broker outside of a test', () => {
    expect(runner({}).kafka).toThrow('embeddedKafka()')
  })
})

test('with node:test a failed test shows the history, an unmet fault fails, and the rest passes', async () => {
  const fixture = join(import.meta.dirname, 'node-test.fixture.ts')
  const { code, output } = await runProcess({
    name: 'node:test',
    command: process.execPath,
    args: ['--test-reporter=tap', fixture],
    cwd: import.meta.dirname,
    timeoutMs: 30_000,
  })
  const text = output.join('\n')
  expect(code).toBe(1)
  expect(text).toMatch(/^ok 1 - has a broker/m)
  expect(text).toMatch(/^not ok 2 - fails/m)
  expect(text).toMatch(/^not ok 3 - sets a fault that nobody meets/m)
  expect(text).toMatch(/The broker of the test that failed:[^]*append \{ topic: 'orders'/)
  expect(text).toContain('FAULT_UNUSED')
})
