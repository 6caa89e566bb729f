/** Decides how a real broker is configured for development and tests: one machine, small, and every delay that a test
 *  would wait for made short. Nothing here softens what Kafka promises. */

export type BrokerAddress = { readonly nodeId: number; readonly port: number; readonly controllerPort: number }

const host = '127.0.0.1'

/** The `server.properties` of one broker, which is controller too. */
export function brokerConfig(self: BrokerAddress, all: readonly BrokerAddress[], logFolder: string): string {
  const voters = all.map((node) => `${node.nodeId}@${host}:${node.controllerPort}`)
  const replicas = Math.min(3, all.length)
  const inSyncMin = Math.min(2, all.length)
  const settings: Record<string, string | number | boolean> = {
    'process.roles': 'broker,controller',
    'node.id': self.nodeId,
    'controller.quorum.voters': voters.join(','),
    listeners: `PLAINTEXT://${host}:${self.port},CONTROLLER://${host}:${self.controllerPort}`,
    'advertised.listeners': `PLAINTEXT://${host}:${self.port}`,
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
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
