/** Makes one function of what a user gave to `consume`: filter, decoding, handler, in this order. The filter comes first,
 *  so that a record that is for somebody else is left out even if we could not decode it. What it throws, or the handler,
 *  is a failed attempt. */
import { Message } from '../model/message.ts'
import { type AttemptContext, filtered, type RecordHandler } from '../runtime/attempts.ts'
import { type Topic } from './topic.ts'

/** What a handler gets besides the message. */
export type HandlerContext = Pick<AttemptContext, 'signal' | 'attempt' | 'log'>

/** Return (or resolve) means done, throw (or reject) means failed. */
export type Handler<T> = (message: Message<T>, context: HandlerContext) => unknown

export function recordHandler<Out>(
  topic: Topic<never, Out>,
  filter: ((message: Message<Out>) => boolean) | undefined,
  handler: Handler<Out>,
): RecordHandler {
  return (record, at, context) => {
    const message = new Message<Out>(at.topic, at.partition, record, topic.value)
    if (filter !== undefined && !passes(filter, message)) return filtered
    const decoding = Message.decode(message)
    return decoding === undefined ? handler(message, context) : decoding.then(() => handler(message, context))
  }
}

function passes<Out>(filter: (message: Message<Out>) => boolean, message: Message<Out>): boolean {
  const answer: unknown = filter(message)
  if (typeof answer === 'boolean') return answer
  // A promise is true whatever it resolves with: taken for an answer, it would let everything pass. What it comes to is
  // nobody's business then, a rejection included.
  Promise.resolve(answer).catch(() => undefined)
  throw new TypeError(`expected the filter to return true or false, got ${typeof answer}`)
}
