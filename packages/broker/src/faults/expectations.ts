/** Checks what tests pass in, at the call, so that a typing error is not a fault that never happens. Everything here throws
 *  a `BrokerError` that says what was expected, what came, and what to do. */

import { inspect } from 'node:util'

import { BrokerError } from '../broker-error.ts'
import type { BrokerCore } from '../core/broker-core.ts'
import { type ApiName, apiNames } from '../protocol/apis.ts'
import { errorNameOf, type ErrorName, errorNumbers } from './error-names.ts'

export function refuseArgument(expected: string, got: unknown, remedy: string): never {
  throw new BrokerError('INVALID_ARGUMENT', `expected ${expected}, got ${inspect(got, { depth: 1 })}`, { remedy })
}

export function expectApi(api: string): ApiName {
  if ((apiNames as readonly string[]).includes(api)) return api as ApiName
  throw new BrokerError('UNKNOWN_API', `expected the name of an API that is served, got ${inspect(api)}`, {
    remedy: `${nearest(api, apiNames)} All of them: ${apiNames.join(', ')}.`,
  })
}

export function expectErrorCode(code: ErrorName | number): number {
  const number = typeof code === 'number' ? code : (errorNumbers[code] as number | undefined)
  if (number !== undefined && errorNameOf(number) !== undefined) return number
  throw new BrokerError('UNKNOWN_ERROR_NAME', `expected an error of the Kafka protocol, got ${inspect(code)}`, {
    remedy: `${typeof code === 'string' ? nearest(code, Object.keys(errorNumbers)) : ''} The protocol guide lists them: https://kafka.apache.org/protocol#protocol_error_codes.`,
  })
}

type Bounds = { readonly min: number; readonly max?: number }

/** A whole number within bounds. */
export function expectWhole(name: string, value: number, { min, max = Number.MAX_SAFE_INTEGER }: Bounds): number {
  const upTo = max === Number.MAX_SAFE_INTEGER ? `at least ${min}` : `${min} to ${max}`
  if (Number.isSafeInteger(value) && value >= min && value <= max) return value
  return refuseArgument(`${name} to be a whole number, ${upTo}`, value, `Pass ${name} as a number, such as ${min}.`)
}

export function expectMs(name: string, value: number): number {
  if (typeof value === 'number' && Number.isFinite(value) && value >= 0) return value
  return refuseArgument(`${name} to be milliseconds, 0 or more`, value, 'Pass a number, such as 200.')
}

export function expectName(what: string, value: string): string {
  if (typeof value === 'string' && value !== '') return value
  return refuseArgument(`the name of a ${what}`, value, `Pass a string, such as '${what}-1'.`)
}

export function expectOption<T extends string>(name: string, value: string, allowed: readonly T[]): T {
  if ((allowed as readonly string[]).includes(value)) return value as T
  return refuseArgument(
    `${name} to be ${allowed.map((each) => `'${each}'`).join(', ')}`,
    value,
    nearest(value, allowed),
  )
}

/** Refuses options that nobody reads: `{ time: 2 }` would otherwise be a fault that happens once. */
export function expectOptions(where: string, given: object | undefined, known: readonly string[]): void {
  if (typeof given !== 'object' || given === null) {
    return refuseArgument(`${where} to be given an object of options`, given, `It knows ${known.join(', ')}.`)
  }
  const unknown = Object.keys(given).find((name) => !known.includes(name))
  if (unknown === undefined) return
  refuseArgument(`options of ${where}`, unknown, `${nearest(unknown, known)} It knows ${known.join(', ')}.`)
}

export function expectFunction(what: string, value: unknown): void {
  if (typeof value !== 'function') refuseArgument(`${what} to be a function`, value, 'Pass a function.')
}

export function expectNode(core: BrokerCore, nodeId: number): number {
  if (core.nodeIds().includes(nodeId)) return nodeId
  throw new BrokerError('UNKNOWN_NODE', `expected the id of a node, got ${inspect(nodeId)}`, {
    remedy: `There are ${core.nodeIds().join(', ')}; start the cluster with more \`brokers\` for more.`,
  })
}

export function expectTopic(core: BrokerCore, topic: string): string {
  const names = core.topics().map(({ name }) => name)
  if (names.includes(topic)) return topic
  throw new BrokerError('UNKNOWN_TOPIC', `expected a topic that exists, got ${inspect(topic)}`, {
    remedy: `There are ${names.join(', ') || 'none'}; name it in the option \`topics\`, or call createTopic() first.`,
  })
}

export function expectPartition(core: BrokerCore, topic: string, partition: number): number {
  expectTopic(core, topic)
  const count = core.topics().find(({ name }) => name === topic)?.partitions.length ?? 0
  if (Number.isInteger(partition) && partition >= 0 && partition < count) return partition
  throw new BrokerError(
    'UNKNOWN_PARTITION',
    `expected a partition of ${topic}, 0 to ${count - 1}, got ${inspect(partition)}`,
    {
      remedy: `Give ${topic} more partitions in the option \`topics\`, or name one that it has.`,
    },
  )
}

export function expectGroup(core: BrokerCore, group: string): string {
  expectName('group', group)
  if (core.group(group) !== undefined) return group
  throw new BrokerError('UNKNOWN_GROUP', `expected a group that somebody has joined, got ${inspect(group)}`, {
    remedy: 'Wait until it is there: await kafka.waitForAssignment(group).',
  })
}

export function expectMember(core: BrokerCore, group: string, memberId: string): string {
  const ids = core.group(expectGroup(core, group))?.members.map((member) => member.memberId) ?? []
  if (ids.includes(memberId)) return memberId
  throw new BrokerError('UNKNOWN_MEMBER', `expected a member of group ${group}, got ${inspect(memberId)}`, {
    remedy: `Its members are ${ids.join(', ') || 'none'}; read them from kafka.group('${group}').members.`,
  })
}

/** "Did you mean" for the name that shares most letters, in order. */
function nearest(given: unknown, known: readonly string[]): string {
  if (typeof given !== 'string' || given === '') return 'Pass its name as a string.'
  const [best] = known
    .map((name) => ({ name, likeness: likeness(given.toLowerCase(), name.toLowerCase()) }))
    .toSorted((left, right) => right.likeness - left.likeness)
  return best !== undefined && best.likeness >= 0.4 ? `Did you mean '${best.name}'?` : 'It is none of those known.'
}

/** Dice's coefficient of the pairs of letters. */
function likeness(left: string, right: string): number {
  const pairs = (text: string): string[] => Array.from({ length: text.length - 1 }, (_, at) => text.slice(at, at + 2))
  const others = pairs(right)
  const total = Math.max(1, pairs(left).length + others.length)
  let shared = 0
  for (const pair of pairs(left)) {
    const at = others.indexOf(pair)
    if (at === -1) continue
    shared += 1
    others.splice(at, 1)
  }
  return (2 * shared) / total
}
