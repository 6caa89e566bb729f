/** The dead letters of a topic, as a topic that can be consumed: `app.consume(deadLetters(orders), …)`. How the topic is
 *  called depends on group and naming and is known when the settings are; writing dead letters is left to the runtime. */

import { HoldfastError, type SettingsIssue } from '../model/errors.ts'
import type { Codec } from './codec.ts'
import { noteFlaw } from './definition-flaws.ts'
import { OptionReader } from './option-reader.ts'
import { shown } from './shown.ts'
import type { Topic } from './topic.ts'

/** A message that nothing could be done with, and why. What cannot be known is undefined: anybody may write to the topic. */
export type DeadLetter<Out> = {
  /** Decoded as its source topic says; undefined if it cannot be, then `problem` says why. `message.valueBytes` has the
   *  bytes in any case. */
  readonly value: Out | undefined
  readonly problem: string | undefined
  /** Where it was before it failed for the first time. */
  readonly source: DeadLetterSource | undefined
  /** How often it was tried. */
  readonly attempts: number | undefined
  readonly firstFailed: Date | undefined
  /** What the last attempt failed with. */
  readonly error: DeadLetterError | undefined
  /** How often it was sent back to be tried again. */
  readonly redriveCount: number
}

export type DeadLetterSource = {
  readonly topic: string
  readonly partition: number | undefined
  readonly offset: number | undefined
  readonly timestamp: Date | undefined
  readonly group: string | undefined
}

export type DeadLetterError = {
  readonly class: string | undefined
  readonly code: string | undefined
  readonly message: string | undefined
  readonly stack: string | undefined
}

export type DeadLettersOptions = {
  /** Whose dead letters. @default the group that consumes them */
  readonly group?: string | undefined
}

/** What `deadLetters()` was given, for the settings. */
export type WatchedDeadLetters = {
  readonly topic: Topic<never, unknown>
  /** Null: the group that consumes them. */
  readonly group: string | null
}

const watched = new WeakMap<object, WatchedDeadLetters>()

/** The dead letters of a topic. They can be consumed, in place of the topic; they cannot be sent to. */
export function deadLetters<In, Out>(
  topic: Topic<In, Out>,
  options: DeadLettersOptions = {},
): Topic<never, DeadLetter<Out>> {
  const name: unknown = (topic as Partial<Topic<In, Out>> | undefined | null)?.name
  const definition: Topic<never, DeadLetter<Out>> = Object.freeze({
    name: `deadLetters(${typeof name === 'string' ? name : shown(topic)})`,
    value: undecodable,
    key: null,
  })
  const issues: SettingsIssue[] = []
  const reader = new OptionReader(`${definition.name}.`, options, issues)
  reader.refuseOthers(['group'])
  const group = reader.name('group') ?? null
  for (const issue of issues) noteFlaw(definition, issue)
  watched.set(definition, { topic, group })
  return definition
}

/** What stands behind a value that `deadLetters()` made; undefined for everything else. */
export function watchedBy(candidate: unknown): WatchedDeadLetters | undefined {
  return typeof candidate === 'object' && candidate !== null ? watched.get(candidate) : undefined
}

/** A dead letter is decoded together with its headers, which a codec does not see; nobody calls this one. */
const undecodable: Codec<never> = Object.freeze({
  decode: () => {
    throw new HoldfastError('MESSAGE_INVALID', 'expected a dead letter to be decoded with its headers')
  },
  encode: () => {
    throw new HoldfastError('MESSAGE_INVALID', 'dead letters can be consumed, not sent', {
      remedy: 'Send to the topic itself.',
    })
  },
})
