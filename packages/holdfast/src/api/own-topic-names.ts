/** Names the topics that are ours: delay topics and dead-letter topics of each group and topic. A naming function of the user
 *  may throw or return anything; whatever cannot be the name of a topic, or means two things at once, becomes an issue
 *  before anything is written (R23). Making and checking the topics in Kafka is left to the runtime. */

import { formatDuration } from '../model/duration.ts'
import { describeThrown, type SettingsIssue } from '../model/errors.ts'
import { OptionReader } from './option-reader.ts'
import { shown } from './shown.ts'
import { topicNameProblem } from './topic.ts'

/** Names for topics of ours. They must differ for every group, topic and delay, and stay the same from start to start. */
export type Naming = {
  /** Where records wait for their next attempt; `delay` is a text such as `'30s'`. @default '{group}.{topic}.retry.{delay}' */
  readonly delay?: ((of: DelayTopicOf) => string) | undefined
  /** Where records go that nothing could be done with. @default '{group}.{topic}.dlq' */
  readonly deadLetters?: ((of: DeadLettersOf) => string) | undefined
}

export type DelayTopicOf = { readonly group: string; readonly topic: string; readonly delay: string }
export type DeadLettersOf = { readonly group: string; readonly topic: string }

/** How a name is used; two uses of one name are one only if they are the same in words. */
export type TopicUse = {
  readonly name: string
  /** Such as `the dead-letter topic of billing for orders`. */
  readonly words: string
  readonly kind: 'source' | 'delay' | 'deadLetters'
  readonly report: (problem: string, remedy: string) => void
}

/** A name, or why there is none; null if that was told already. */
export type NameResult = { readonly name: string } | { readonly problem: string | null }

const renaming = 'Give the group or the topic another name, or pass `naming` to createHoldfast.'

const remedies = {
  source: '',
  delay: 'Leave it to the group that it belongs to: what waits there is handed to the handler of its source.',
  deadLetters: 'Consume deadLetters(topic) to look at dead letters.',
}

export class OwnTopicNames {
  readonly warnings: string[] = []
  readonly #naming: OptionReader
  readonly #uses: TopicUse[] = []
  /** Asked once, so that a function that answers differently each time cannot split a topic in two. */
  readonly #answers = new Map<string, NameResult>()

  constructor(naming: unknown, issues: SettingsIssue[]) {
    this.#naming = new OptionReader('naming.', naming, issues)
    this.#naming.refuseOthers(['delay', 'deadLetters'])
    this.#naming.function('delay', '({ group, topic, delay }) => `${group}.${topic}.retry.${delay}`')
    this.#naming.function('deadLetters', '({ group, topic }) => `${group}.${topic}.dlq`')
  }

  /** Of the topic in which records of a group wait so long. */
  delay(group: string, topic: string, delayMs: number): NameResult {
    const of: DelayTopicOf = Object.freeze({ group, topic, delay: formatDuration(delayMs) })
    return this.#ask('delay', of, `${group}.${topic}.retry.${of.delay}`)
  }

  deadLetters(group: string, topic: string): NameResult {
    return this.#ask('deadLetters', Object.freeze({ group, topic }), `${group}.${topic}.dlq`)
  }

  use(use: TopicUse): void {
    this.#uses.push(use)
  }

  /** R23: one name may not stand for two things. To be called when every use is known. */
  checkUses(): void {
    const sources = this.#uses.filter(({ kind }) => kind === 'source')
    const own = this.#uses.filter(({ kind }) => kind !== 'source')
    const ownByName = new Map<string, TopicUse>()
    for (const use of own) {
      const other = ownByName.get(use.name)
      if (other === undefined) ownByName.set(use.name, use)
      else if (other.words !== use.words)
        use.report(`${shown(use.name)} would be ${use.words} and ${other.words}`, renaming)
    }
    for (const source of sources) {
      const use = ownByName.get(source.name)
      if (use !== undefined) source.report(`this is ${use.words}`, remedies[use.kind])
    }
    this.#warnOfLookalikes()
  }

  /** Kafka makes metrics of topics by writing dots as underscores, and refuses to create a topic that then looks like
   *  another one. */
  #warnOfLookalikes(): void {
    const byLook = new Map<string, TopicUse>()
    const warned = new Set<string>()
    for (const use of this.#uses) {
      const look = use.name.replaceAll('.', '_')
      const other = byLook.get(look)
      if (other === undefined) byLook.set(look, use)
      else if (other.name !== use.name && (use.kind !== 'source' || other.kind !== 'source') && !warned.has(use.name)) {
        warned.add(use.name)
        this.warnings.push(
          `Kafka does not create both ${other.name} and ${use.name}: its metrics cannot tell them apart; ` +
            'use either dots or underscores in names',
        )
      }
    }
  }

  #ask(kind: 'delay' | 'deadLetters', of: DelayTopicOf | DeadLettersOf, usual: string): NameResult {
    const key = JSON.stringify([kind, of])
    const answer = this.#answers.get(key) ?? this.#answer(kind, of, usual)
    this.#answers.set(key, answer)
    return answer
  }

  #answer(kind: 'delay' | 'deadLetters', of: DelayTopicOf | DeadLettersOf, usual: string): NameResult {
    const naming = this.#naming.value(kind)
    if (typeof naming !== 'function') {
      const problem = topicNameProblem(usual)
      return problem === undefined ? { name: usual } : { problem: `no topic can be called ${shown(usual)}: ${problem}` }
    }
    const problem = this.#askUser(naming as (of: unknown) => unknown, of)
    if (typeof problem !== 'object') return { name: problem }
    // One issue for each function: what is wrong with it is wrong for every topic.
    if (!this.#naming.isFlawed(kind)) {
      this.#naming.report(
        kind,
        problem.problem,
        'Return a name of 1 to 249 letters, digits, dots, underscores and hyphens.',
      )
    }
    return { problem: null }
  }

  #askUser(naming: (of: unknown) => unknown, of: DelayTopicOf | DeadLettersOf): string | { readonly problem: string } {
    try {
      const name = naming(of)
      const problem = topicNameProblem(name)
      return problem === undefined ? (name as string) : { problem: `for ${of.group} and ${of.topic}: ${problem}` }
    } catch (error) {
      return { problem: `for ${of.group} and ${of.topic} it throws ${shown(describeThrown(error))}` }
    }
  }
}
