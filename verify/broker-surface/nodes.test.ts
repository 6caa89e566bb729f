/** Nodes go and come back as processes do: their port refuses, what they led is led by others. */

import { once } from 'node:events'
import { connect } from 'node:net'

import { afterEach, beforeEach, expect, test } from 'vitest'

import { EmbeddedKafka } from '../../packages/broker/src/index.ts'
import { Member } from './member.ts'

let kafka: EmbeddedKafka

beforeEach(async () => {
  kafka = await EmbeddedKafka.start({ brokers: 3, topics: { orders: 3 } })
})

afterEach(() => kafka.stop())

/** 'connected', or why not. */
async function knock(nodeId: number): Promise<string> {
  const socket = connect(kafka.node(nodeId).port, '127.0.0.1')
  const [error] = (await Promise.race([once(socket, 'connect'), once(socket, 'error')]).catch((cause: unknown) => [
    cause,
  ])) as [{ code?: string } | undefined]
  socket.destroy()
  return error?.code ?? 'connected'
}

test('a stopped node refuses connections and cuts those that it had', async () => {
  const socket = connect(kafka.node(2).port, '127.0.0.1')
  await once(socket, 'connect')
  const closed = once(socket, 'close')
  socket.on('error', () => {})
  await kafka.node(2).stop()
  await closed
  expect([await knock(2), await knock(1)]).toEqual(['ECONNREFUSED', 'connected'])
})

test('a node that is started again listens where it did', async () => {
  const { port } = kafka.node(2)
  await kafka.node(2).stop()
  await kafka.node(2).start()
  expect([kafka.node(2).port, kafka.node(2).isUp, await knock(2)]).toEqual([port, true, 'connected'])
})

test('its partitions and its groups are served by others at once', async () => {
  kafka.moveCoordinator('g', 1)
  const member = new Member(kafka)
  await member.join('g')
  await kafka.node(1).stop()
  const produced = await new Member(kafka).ask('Metadata', { topics: [{ name: 'orders' }] }, 2)
  expect(produced.topics[0]?.partitions.map(({ leaderId }) => leaderId)).not.toContain(1)
  expect(kafka.core.coordinatorOf('g')).not.toBe(1)
  expect((await member.commit('g', 0, 0)).topics[0]?.partitions[0]?.errorCode).toBe(0)
})

test('stopping a stopped node, or starting one that is up, is a mistake', async () => {
  await expect(kafka.node(1).start()).rejects.toMatchObject({ code: 'NODE_STATE' })
  await kafka.node(1).stop()
  await expect(kafka.node(1).stop()).rejects.toMatchObject({ code: 'NODE_STATE' })
})

test('a cluster stops with some of its nodes down', async () => {
  await kafka.node(1).stop()
  await kafka.stop()
  expect(await knock(3)).toBe('ECONNREFUSED')
})

test('a coordinator moves on to the next node that is up', async () => {
  kafka.moveCoordinator('g', 1)
  await kafka.node(2).stop()
  kafka.moveCoordinator('g')
  expect(kafka.core.coordinatorOf('g')).toBe(3)
  kafka.moveCoordinator('g')
  expect(kafka.core.coordinatorOf('g')).toBe(1)
})

test('a leader moves where it is told, and the old one says so', async () => {
  kafka.moveLeader('orders', 0, 3)
  const answer = await new Member(kafka).produce('a')
  expect(answer.responses[0]?.partitions[0]?.errorCode).toBe(6)
})
