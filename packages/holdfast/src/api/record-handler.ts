/** Makes one function of what a user gave to `consume`: filter, decoding, handler, in this order. The filter comes first,
 *  so that a record that is for somebody else is left out even if we could not decode it. What it throws, or the handler,
 *  is a failed attempt.
 *
 *  The same function serves the delay topics: a record that comes back looks as if it had never left. The headers of our own
 *  topics are believed there and nowhere else (R21), because anybody may write to the topic of a user. */
import { readHandedOff, withoutOurs } from '../model/handed-off.ts'
import { Message, type Origin } from '../model/message.ts'
import type { KafkaRecord } from '../model/record.ts'
import type { SubscriptionSettings } from '../model/settings.ts'
import { type AttemptContext, filtered, type RecordHandler } from '../runtime/attempts.ts'
import { watchedBy } from './dead-letters.ts'
import { deadLetterMessage } from './read-dead-letter.ts'
import type { Topic } from './topic.ts'

/** What a handler gets besides the message. */
export type HandlerContext = Pick<AttemptContext, 'signal' | 'attempt' | 'log'>

/** Return (or resolve) means done, throw (or reject) means failed. */
export type Handler<T> = (message: Message<T>, context: HandlerContext) => unknown

/** One `consume` call, once it was checked. */
export type Consumption<Out> = {
  readonly topic: Topic<never, Out>
  readonly filter: ((message: Message<Out>) => boolean) | undefined
  readonly handler: Handler<Out>
}

/** The topics of one `consume` call, its delay topics included, each with what its records are handed to. */
export function recordHandlers<Out>(
  consumption: Consumption<Out>,
  settings: Pick<SubscriptionSettings, 'topic' | 'delayTopics'>,
  group: string,
): ReadonlyMap<string, RecordHandler> {
  const handlers = new Map([[settings.topic, sourceHandler(consumption)]])
  const returned = returnHandler(consumption, group)
  for (const { topic } of settings.delayTopics) handlers.set(topic, returned)
  return handlers
}

function sourceHandler<Out>(consumption: Consumption<Out>): RecordHandler {
  const { topic } = consumption
  const watched = watchedBy(topic)
  if (watched !== undefined) {
    const { value } = watched.topic
    return (record, at, context) => hand(deadLetterMessage(record, at, value) as Message<Out>, context, consumption)
  }
  return (record, at, context) => {
    return hand(new Message<Out>(at.topic, at.partition, record, topic.value), context, consumption)
  }
}

/** For the delay topics. */
function returnHandler<Out>(consumption: Consumption<Out>, group: string): RecordHandler {
  return (record, at, context) => {
    const { source, isForeign } = readHandedOff(record.headers)
    // R23: names may collide where no check can see it. What another group handed off is that group's.
    const isOthers = !isForeign && source !== null && source.group !== null && source.group !== group
    if (isOthers) return filtered
    const origin = originOf(record, at, source)
    return hand(new Message<Out>(at.topic, at.partition, record, consumption.topic.value, origin), context, consumption)
  }
}

type Place = { readonly topic: string; readonly partition: number }
type Told = ReturnType<typeof readHandedOff>['source']

/** A record that does not tell where it was, because somebody else wrote it there, is where it lies. */
function originOf(record: KafkaRecord, at: Place, source: Told): Origin {
  const headers = withoutOurs(record.headers)
  const { offset, timestampMs } = record
  if (source === null || source.partition === null || source.offset === null) {
    return { topic: at.topic, partition: at.partition, offset, timestampMs, headers }
  }
  return {
    topic: source.topic,
    partition: source.partition,
    offset: source.offset,
    timestampMs: source.timestampMs ?? timestampMs,
    headers,
  }
}

function hand<Out>(message: Message<Out>, context: AttemptContext, { filter, handler }: Consumption<Out>): unknown {
  if (filter !== undefined && !passes(filter, message)) return filtered
  const decoding = Message.decode(message)
  return decoding === undefined ? handler(message, context) : decoding.then(() => handler(message, context))
}

function passes<Out>(filter: (message: Message<Out>) => boolean, message: Message<Out>): boolean {
  const answer: unknown = filter(message)
  if (typeof answer === 'boolean') return answer
  // A promise is true whatever it resolves with: taken for an answer, it would let everything pass. What it comes to is
  // nobody's business then, a rejection included.
  Promise.resolve(answer).catch(() => undefined)
  throw new TypeError(`expected the filter to return true or false, got ${typeof answer}`)
}
