/** Writes down what the broker knows: records that are appended to the source, copies that are stored in topics of ours, commits with what their metadata says and who
 *  asks for them, who was given which partitions, and whom the group forgot. */

import { type BrokerCore } from '@holdfast/broker'
import { type VirtualClock } from 'holdfast/testing'
import { decodeCommitMetadata } from '../../packages/holdfast/src/engine/commit-metadata.ts'
import {
  type At,
  bodyOf,
  type Fate,
  groupName,
  type Partition,
  placeNameOf,
  sendIdHeader,
  topicName,
  type Trace,
  type TraceEvent,
} from './trace.ts'

type Stored = Extract<TraceEvent, { kind: 'stored' }>
type StoredRecord = ReturnType<BrokerCore['records']>[number]

/** Goes before the marks, if it is there. */
const startMark = /^hf0:\d+ ?/

export class BrokerWatch {
  readonly #core: BrokerCore
  readonly #trace: Trace
  /** What the calendar of the brokers shows when the trace's clock shows 0. */
  readonly #epochMs: number
  /** Appends by their place in the trace: what they hold is read when the history is over, each log once. */
  readonly #appends: { readonly index: number; readonly at: At }[] = []
  readonly #ends = new Map<string, number>()
  /** Machines by the ids under which the group knows them, from their first assignment on. */
  readonly #members = new Map<string, string>()
  /** Ids of members that ask to be forgotten. */
  readonly #leaving = new Set<string>()
  #hasMoved = true

  constructor(core: BrokerCore, trace: Trace, clock: VirtualClock) {
    this.#core = core
    this.#trace = trace
    this.#epochMs = clock.epochMs() - clock.monotonicMs()
    core.onEvent((event) => {
      if (event.type === 'assignment') this.#assigned(event.generation)
      if (event.type === 'group') this.#rollCalled(event.memberIds)
      if (event.type !== 'append' && event.type !== 'commit') return
      this.#hasMoved = true
      if (event.type === 'commit') this.#committed(event)
      else this.#appended(event, event.endOffset)
    })
    core.intercept('OffsetFetch', (_request, { clientId }) => {
      trace.add({ kind: 'asked', machine: clientId })
      return undefined
    })
    core.intercept('LeaveGroup', ({ members }) => {
      for (const { memberId } of members) this.#leaving.add(memberId)
      return undefined
    })
    core.intercept('OffsetCommit', (_request, { clientId }) => {
      trace.add({ kind: 'commitAsked', machine: clientId })
      return undefined
    })
  }

  /** Whether anything was appended or committed since the last call. */
  hasMoved(): boolean {
    const hasMoved = this.#hasMoved
    this.#hasMoved = false
    return hasMoved
  }

  /** The source, and the delay topics that were made so far. */
  readTopics(): readonly string[] {
    return this.#core
      .topics()
      .map(({ name }) => name)
      .filter((name) => !isDeadLetters(name))
  }

  /** Puts what was appended into the trace. Called once, at the end. */
  readLogs(): void {
    const logs = new Map<string, Map<number, StoredRecord>>()
    const { events } = this.#trace
    for (const { index, at } of this.#appends.toReversed()) {
      const place = placeNameOf(at)
      const log =
        logs.get(place) ?? new Map(this.#core.records(at.topic, at.partition).map((each) => [each.offset, each]))
      logs.set(place, log)
      const record = log.get(at.offset)
      const atMs = events[index]?.atMs ?? 0
      // A control batch has an offset and no record.
      if (record === undefined) events.splice(index, 1)
      else events[index] = at.topic === topicName ? appendedOf(atMs, at, record) : this.#storedOf(atMs, at, record)
    }
  }

  #assigned(generation: number): void {
    for (const { memberId, clientId, assignment } of this.#core.group(groupName)?.members ?? []) {
      this.#members.set(memberId, clientId)
      const partitions = Object.entries(assignment).flatMap(([topic, given]) =>
        given.map((partition) => ({ topic, partition })),
      )
      this.#trace.add({ kind: 'assigned', machine: clientId, generation, partitions })
    }
  }

  #rollCalled(memberIds: readonly string[]): void {
    const present = new Set(memberIds)
    for (const [memberId, machine] of this.#members) {
      if (present.has(memberId)) continue
      this.#members.delete(memberId)
      if (!this.#leaving.has(memberId)) this.#trace.add({ kind: 'expelled', machine })
    }
  }

  #appended({ topic, partition }: Partition, endOffset: number): void {
    const place = placeNameOf({ topic, partition })
    for (let offset = this.#ends.get(place) ?? 0; offset < endOffset; offset++) {
      const at = { topic, partition, offset }
      this.#appends.push({ index: this.#trace.events.length, at })
      this.#trace.add({ kind: 'appended', ...at, key: null, fate: 'fine', body: '' })
    }
    this.#ends.set(place, endOffset)
  }

  #storedOf(atMs: number, at: At, { key, value, headers, timestampMs }: StoredRecord): Stored {
    const text = (name: string): string =>
      headers.find((each) => each.key === `holdfast-${name}`)?.value?.toString() ?? ''
    const number = (name: string): number => (text(name) === '' ? -1 : Number(text(name)))
    return {
      atMs,
      kind: 'stored',
      ...at,
      end: isDeadLetters(at.topic) ? 'deadLettered' : 'retried',
      key: key === null ? null : key.toString(),
      source: { topic: text('src-topic'), partition: number('src-partition'), offset: number('src-offset') },
      body: bodyOf({ value, headers: headers.filter(isForeign), timestampMs: number('src-timestamp') }),
      attempts: number('attempt'),
      dueMs: number('due') - this.#epochMs,
      ripeMs: timestampMs + number('delay') - this.#epochMs,
      delayMs: number('delay'),
      partitions: this.#core.topics().find(({ name }) => name === at.topic)?.partitions.length ?? 0,
    }
  }

  #committed({ topic, partition, offset }: At): void {
    const found = this.#core.committed(groupName).find((each) => each.topic === topic && each.partition === partition)
    const text = (found?.metadata ?? '').replace(startMark, '')
    const marks = decodeCommitMetadata(text)
    const finished: number[] = []
    for (const { start, end } of marks.ok ? marks.finished.ranges() : []) {
      for (let each = start; each < end; each++) finished.push(each)
    }
    const failed = marks.ok
      ? marks.parked.map((each) => ({
          offset: each.offset,
          attempts: each.attempt,
          dueMs: each.dueAtMs - this.#epochMs,
        }))
      : []
    this.#trace.add({ kind: 'committed', topic, partition, offset, finished, failed })
  }
}

function appendedOf(atMs: number, at: At, { key, value, headers, timestampMs }: StoredRecord): TraceEvent {
  const fate = (value?.toString() || 'fine') as Fate
  const id = headers.find((each) => each.key === sendIdHeader)?.value?.toString()
  const body = bodyOf({ value, headers, timestampMs })
  return { atMs, kind: 'appended', ...at, key: key === null ? null : key.toString(), fate, body, id }
}

/** Not written by us. Dead letters say some things twice, in the words of Kafka itself. */
function isForeign({ key }: { readonly key: string }): boolean {
  return key.startsWith('x-')
}

function isDeadLetters(topic: string): boolean {
  return topic.endsWith('.dlq')
}
