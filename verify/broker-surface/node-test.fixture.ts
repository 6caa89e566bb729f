/** Three tests of `node:test`, of which two fail on purpose. Run by `test-runners.test.ts`. */

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { embeddedKafka } from '@holdfast/broker/node-test'

const kafka = embeddedKafka({ topics: { orders: 1 } })

void test('has a broker', () => {
  assert.deepEqual(kafka().records('orders'), [])
})

void test('fails', () => {
  kafka().append('orders', 0, [{ value: 'a' }])
  assert.equal(kafka().records('orders').length, 2)
})

void test('sets a fault that nobody meets', () => {
  kafka().fail('Fetch', { code: 'NOT_LEADER_OR_FOLLOWER' })
})
