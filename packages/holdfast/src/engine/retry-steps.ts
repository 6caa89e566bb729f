/** Decides what follows a failed attempt (R18): another one in place, a delay topic, the dead letters, or nothing, when
 *  there is nowhere to go. Attempts are counted over all of these: one, then those in place, then one for each delay. */
import type { Destination } from '../model/destination.ts'
import { NonRetriableError, RetryAfterError, UndecodableError } from '../model/errors.ts'
import type { DelayTopic, SubscriptionSettings } from '../model/settings.ts'
import { fullJitterMs } from './backoff.ts'

export type RetryStep =
  | { readonly kind: 'park'; readonly delayMs: number }
  | { readonly kind: 'leave'; readonly destination: Destination }
  | { readonly kind: 'block' }

/** `attempts` were made so far, the one that threw `error` included. */
export function stepAfter(
  error: unknown,
  attempts: number,
  settings: SubscriptionSettings,
  random: () => number,
): RetryStep {
  const { inPlaceDelaysMs, delaysMs, delayTopics } = settings
  const isOver = attempts > inPlaceDelaysMs.length + delaysMs.length
  const isHopeless = isA(error, NonRetriableError) || isA(error, UndecodableError)
  if (isOver || isHopeless) return lastStep(settings)
  if (isA(error, RetryAfterError)) return waitFor(error.delayMs, delayTopics)
  const longestMs = inPlaceDelaysMs[attempts - 1]
  if (longestMs !== undefined) return { kind: 'park', delayMs: fullJitterMs(longestMs, random) }
  // Jitter is for waits in place: in a topic it would only make records overtake each other (R22).
  return waitFor(delaysMs[attempts - 1 - inPlaceDelaysMs.length] ?? 0, delayTopics)
}

/** Handlers throw anything, also a proxy that refuses to be asked what it is. */
function isA<T>(thrown: unknown, kind: abstract new (...given: never[]) => T): thrown is T {
  try {
    return thrown instanceof kind
  } catch {
    return false
  }
}

/** Nothing further is tried. */
export function lastStep({ deadLetters }: SubscriptionSettings): RetryStep {
  if (deadLetters === null) return { kind: 'block' }
  return { kind: 'leave', destination: { outcome: 'deadLettered', topic: deadLetters.topic } }
}

/** In the topic with the shortest delay that is long enough, so that little is read long before it is due; without any
 *  topic, in place. */
export function waitFor(waitMs: number, delayTopics: readonly DelayTopic[]): RetryStep {
  // Whole milliseconds: headers carry nothing else, and rounded up, so that nothing starts early.
  const delayMs = Math.ceil(waitMs)
  const chosen = delayTopics.find((each) => each.delayMs >= delayMs) ?? delayTopics.at(-1)
  if (chosen === undefined) return { kind: 'park', delayMs }
  return { kind: 'leave', destination: { outcome: 'retried', topic: chosen.topic, delayMs } }
}
