/** The newest requests with their answers, and the changes of state between them, in the order in which they took effect.
 *  Bounded twice, by entries and by the record bytes that they keep alive. */

import type { BrokerEvent, HistoryChange, HistoryEntry } from './events.ts'
import { historyBytesMax, historyEntriesMax } from './limits.ts'

export class History {
  #entries: (HistoryEntry | HistoryChange)[] = []
  #bytes = 0
  #newest = 0

  /** The number of the newest entry; 0 before the first. */
  get newest(): number {
    return this.#newest
  }

  get entries(): readonly (HistoryEntry | HistoryChange)[] {
    return this.#entries
  }

  get requests(): readonly HistoryEntry[] {
    return this.#entries.filter((entry) => entry.kind === 'request')
  }

  addRequest(entry: Omit<HistoryEntry, 'kind' | 'number'>): void {
    const numbered: HistoryEntry = { kind: 'request', number: ++this.#newest, ...entry }
    this.#bytes += recordBytes(numbered)
    this.#add(numbered)
  }

  addChange(event: BrokerEvent, atMs: number): void {
    this.#add({ kind: 'change', number: ++this.#newest, atMs, event })
  }

  #add(entry: HistoryEntry | HistoryChange): void {
    this.#entries.push(entry)
    if (this.#entries.length <= historyEntriesMax && this.#bytes <= historyBytesMax) return
    // Half goes at once, because taking one from the front of a long array costs as much.
    this.#entries = this.#entries.slice(Math.ceil(this.#entries.length / 2))
    this.#bytes = this.#entries.reduce((sum, each) => sum + (each.kind === 'request' ? recordBytes(each) : 0), 0)
  }
}

type WithRecords = { readonly partitions: readonly { readonly records?: Buffer | null }[] }

/** Only Produce and Fetch carry records, and nothing else in a message is large. */
function recordBytes({ api, request, response }: HistoryEntry): number {
  const holder =
    api === 'Produce'
      ? (request as { topics?: readonly WithRecords[] }).topics
      : api === 'Fetch'
        ? (response as { responses?: readonly WithRecords[] }).responses
        : undefined
  let bytes = 0
  for (const topic of holder ?? []) {
    for (const partition of topic.partitions) bytes += partition.records?.length ?? 0
  }
  return bytes
}
