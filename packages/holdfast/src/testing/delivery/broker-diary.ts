/** Writes down what the broker applies during a run: records that are stored, commits, and who asks for them. What a
 *  stored record holds is read when the run is over, each log once. */

import type { BrokerCore, StoredRecord } from '@holdfast/broker'
import { readHandedOff } from '../../model/handed-off.ts'
import type { VirtualClock } from '../virtual-clock.ts'
import type { Reading } from './guarantees.ts'
import { addressOf, type At, type Copy, type DeliveryLog, placeName } from './log.ts'

const shownCharactersMax = 60

export class BrokerDiary {
  readonly #core: BrokerCore
  readonly #log: DeliveryLog
  /** What the calendar shows when the log's clock shows 0. */
  readonly #epochMs: number
  readonly #stored: { readonly index: number; readonly at: At }[] = []
  readonly #ends = new Map<string, number>()
  #hasMoved = true

  constructor(core: BrokerCore, log: DeliveryLog, clock: VirtualClock) {
    this.#core = core
    this.#log = log
    this.#epochMs = clock.epochMs() - clock.monotonicMs()
    core.onEvent((event) => {
      if (event.type === 'append') this.#appended(event.topic, event.partition, event.endOffset)
      if (event.type !== 'commit') return
      this.#hasMoved = true
      const { groupId: group, topic, partition, offset } = event
      log.add({ kind: 'committed', group, topic, partition, offset })
    })
    core.intercept('OffsetFetch', (request, { clientId }) => {
      const { groups } = request as { readonly groups: readonly { readonly groupId: string }[] }
      for (const { groupId } of groups) log.add({ kind: 'asked', machine: clientId, group: groupId })
      return undefined
    })
  }

  /** Whether anything was appended or committed since the last call. */
  hasMoved(): boolean {
    const hasMoved = this.#hasMoved
    this.#hasMoved = false
    return hasMoved
  }

  /** Puts what was stored into the log. `shown` says how records are recognised that the run itself sent. */
  readStored(readings: readonly Reading[], shown: ReadonlyMap<string, string>): void {
    const ownTopics = new Set(
      readings.flatMap(({ topic, isDelayTopic, deadLetters }) => [
        ...(isDelayTopic ? [topic] : []),
        ...(deadLetters === null ? [] : [deadLetters]),
      ]),
    )
    const logs = new Map<string, ReadonlyMap<number, StoredRecord>>()
    for (const { index, at } of this.#stored) {
      const place = placeName(at)
      const records =
        logs.get(place) ?? new Map(this.#core.records(at.topic, at.partition).map((each) => [each.offset, each]))
      logs.set(place, records)
      const record = records.get(at.offset)
      const event = this.#log.events[index]
      if (record === undefined || event === undefined) continue
      this.#log.events[index] = {
        atMs: event.atMs,
        kind: 'appended',
        ...at,
        key: record.key === null ? null : String(record.key),
        shown: shown.get(addressOf(at)) ?? String(record.value ?? 'null').slice(0, shownCharactersMax),
        copy: ownTopics.has(at.topic) ? this.#copyOf(record) : null,
      }
    }
  }

  #appended(topic: string, partition: number, endOffset: number): void {
    this.#hasMoved = true
    const place = placeName({ topic, partition })
    for (let offset = this.#ends.get(place) ?? 0; offset < endOffset; offset++) {
      const at = { topic, partition, offset }
      this.#stored.push({ index: this.#log.add({ kind: 'appended', ...at, key: null, shown: '', copy: null }), at })
    }
    this.#ends.set(place, endOffset)
  }

  /** Null for what was not handed off by Holdfast. */
  #copyOf({ headers }: StoredRecord): Copy | null {
    const { source, attempts, dueAtMs, error } = readHandedOff(headers)
    if (source === null || source.group === null || source.partition === null || source.offset === null) return null
    const { topic, partition, offset, group } = source
    const dueMs = dueAtMs === null ? null : dueAtMs - this.#epochMs
    return { group, source: { topic, partition, offset }, attempts, dueMs, reason: error.message }
  }
}
