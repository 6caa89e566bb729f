/** The names under which members of a group agree on how partitions are divided, and which assignor each name stands for. */
import { type Assignor, assignEagerly, assignRanges } from './assignors.ts'
import { coAssign, type DelayTopics } from './co-assignment.ts'
import { assignStickily } from './sticky-assignor.ts'

/** What we offer when we join, in order of preference. kafkajs calls round robin by another name. A cooperative member
 *  offers no eager name: with one in common, the group would expect it to have given everything back. */
const offered: { readonly eager: readonly string[]; readonly cooperative: readonly string[] } = {
  eager: ['roundrobin', 'RoundRobinAssigner', 'range'],
  cooperative: ['cooperative-sticky'],
}

const assignors: ReadonlyMap<string, Assignor> = new Map([
  ['roundrobin', assignEagerly],
  ['RoundRobinAssigner', assignEagerly],
  ['range', assignRanges],
  ['cooperative-sticky', assignStickily],
])

export function assignorNames(protocol: 'eager' | 'cooperative'): readonly string[] {
  return offered[protocol]
}

/** The assignor of the protocol that the coordinator chose; undefined for one we do not know. */
export function assignorNamed(name: string, delayTopics: DelayTopics): Assignor | undefined {
  const assign = assignors.get(name)
  return assign === undefined ? undefined : coAssign(assign, delayTopics, offered.cooperative.includes(name))
}
