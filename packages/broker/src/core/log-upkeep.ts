/** Takes away what the settings of topics do not keep: by time and size as the clock goes on, by key when a test asks.
 *
 *  Kafka compacts in the background, at a moment that nobody can name; here it happens when it is asked for. */

import { logSettings, type LogSettings } from '../log/log-settings.ts'
import type { BrokerClock, BrokerTimer } from './clock.ts'
import type { Cluster, Partition, Topic } from './cluster.ts'
import type { BrokerEvent } from './events.ts'

/** `log.initial.task.delay.ms` and `log.retention.check.interval.ms`. */
const firstCheckAfterMs = 30_000
const checkEveryMs = 300_000

export type UpkeepPorts = {
  readonly clock: BrokerClock
  readonly cluster: Cluster
  readonly emit: (event: BrokerEvent) => void
  readonly warn: (message: string) => void
}

export class LogUpkeep {
  readonly #ports: UpkeepPorts
  #timer: BrokerTimer | undefined
  #isClosed = false

  constructor(ports: UpkeepPorts) {
    this.#ports = ports
  }

  /** Something was stored. Without records there is nothing to look after, and no timer that a held clock would wait for. */
  wake(delayMs: number = firstCheckAfterMs): void {
    if (this.#timer !== undefined || this.#isClosed) return
    this.#timer = this.#ports.clock.setTimer(delayMs, () => {
      this.#timer = undefined
      this.applyRetention()
      const hasRecords = ({ log }: Partition): boolean => log.sizeBytes > 0
      if (this.#ports.cluster.topics().some(({ partitions }) => partitions.some(hasRecords))) this.wake(checkEveryMs)
    })
  }

  /** Deletes from all topics what `retention.ms` and `retention.bytes` do not keep. */
  applyRetention(): void {
    const { cluster, emit } = this.#ports
    for (const topic of cluster.topics()) {
      const settings = this.#settingsOf(topic)
      for (const { index, log } of topic.partitions) {
        if (!log.applyRetention(settings, this.#nowMs())) continue
        emit({ type: 'recordsDeleted', topic: topic.name, partition: index, startOffset: log.startOffset })
      }
    }
  }

  /** Throws a RangeError if there is no such topic, or if it is not compacted. */
  compact(name: string): void {
    const topic = this.#ports.cluster.topic(name)
    if (topic === undefined) throw new RangeError(`topic ${name} does not exist`)
    const settings = this.#settingsOf(topic)
    if (!settings.isCompacted) {
      throw new RangeError(`topic ${name} is not compacted: create it with cleanup.policy=compact`)
    }
    for (const partition of topic.partitions) this.#compact(partition, settings)
  }

  #compact({ topic, index, log }: Partition, settings: LogSettings): void {
    for (const offset of log.compact(settings, this.#nowMs())) {
      this.#ports.warn(`the batch at ${topic.name}-${index} ${offset} cannot be opened: compaction leaves it as it is`)
    }
  }

  #settingsOf(topic: Topic): LogSettings {
    return logSettings((name) => this.#ports.cluster.topicSetting(topic, name))
  }

  #nowMs(): number {
    return Math.trunc(this.#ports.clock.epochMs())
  }

  /** Nothing is taken away by the clock any more. */
  close(): void {
    this.#isClosed = true
    this.#timer?.cancel()
  }
}
