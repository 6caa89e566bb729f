/** Which topics the members of a consumer group want, by name or by regular expression, and whether these topics changed
 *  since it was last asked: a new topic, more partitions, or the same name with another id all ask for a new assignment. */

import type { ConsumerMember } from './consumer-member.ts'
import type { PartitionCounts } from './assignors.ts'
import { topicMatcher } from './topic-regex.ts'

/** As much of a topic as a group must know. */
export type GroupTopic = {
  readonly name: string
  readonly id: string
  readonly partitions: { readonly length: number }
}

type Regex = { readonly matches: (topic: string) => boolean; isResolved: boolean }

export class Subscriptions {
  readonly #topics: () => readonly GroupTopic[]
  readonly #regexes = new Map<string, Regex>()
  #seen = ''

  constructor(topics: () => readonly GroupTopic[]) {
    this.#topics = topics
  }

  /** Compiles a pattern; throws a `RegexProblem` if it is none. It matches nothing before it is resolved, because Kafka
   *  looks for the topics of a new pattern beside the heartbeats. Returns whether that is still to be done. */
  learn(pattern: string): 'unresolved' | 'resolved' {
    const known = this.#regexes.get(pattern) ?? { matches: topicMatcher(pattern), isResolved: pattern === '' }
    this.#regexes.set(pattern, known)
    return known.isResolved ? 'resolved' : 'unresolved'
  }

  resolve(pattern: string): void {
    const known = this.#regexes.get(pattern)
    if (known !== undefined) known.isResolved = true
  }

  /** Ids of the existing topics that a member wants. */
  of(member: ConsumerMember): ReadonlySet<string> {
    const wanted = this.#topics().filter((topic) => this.#wants(member, topic.name))
    return new Set(wanted.map(({ id }) => id))
  }

  #wants({ topicNames, topicRegex }: ConsumerMember, topic: string): boolean {
    if (topicNames.has(topic)) return true
    const regex = topicRegex === '' ? undefined : this.#regexes.get(topicRegex)
    return regex !== undefined && regex.isResolved && regex.matches(topic)
  }

  /** Whether one of the members wants the topic. */
  includes(members: Iterable<ConsumerMember>, topic: string): boolean {
    for (const member of members) if (this.#wants(member, topic)) return true
    return false
  }

  /** All that the members want. */
  topicsOf(members: readonly ConsumerMember[]): PartitionCounts {
    const wanted = this.#topics().filter(({ name }) => this.includes(members, name))
    return new Map(wanted.map(({ id, partitions }) => [id, partitions.length]))
  }

  /** Whether what the members want differs from what it was when this was last asked. */
  haveChanged(members: readonly ConsumerMember[]): boolean {
    const now = [...this.topicsOf(members)].map((entry) => entry.join(':')).join()
    const haveChanged = now !== this.#seen
    this.#seen = now
    return haveChanged
  }

  nameOf(topicId: string): string {
    return this.#topics().find(({ id }) => id === topicId)?.name ?? ''
  }
}
