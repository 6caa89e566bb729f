/** The application under test, twice: once with kafkajs, once with @platformatic/kafka. It sends orders, and it bills them as
 *  group `billing`: reads a record, handles it, commits it. In your tests this is your own code. */
import { Consumer, Producer, stringDeserializers, stringSerializers } from '@platformatic/kafka'
import kafkajs from 'kafkajs'

export type Bill = (order: string) => Promise<void> | void
export type Worker = { stop(): Promise<void> }

export type Client = {
  readonly name: string
  /** Sends orders to partition 0, in one batch. */
  send(bootstrap: string, orders: readonly string[], options?: { idempotent?: boolean }): Promise<void>
  /** Sends orders in a transaction that ends as it is told. */
  sendAll(bootstrap: string, orders: readonly string[], end: 'commit' | 'abort'): Promise<void>
  /** Bills orders from the first on, until it is stopped. */
  work(bootstrap: string, bill: Bill): Promise<Worker>
}

const retry = { retries: 20, initialRetryTime: 20, maxRetryTime: 100 }

function kafkajsOf(bootstrap: string): kafkajs.Kafka {
  const { NOTHING } = kafkajs.logLevel
  return new kafkajs.Kafka({ clientId: 'shop', brokers: bootstrap.split(','), logLevel: NOTHING, retry })
}

export const withKafkajs: Client = {
  name: 'kafkajs',

  async send(bootstrap, orders, { idempotent = true } = {}) {
    const producer = kafkajsOf(bootstrap).producer({ idempotent, maxInFlightRequests: 1 })
    await producer.connect()
    await producer.send({ topic: 'orders', messages: orders.map((value) => ({ value, partition: 0 })) })
    await producer.disconnect()
  },

  async sendAll(bootstrap, orders, end) {
    const producer = kafkajsOf(bootstrap).producer({
      transactionalId: `shop-${end}`,
      maxInFlightRequests: 1,
      idempotent: true,
    })
    await producer.connect()
    const transaction = await producer.transaction()
    await transaction.send({ topic: 'orders', messages: orders.map((value) => ({ value, partition: 0 })) })
    await transaction[end]()
    await producer.disconnect()
  },

  async work(bootstrap, bill) {
    let isStopping = false
    let consumer: kafkajs.Consumer | undefined
    const start = async (): Promise<void> => {
      consumer = kafkajsOf(bootstrap).consumer({ groupId: 'billing', maxWaitTimeInMs: 50, heartbeatInterval: 50 })
      // This client ends itself at what it cannot mend, such as a refused commit; the application starts again.
      consumer.on('consumer.crash', ({ payload }) => {
        if (!payload.restart && !isStopping) starting = start()
      })
      await consumer.connect()
      await consumer.subscribe({ topic: 'orders', fromBeginning: true })
      await consumer.run({
        autoCommit: false,
        eachMessage: async ({ topic, partition, message }) => {
          await bill(message.value?.toString() ?? '')
          await consumer?.commitOffsets([{ topic, partition, offset: String(BigInt(message.offset) + 1n) }])
        },
      })
    }
    let starting = start()
    await starting
    return {
      stop: async () => {
        isStopping = true
        await starting
        await consumer?.disconnect()
      },
    }
  },
}

const common = { clientId: 'shop', retries: 20, retryDelay: 20 }

export const withPlatformatic: Client = {
  name: '@platformatic/kafka',

  async send(bootstrap, orders, { idempotent = true } = {}) {
    const bootstrapBrokers = bootstrap.split(',')
    const producer = new Producer({ ...common, bootstrapBrokers, idempotent, serializers: stringSerializers })
    await producer.send({ messages: orders.map((value) => ({ topic: 'orders', partition: 0, value })), acks: -1 })
    await producer.close()
  },

  async sendAll(bootstrap, orders, end) {
    const options = { ...common, bootstrapBrokers: bootstrap.split(','), serializers: stringSerializers }
    const producer = new Producer({ ...options, idempotent: true, transactionalId: `shop-${end}` })
    const transaction = await producer.beginTransaction()
    await transaction.send({ messages: orders.map((value) => ({ topic: 'orders', partition: 0, value })) })
    await transaction[end]()
    await producer.close()
  },

  async work(bootstrap, bill) {
    const deserializers = stringDeserializers
    let isStopping = false
    let consumer: Consumer<string, string, string, string> | undefined
    let opening: ReturnType<NonNullable<typeof consumer>['consume']> | undefined
    const consume = async (): Promise<void> => {
      const group = { groupId: 'billing', heartbeatInterval: 50, sessionTimeout: 10_000 }
      consumer = new Consumer({ ...common, ...group, bootstrapBrokers: bootstrap.split(','), deserializers })
      const position = { mode: 'committed', fallbackMode: 'earliest', isolationLevel: 1 } as const
      opening = consumer.consume({ topics: ['orders'], ...position, autocommit: false, maxWaitTime: 50 })
      for await (const message of await opening) {
        await bill(message.value)
        await message.commit()
      }
    }
    // This client ends its stream at what it cannot mend, such as a lost membership; the application starts again.
    const working = (async () => {
      while (!isStopping) {
        await consume().catch(() => {})
        await consumer?.close(true).catch(() => {})
      }
    })()
    return {
      stop: async () => {
        isStopping = true
        await opening?.then((stream) => stream.close()).catch(() => {})
        await working
      },
    }
  },
}

export const clients: readonly Client[] = [withKafkajs, withPlatformatic]
