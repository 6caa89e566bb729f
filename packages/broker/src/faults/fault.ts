/** One fault that a test has set: for whom it is meant, how often it may take effect, how often it did, and where it was set. */

import { fileURLToPath } from 'node:url'

import type { BrokerCore } from '../core/broker-core.ts'
import type { ApiName, RequestOf } from '../protocol/apis.ts'
import { expectFunction, expectName, expectNode, expectWhole } from './expectations.ts'
import type { FaultContext } from './intercepts.ts'

/** Whom a fault is meant for. A request must fit all that is given. */
export type FaultScope<A extends ApiName = ApiName> = {
  /** How many requests it takes, 1 or more; after that it is gone. */
  readonly times?: number | undefined
  /** Only requests for which this is true. */
  readonly where?: ((request: RequestOf<A>, context: FaultContext) => boolean) | undefined
  /** Only requests to this node. */
  readonly node?: number | undefined
  /** Only requests of this client. */
  readonly clientId?: string | undefined
  /** Only requests that name this group; of those that name none (Fetch, Produce, …), requests of its members' clients. */
  readonly group?: string | undefined
}

export const scopeOptions: readonly string[] = ['times', 'where', 'node', 'clientId', 'group']

export type Fault = {
  /** How many requests it has taken so far. */
  readonly calls: number
  /** Takes it away. It still counts as unused if it never took effect. */
  remove(): void
  [Symbol.dispose](): void
}

export class SetFault implements Fault {
  /** As it was written: `fail('OffsetCommit')`. */
  readonly label: string
  /** File and line of the test. */
  readonly setAt: string
  readonly #core: BrokerCore
  readonly #scope: FaultScope
  readonly #timesMax: number
  readonly #onRemove: (() => void)[] = []
  #calls = 0

  constructor(core: BrokerCore, label: string, scope: FaultScope, timesDefault: number) {
    this.#core = core
    this.label = label
    this.setAt = callerOfPackage()
    this.#scope = scope
    if (scope.times !== undefined && scope.times !== Infinity) expectWhole('times', scope.times, { min: 1 })
    if (scope.where !== undefined) expectFunction('where', scope.where)
    if (scope.node !== undefined) expectNode(core, scope.node)
    if (scope.clientId !== undefined) expectName('client', scope.clientId)
    if (scope.group !== undefined) expectName('group', scope.group)
    this.#timesMax = scope.times ?? timesDefault
  }

  get calls(): number {
    return this.#calls
  }

  onRemove(callback: () => void): void {
    this.#onRemove.push(callback)
  }

  remove(): void {
    for (const callback of this.#onRemove.splice(0)) callback()
  }

  [Symbol.dispose](): void {
    this.remove()
  }

  /** Whether this request is its own; then it is counted, and the last one removes the fault. */
  takes(request: object, context: FaultContext): boolean {
    const { where, node, clientId, group } = this.#scope
    if (this.#calls >= this.#timesMax) return false
    if (node !== undefined && context.nodeId !== node) return false
    if (clientId !== undefined && context.clientId !== clientId) return false
    if (group !== undefined && !speaksFor(group, request, context, this.#core)) return false
    if (where !== undefined && !where(request as never, context)) return false
    this.#calls += 1
    if (this.#calls === this.#timesMax) this.remove()
    return true
  }
}

/** The groups that a request names. */
export function groupsNamedBy(request: object): readonly string[] {
  const { groupId, groups, groupsNames, groupIds, keys, key } = request as Record<string, unknown>
  const lists = [groups, groupsNames, groupIds, keys].filter((list) => Array.isArray(list)).flat()
  return [groupId, key, ...lists]
    .map((each) => (typeof each === 'object' && each !== null ? (each as { groupId?: unknown }).groupId : each))
    .filter((each) => typeof each === 'string' && each !== '') as string[]
}

function speaksFor(group: string, request: object, { clientId }: FaultContext, core: BrokerCore): boolean {
  const named = groupsNamedBy(request)
  if (named.length > 0) return named.includes(group)
  return core.group(group)?.members.some((member) => member.clientId === clientId) ?? false
}

const ownFolder = fileURLToPath(new URL('..', import.meta.url))

/** The first line of the stack that lies outside this package, or in a test of it. */
function callerOfPackage(): string {
  const lines = (new Error('where').stack ?? '').split('\n').slice(1)
  const outside = lines.find((line) => {
    const isOwn = line.includes(ownFolder) && !/\.test\.[jt]s/.test(line)
    return !isOwn && !line.includes('node:internal') && line.includes(':')
  })
  return outside?.replace(/^\s*at (?:.*\()?/, '').replace(/\)$/, '') ?? 'an unknown place'
}
