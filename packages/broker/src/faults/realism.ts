/** `profile: 'realistic'`: the slowness of a real cluster, which an instant broker would hide from tests.
 *
 *  * the first rebalance of a group waits for more members (`group.initial.rebalance.delay.ms`)
 *  * a new topic is unknown for a moment, then it is there without leaders, then it can be used
 *  * the first search for a coordinator finds none, because `__consumer_offsets` is only being made
 *  * the markers of a transaction come after its end was answered; until then it is ending
 *  * every answer takes a moment, drawn from the clock's chance */

import type { BrokerCore } from '../core/broker-core.ts'
import type { BrokerClock } from '../core/clock.ts'
import { apiNames, type RequestOf, type ResponseOf } from '../protocol/apis.ts'
import { errorNumbers } from './error-names.ts'
import type { FaultContext } from './intercepts.ts'

/** Kafka's default of `group.initial.rebalance.delay.ms`. */
export const realisticRebalanceDelayMs = 3_000
/** Between the answer to EndTxn and the markers. */
export const realisticMarkerDelayMs = 20
/** After CreateTopics: this long unknown, then as long again without leaders. */
const topicUnknownMs = 50
/** From the first search on. */
const coordinatorAwayMs = 300
const jitterMsMax = 10

export function addRealism(core: BrokerCore, clock: BrokerClock): void {
  const knownSinceMs = new Map<string, number>(core.topics().map(({ name }) => [name, -Infinity]))
  core.onEvent((event) => {
    if (event.type === 'topicCreated' && !knownSinceMs.has(event.topic)) {
      knownSinceMs.set(event.topic, clock.monotonicMs())
    }
    if (event.type === 'topicDeleted') knownSinceMs.delete(event.topic)
  })
  const ageMs = (topic: string | null): number => clock.monotonicMs() - (knownSinceMs.get(topic ?? '') ?? -Infinity)
  core.intercept('Metadata', () => (answer: ResponseOf<'Metadata'>) => ({
    ...answer,
    topics: answer.topics.map((topic) => young(topic, ageMs(topic.name))),
  }))

  let firstSearchMs: number | undefined
  core.intercept('FindCoordinator', (request: RequestOf<'FindCoordinator'>, context: FaultContext) => {
    firstSearchMs ??= clock.monotonicMs()
    if (clock.monotonicMs() - firstSearchMs >= coordinatorAwayMs) return undefined
    return core.errorAnswer('FindCoordinator', request, context, errorNumbers.COORDINATOR_NOT_AVAILABLE)
  })

  for (const api of apiNames) {
    core.intercept(
      api,
      () => new Promise((resolve) => void clock.setTimer(clock.random() * jitterMsMax, () => resolve(undefined))),
    )
  }
}

type TopicAnswer = ResponseOf<'Metadata'>['topics'][number]

function young(topic: TopicAnswer, ageMs: number): TopicAnswer {
  if (topic.errorCode !== 0 || ageMs >= 2 * topicUnknownMs) return topic
  if (ageMs < topicUnknownMs) {
    return { ...topic, errorCode: errorNumbers.UNKNOWN_TOPIC_OR_PARTITION, partitions: [] }
  }
  return {
    ...topic,
    partitions: topic.partitions.map((partition) => ({
      ...partition,
      errorCode: errorNumbers.LEADER_NOT_AVAILABLE,
      leaderId: -1,
    })),
  }
}
