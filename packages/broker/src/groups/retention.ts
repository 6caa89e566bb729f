/** When offsets and groups are forgotten (KIP-211). Kafka looks at them at fixed times, `offsets.retention.check.interval.ms`
 *  apart; here nothing happens at these times, but whoever asks for a group later finds what the latest look has left. So
 *  no timer is needed that would keep a clock from coming to rest. */

import type { BrokerClock } from '../core/clock.ts'
import type { KnownGroup } from './group-coordinator.ts'

export type RetentionSettings = { readonly retentionMs: number; readonly checkIntervalMs: number }

export class Retention {
  readonly #clock: BrokerClock
  readonly #settings: () => RetentionSettings
  readonly #startedAtMs: number
  #lookedAtMs: number

  constructor(clock: BrokerClock, settings: () => RetentionSettings) {
    this.#clock = clock
    this.#settings = settings
    this.#startedAtMs = clock.epochMs()
    this.#lookedAtMs = this.#startedAtMs
  }

  /** Forgets what the latest look would have forgotten, and returns the groups of which nothing is left. */
  look(groups: Iterable<KnownGroup>): readonly KnownGroup[] {
    const { retentionMs, checkIntervalMs } = this.#settings()
    const sinceStartMs = this.#clock.epochMs() - this.#startedAtMs
    const atMs = this.#startedAtMs + Math.floor(sinceStartMs / checkIntervalMs) * checkIntervalMs
    if (atMs <= this.#lookedAtMs) return []
    this.#lookedAtMs = atMs
    return [...groups].filter((known) => {
      expireOffsets(known, atMs - retentionMs)
      const { emptySinceMs } = known.group
      return known.offsets.isEmpty && emptySinceMs !== undefined && emptySinceMs <= atMs
    })
  }
}

/** Offsets are kept for as long as somebody uses the group, or its topic. */
function expireOffsets({ group, offsets }: KnownGroup, untilMs: number): void {
  for (const { topic, partition, committedAtMs } of offsets.times()) {
    const sinceMs = group.unusedSince(committedAtMs)
    const isOld = sinceMs !== undefined && sinceMs <= untilMs
    if (isOld && !group.isSubscribedTo(topic) && !offsets.isUnstable(topic, partition)) offsets.forget(topic, partition)
  }
}
