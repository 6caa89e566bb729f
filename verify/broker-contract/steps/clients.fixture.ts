/** Two clients in the words that rows need: kafkajs and @platformatic/kafka write, share a group, use transactions and
 *  administer. What they must find is decided by the rows. */

import { Admin, Consumer, Producer } from '@platformatic/kafka'
import kafkajs from 'kafkajs'

const patientMs = 30_000
/** Where nothing is to be waited for. */
const promptMs = 50

export type Written = { readonly key: string; readonly value: string; readonly headers?: Record<string, string> }

export type ClientMember = {
  /** The partitions that it says it owns, ascending. */
  owned(): readonly number[]
  /** `partition/offset` of what it has read, in order; it commits each record after that. */
  readonly seen: readonly string[]
  readonly values: readonly string[]
  leave(): Promise<void>
}

export type MemberOptions = { readonly readCommitted?: boolean }

export type TransactionalProducer = {
  begin(): Promise<OpenTransaction>
  close(): Promise<void>
}

export type OpenTransaction = {
  send(topic: string, value: string): Promise<void>
  commit(): Promise<void>
  abort(): Promise<void>
}

export type Administrator = {
  createTopic(topic: string, partitions: number): Promise<void>
  addPartitions(topic: string, count: number): Promise<void>
  topics(): Promise<readonly string[]>
  setRetention(topic: string, value: string): Promise<void>
  retention(topic: string): Promise<string | null | undefined>
  deleteTopic(topic: string): Promise<void>
  deleteRecordsBefore(topic: string, partition: number, offset: number): Promise<void>
  groups(): Promise<readonly string[]>
  stateOf(group: string): Promise<string | undefined>
  setOffset(group: string, topic: string, offset: number): Promise<void>
  deleteGroup(group: string): Promise<void>
  close(): Promise<void>
}

export type Client = {
  readonly name: 'kafkajs' | 'platformatic'
  write(bootstrap: string, topic: string, records: readonly Written[]): Promise<void>
  join(bootstrap: string, topic: string, group: string, options?: MemberOptions): Promise<ClientMember>
  transactions(bootstrap: string, transactionalId: string): Promise<TransactionalProducer>
  administer(bootstrap: string): Promise<Administrator>
}

function connectKafkajs(bootstrap: string): InstanceType<typeof kafkajs.Kafka> {
  return new kafkajs.Kafka({ clientId: 'contract', brokers: bootstrap.split(','), logLevel: kafkajs.logLevel.NOTHING })
}

const byKafkajs: Client = {
  name: 'kafkajs',

  write: async (bootstrap, topic, records) => {
    const producer = connectKafkajs(bootstrap).producer({ idempotent: true, maxInFlightRequests: 1 })
    await producer.connect()
    await producer.send({ topic, messages: records.map(({ key, value, headers = {} }) => ({ key, value, headers })) })
    await producer.disconnect()
  },

  join: async (bootstrap, topic, group, { readCommitted = true } = {}) => {
    const consumer = connectKafkajs(bootstrap).consumer({
      groupId: group,
      maxWaitTimeInMs: promptMs,
      heartbeatInterval: promptMs,
      sessionTimeout: patientMs,
      readUncommitted: !readCommitted,
    })
    let owned: readonly number[] = []
    const [seen, values]: [string[], string[]] = [[], []]
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      owned = payload.memberAssignment[topic] ?? []
    })
    await consumer.connect()
    await consumer.subscribe({ topic, fromBeginning: true })
    await consumer.run({
      autoCommit: false,
      eachMessage: async ({ partition, message }) => {
        const next = String(Number(message.offset) + 1)
        seen.push(`${partition}/${message.offset}`)
        values.push(message.value?.toString() ?? '')
        await consumer.commitOffsets([{ topic, partition, offset: next }])
      },
    })
    return {
      owned: () => owned.toSorted((left, right) => left - right),
      seen,
      values,
      leave: () => consumer.disconnect(),
    }
  },

  transactions: async (bootstrap, transactionalId) => {
    const producer = connectKafkajs(bootstrap).producer({ transactionalId, maxInFlightRequests: 1, idempotent: true })
    await producer.connect()
    return {
      begin: async () => {
        const transaction = await producer.transaction()
        return {
          send: async (topic, value) => void (await transaction.send({ topic, messages: [{ value }] })),
          commit: () => transaction.commit(),
          abort: () => transaction.abort(),
        }
      },
      close: () => producer.disconnect(),
    }
  },

  administer: async (bootstrap) => {
    const admin = connectKafkajs(bootstrap).admin()
    await admin.connect()
    const topicType = 2
    return {
      createTopic: async (topic, numPartitions) => {
        await admin.createTopics({ topics: [{ topic, numPartitions, replicationFactor: 1 }], waitForLeaders: false })
      },
      addPartitions: async (topic, count) =>
        void (await admin.createPartitions({ topicPartitions: [{ topic, count }] })),
      topics: () => admin.listTopics(),
      setRetention: async (topic, value) => {
        const configEntries = [{ name: 'retention.ms', value }]
        await admin.alterConfigs({
          validateOnly: false,
          resources: [{ type: topicType, name: topic, configEntries }],
        })
      },
      retention: async (topic) => {
        const resources = [{ type: topicType, name: topic, configNames: ['retention.ms'] }]
        const described = await admin.describeConfigs({ includeSynonyms: false, resources })
        return described.resources[0]?.configEntries[0]?.configValue
      },
      deleteTopic: (topic) => admin.deleteTopics({ topics: [topic] }),
      deleteRecordsBefore: async (topic, partition, offset) => {
        // Else it does not know the topic yet.
        await admin.fetchTopicOffsets(topic)
        await admin.deleteTopicRecords({ topic, partitions: [{ partition, offset: String(offset) }] })
      },
      groups: async () => (await admin.listGroups()).groups.map(({ groupId }) => groupId),
      stateOf: async (group) => (await admin.describeGroups([group])).groups[0]?.state,
      setOffset: (groupId, topic, offset) =>
        admin.setOffsets({ groupId, topic, partitions: [{ partition: 0, offset: String(offset) }] }),
      deleteGroup: async (group) => void (await admin.deleteGroups([group])),
      close: () => admin.disconnect(),
    }
  },
}

