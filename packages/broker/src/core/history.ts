/** The newest requests and their answers. Bounded twice, by entries and by the record bytes that they keep alive. */

import { type HistoryEntry } from './events.ts'
import { historyBytesMax, historyEntriesMax } from './limits.ts'

export class History {
  #entries: HistoryEntry[] = []
  #bytes = 0

  get entries(): readonly HistoryEntry[] {
    return this.#entries
  }

  add(entry: HistoryEntry): void {
    this.#entries.push(entry)
    this.#bytes += recordBytes(entry)
    if (this.#entries.length <= historyEntriesMax && this.#bytes <= historyBytesMax) return
    // Half goes at once, because taking one from the front of a long array costs as much.
    this.#entries = this.#entries.slice(Math.ceil(this.#entries.length / 2))
    this.#bytes = this.#entries.reduce((sum, each) => sum + recordBytes(each), 0)
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
