/** Decides how a real broker is configured for development and tests: one machine, small, and every delay that a test
 *  would wait for made short. Nothing here softens what Kafka promises. */

export type BrokerAddress = {
  readonly nodeId: number
  readonly port: number
  readonly controllerPort: number
  /** Demands SASL. */
  readonly saslPort: number
  /** Demands SASL, and again after `shortSessionMs`. */
  readonly shortSessionPort: number
}

const host = '127.0.0.1'

/** Who may sign in at the listeners `SASL_PLAINTEXT` and `SASL_SHORT`, besides every unsecured OAUTHBEARER token. Tests find
 *  these listeners by asking a broker for its configuration `listeners`. */
export const saslUsers: Readonly<Record<string, string>> = { alice: 'alice-secret', bob: 'bob-secret' }
/** How long a session lasts at `SASL_SHORT`. */
export const shortSessionMs = 2_000

const mechanisms = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512', 'OAUTHBEARER'] as const

/** For `kafka-storage format`: the SCRAM credentials of all users. */
export function scramArgs(): readonly string[] {
  return Object.entries(saslUsers).flatMap(([name, password]) =>
    ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((each) => [
      '--add-scram',
      `${each}=[name=${name},password=${password}]`,
    ]),
  )
}

function saslSettings(listener: string): Record<string, string> {
  const loginModules: Record<(typeof mechanisms)[number], string> = {
    PLAIN: `plain.PlainLoginModule required ${Object.entries(saslUsers)
      .map(([name, password]) => `user_${name}="${password}"`)
      .join(' ')}`,
    'SCRAM-SHA-256': 'scram.ScramLoginModule required',
    'SCRAM-SHA-512': 'scram.ScramLoginModule required',
    OAUTHBEARER: 'oauthbearer.OAuthBearerLoginModule required',
  }
  const entries = mechanisms.map((mechanism) => [
    `listener.name.${listener}.${mechanism.toLowerCase()}.sasl.jaas.config`,
    `org.apache.kafka.common.security.${loginModules[mechanism]};`,
  ])
  return { ...Object.fromEntries(entries), [`listener.name.${listener}.sasl.enabled.mechanisms`]: mechanisms.join(',') }
}

/** The `server.properties` of one broker, which is controller too. */
export function brokerConfig(self: BrokerAddress, all: readonly BrokerAddress[], logFolder: string): string {
  const voters = all.map((node) => `${node.nodeId}@${host}:${node.controllerPort}`)
  const replicas = Math.min(3, all.length)
  const inSyncMin = Math.min(2, all.length)
  const forClients = [
    `PLAINTEXT://${host}:${self.port}`,
    `SASL_PLAINTEXT://${host}:${self.saslPort}`,
    `SASL_SHORT://${host}:${self.shortSessionPort}`,
  ].join(',')
  const settings: Record<string, string | number | boolean> = {
    'process.roles': 'broker,controller',
    'node.id': self.nodeId,
    'controller.quorum.voters': voters.join(','),
    listeners: `${forClients},CONTROLLER://${host}:${self.controllerPort}`,
    'advertised.listeners': forClients,
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'listener.security.protocol.map':
      'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SHORT:SASL_PLAINTEXT',
    ...saslSettings('sasl_plaintext'),
    ...saslSettings('sasl_short'),
    'listener.name.sasl_short.connections.max.reauth.ms': shortSessionMs,
    'log.dirs': logFolder,
    'auto.create.topics.enable': true,
    'default.replication.factor': replicas,
    'min.insync.replicas': inSyncMin,

    // Kafka's own topics: one partition each, because fifty log folders are slow to make and tell a test nothing.
    'offsets.topic.num.partitions': 1,
    'offsets.topic.replication.factor': replicas,
    'transaction.state.log.num.partitions': 1,
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.min.isr': inSyncMin,
    'share.coordinator.state.topic.num.partitions': 1,
    'share.coordinator.state.topic.replication.factor': replicas,
    'share.coordinator.state.topic.min.isr': inSyncMin,

    // Groups form at once and may be given up after 100 ms.
    'group.initial.rebalance.delay.ms': 0,
    'group.min.session.timeout.ms': 100,
    'group.consumer.min.session.timeout.ms': 1_000,
    'group.consumer.min.heartbeat.interval.ms': 100,
    'group.consumer.heartbeat.interval.ms': 200,
    'group.consumer.assignment.interval.ms': 0,

    // Compaction, retention and abandoned transactions are looked at several times a second.
    'log.cleaner.threads': 1,
    'log.cleaner.backoff.ms': 100,
    'log.cleaner.min.cleanable.ratio': 0,
    'log.cleaner.dedupe.buffer.size': 2_097_152,
    'log.retention.check.interval.ms': 500,
    'log.segment.delete.delay.ms': 500,
    'log.initial.task.delay.ms': 500,
    'transaction.abort.timed.out.transaction.cleanup.interval.ms': 500,
  }
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')
}
