/** The history as a test reads it: one numbered list of requests and changes, by any of their properties, or as text. */

import { inspect } from 'node:util'

import type { BrokerCore } from '../core/broker-core.ts'
import type { BrokerEvent, HistoryChange, HistoryEntry } from '../core/events.ts'
import { expectApi, expectOptions, expectWhole } from '../faults/expectations.ts'
import { groupsNamedBy } from '../faults/fault.ts'
import type { ApiName } from '../protocol/apis.ts'

export type HistoryFilter = {
  /** Only requests of this API. */
  readonly api?: ApiName | undefined
  /** Only changes of this type. */
  readonly type?: BrokerEvent['type'] | undefined
  readonly clientId?: string | undefined
  readonly node?: number | undefined
  /** Only what names this group. */
  readonly group?: string | undefined
  /** Only what has a higher number than this. */
  readonly after?: number | undefined
}

type Entry = HistoryEntry | HistoryChange

const textWidth = 200

export class HistoryView {
  readonly #core: BrokerCore

  constructor(core: BrokerCore) {
    this.#core = core
  }

  /** The newest 10,000 requests and changes, in the order in which they took effect. */
  get entries(): readonly Entry[] {
    return this.#core.fullHistory
  }

  /** The entries that fit all that is given. Throws for an API that does not exist. */
  filter(filter: HistoryFilter & { readonly api: ApiName }): readonly HistoryEntry[]
  filter(filter: HistoryFilter & { readonly type: BrokerEvent['type'] }): readonly HistoryChange[]
  filter(filter: HistoryFilter): readonly Entry[]
  filter(filter: HistoryFilter): readonly Entry[] {
    expectOptions('history.filter', filter, ['api', 'type', 'clientId', 'node', 'group', 'after'])
    if (filter.api !== undefined) expectApi(filter.api)
    if (filter.after !== undefined) expectWhole('after', filter.after, { min: 0 })
    return this.entries.filter((entry) => fits(entry, filter))
  }

  /** A line for each of the newest entries, oldest first. */
  text(entriesMax = 50): string {
    expectWhole('entriesMax', entriesMax, { min: 1 })
    const entries = this.entries
    const shown = entries.slice(-entriesMax)
    const startMs = entries[0]?.atMs ?? 0
    const before = (shown[0]?.number ?? 1) - 1
    return [...(before > 0 ? [`… ${before} before`] : []), ...shown.map((each) => lineOf(each, startMs))].join('\n')
  }

  toString(): string {
    return this.text()
  }
}

function fits(entry: Entry, { api, type, clientId, node, group, after }: HistoryFilter): boolean {
  if (after !== undefined && entry.number <= after) return false
  const facts: Record<string, unknown> = entry.kind === 'request' ? entry : { ...entry.event }
  if (api !== undefined && (entry.kind !== 'request' || entry.api !== api)) return false
  if (type !== undefined && (entry.kind !== 'change' || entry.event.type !== type)) return false
  if (clientId !== undefined && facts['clientId'] !== clientId) return false
  if (node !== undefined && facts['nodeId'] !== node) return false
  return group === undefined || groupsNamedBy(entry.kind === 'request' ? entry.request : entry.event).includes(group)
}

function lineOf(entry: Entry, startMs: number): string {
  const head = `#${entry.number} +${((entry.atMs - startMs) / 1_000).toFixed(3)}s`
  if (entry.kind === 'change') {
    const { type, ...rest } = entry.event
    return `${head}   ${type} ${short(rest)}`
  }
  const { clientId, nodeId, api, version, request, response, number, arrivedAfter } = entry
  const since = number - arrivedAfter > 1 ? ` (came after #${arrivedAfter})` : ''
  const answer = typeof response === 'string' ? response : short(response)
  return `${head} ${clientId} → node ${nodeId} ${api} ${version}${since} ${short(request)} → ${answer}`
}

function short(message: object): string {
  const text = inspect(withoutBytes(message), { depth: 6, breakLength: Infinity, compact: true, maxArrayLength: 5 })
  return text.length <= textWidth ? text : `${text.slice(0, textWidth)}…`
}

/** Bytes say nothing to a reader but how many they are; defaults and nulls say nothing at all. */
function withoutBytes(value: unknown): unknown {
  if (value instanceof Uint8Array) return { [inspect.custom]: () => `<${value.length} bytes>` }
  if (Array.isArray(value)) return value.map(withoutBytes)
  if (typeof value !== 'object' || value === null) return value
  const telling = Object.entries(value).filter(([, each]) => each !== null && each !== '' && each !== undefined)
  return Object.fromEntries(telling.map(([name, each]) => [name, withoutBytes(each)]))
}