type PlatformaticOptions = { readonly clientId: string; readonly bootstrapBrokers: string[]; readonly timeout: number }

function platformatic(bootstrap: string): PlatformaticOptions {
  return { clientId: 'contract', bootstrapBrokers: bootstrap.split(','), timeout: patientMs }
}

const byPlatformatic: Client = {
  name: 'platformatic',

  write: async (bootstrap, topic, records) => {
    const producer = new Producer({ ...platformatic(bootstrap), idempotent: true })
    const messages = records.map(({ key, value, headers = {} }) => ({
      topic,
      key: Buffer.from(key),
      value: Buffer.from(value),
      headers: new Map(Object.entries(headers).map(([name, text]) => [Buffer.from(name), Buffer.from(text)])),
    }))
    await producer.send({ messages })
    await producer.close()
  },

  join: async (bootstrap, topic, group, { readCommitted = true } = {}) => {
    const consumer = new Consumer({
      ...platformatic(bootstrap),
      groupId: group,
      sessionTimeout: patientMs,
      rebalanceTimeout: patientMs,
      heartbeatInterval: promptMs,
      maxWaitTime: promptMs,
    })
    let owned: readonly number[] = []
    const [seen, values]: [string[], string[]] = [[], []]
    consumer.on('consumer:group:join', ({ assignments }) => {
      owned = assignments?.find((each) => each.topic === topic)?.partitions ?? []
    })
    const stream = await consumer.consume({
      topics: [topic],
      autocommit: false,
      mode: 'committed',
      fallbackMode: 'earliest',
      isolationLevel: readCommitted ? 1 : 0,
    })
    // The end of a member cuts off what it waits for.
    stream.on('error', () => undefined)
    const reading = (async () => {
      for await (const message of stream) {
        seen.push(`${message.partition}/${message.offset}`)
        values.push(message.value.toString())
        await message.commit()
      }
    })().catch(() => undefined)
    return {
      owned: () => owned.toSorted((left, right) => left - right),
      seen,
      values,
      leave: async () => {
        await consumer.close(true)
        await reading
      },
    }
  },

  transactions: async (bootstrap, transactionalId) => {
    const producer = new Producer({ ...platformatic(bootstrap), idempotent: true, transactionalId, retries: 5 })
    return {
      begin: async () => {
        const transaction = await producer.beginTransaction()
        return {
          send: async (topic, value) =>
            void (await transaction.send({ messages: [{ topic, value: Buffer.from(value) }] })),
          commit: () => transaction.commit(),
          abort: () => transaction.abort(),
        }
      },
      close: () => producer.close(),
    }
  },

  administer: async (bootstrap) => {
    const admin = new Admin(platformatic(bootstrap))
    const topicType = 2
    return {
      createTopic: async (topic, partitions) => void (await admin.createTopics({ topics: [topic], partitions })),
      addPartitions: (topic, count) => admin.createPartitions({ topics: [{ name: topic, count, assignments: null }] }),
      topics: () => admin.listTopics(),
      setRetention: (topic, value) => {
        const configs = [{ name: 'retention.ms', value, configOperation: 0 as const }]
        return admin.incrementalAlterConfigs({
          resources: [{ resourceType: topicType, resourceName: topic, configs }],
        })
      },
      retention: async (topic) => {
        const resource = { resourceType: topicType, resourceName: topic, configurationKeys: ['retention.ms'] } as const
        const [described] = await admin.describeConfigs({
          resources: [{ ...resource, configurationKeys: ['retention.ms'] }],
        })
        return described?.configs[0]?.value
      },
      deleteTopic: (topic) => admin.deleteTopics({ topics: [topic] }),
      deleteRecordsBefore: async (topic, partition, offset) => {
        await admin.deleteRecords({ topics: [{ name: topic, partitions: [{ partition, offset: BigInt(offset) }] }] })
      },
      groups: async () => [...(await admin.listGroups()).keys()],
      stateOf: async (group) => (await admin.describeGroups({ groups: [group] })).get(group)?.state,
      setOffset: (groupId, topic, offset) =>
        admin.alterConsumerGroupOffsets({
          groupId,
          topics: [{ name: topic, partitionOffsets: [{ partition: 0, offset: BigInt(offset) }] }],
        }),
      deleteGroup: (group) => admin.deleteGroups({ groups: [group] }),
      close: () => admin.close(),
    }
  },
}

export const clients: readonly Client[] = [byKafkajs, byPlatformatic]
