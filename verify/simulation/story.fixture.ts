/** Words to tell a story with, by hand: what a trace of it would hold. Whatever is not said is about record `k` of partition 0
 *  of the source, and machine `b`. */

import {
  type Fate,
  groupName,
  type Heard,
  type MarkedFailure,
  type Partition,
  type Sent,
  type Terms,
  topicName,
  type TraceEvent,
} from './trace.ts'

export const terms: Terms = {
  order: 'key',
  concurrency: 2,
  bufferedRecords: 4,
  parkedRecords: 1,
  whileRetrying: 'overtake',
  attemptsMax: 3,
  retries: { inPlaceMs: [1_000], delaysMs: [2_000], bucketsMs: [] },
  filtersEvery: 0,
  attemptTimeoutMs: 2_000,
  abortGraceMs: 500,
  drainAtRevokeMs: 3_000,
  drainAtStopMs: 20_000,
  drainBoundMs: 60_000,
  protocol: 'eager',
  isCalm: true,
}

type Unstamped<E> = E extends unknown ? Omit<E, 'atMs'> : never
export type Told = Unstamped<TraceEvent> & { readonly atMs?: number }

/** A millisecond passes between two events that say nothing else. */
export function story(...told: readonly Told[]): TraceEvent[] {
  let nowMs = 0
  return told.map((event) => {
    nowMs = event.atMs ?? nowMs + 1
    return { ...event, atMs: nowMs }
  })
}

/** By law: stories that break it, each with what makes it unlawful. */
export type Stories = Readonly<
  Record<string, readonly (readonly [what: string, events: readonly TraceEvent[], more?: Partial<Terms>])[]>
>

export const wholeSource: readonly Partition[] = [{ topic: topicName, partition: 0 }]

type Wired = {
  readonly machine?: string
  readonly memberId?: string
  readonly generation?: number
  readonly partitions?: readonly Partition[]
  readonly atMs?: number
}

/** R31, the test profile. */
const timeouts = new Map([
  ['JoinGroup', 11_000],
  ['SyncGroup', 11_000],
  ['Heartbeat', 2_000],
])

/** Calls are told apart by their numbers. */
export const sent = (api: Sent['api'], call: number, more: Wired & { timeoutMs?: number } = {}): Told => ({
  kind: 'sent',
  machine: 'b',
  api,
  call,
  timeoutMs: timeouts.get(api) ?? 5_000,
  memberId: '',
  generation: -1,
  partitions: [],
  ...more,
})
export const heard = (api: Heard['api'], call: number, more: Wired & { answer?: number | string } = {}): Told => ({
  kind: 'heard',
  machine: 'b',
  api,
  call,
  answer: 0,
  memberId: '',
  generation: -1,
  partitions: [],
  ...more,
})
/** A machine joins the group, in a generation, and is given the only partition of the source or what is said. */
export const joins = (
  machine: string,
  generation: number,
  { partitions = wholeSource, atMs }: { partitions?: readonly Partition[]; atMs?: number } = {},
): readonly Told[] => {
  const memberId = `${machine}-1`
  const [join, sync] = [1_000 * generation + machine.charCodeAt(0), 2_000 * generation + machine.charCodeAt(0)]
  const when = atMs === undefined ? {} : { atMs }
  return [
    sent('JoinGroup', join, { machine, ...when }),
    heard('JoinGroup', join, { machine, memberId, generation, ...when }),
    sent('SyncGroup', sync, { machine, memberId, generation, ...when }),
    heard('SyncGroup', sync, { machine, partitions, ...when }),
  ]
}
/** A heartbeat that is answered well, in the same moment. */
export const beats = (machine: string, generation: number, atMs: number): readonly Told[] => [
  sent('Heartbeat', 1e6 + atMs, { machine, memberId: `${machine}-1`, generation, atMs }),
  heard('Heartbeat', 1e6 + atMs, { machine, atMs }),
]

const bodyText = 'the same everywhere'

export const delayTopic = `${groupName}.${topicName}.retry.2s`
export const deadLetters = `${groupName}.${topicName}.dlq`
export const source = (offset: number) => ({ topic: topicName, partition: 0, offset })

export const appended = (offset: number, key: string | null = 'k', fate: Fate = 'fine'): Told => ({
  kind: 'appended',
  ...source(offset),
  key,
  fate,
  body: bodyText,
})
/** A copy of the record in a topic of ours. */
export const stored = (
  offset: number,
  of: number,
  more: {
    topic?: string
    attempts?: number
    dueMs?: number
    ripeMs?: number
    delayMs?: number
    partition?: number
    partitions?: number
    atMs?: number
    key?: string
    body?: string
  } = {},
): Told => ({
  kind: 'stored',
  end: more.topic === deadLetters ? 'deadLettered' : 'retried',
  key: 'k',
  body: bodyText,
  source: source(of),
  attempts: 1,
  dueMs: 0,
  ripeMs: 0,
  delayMs: more.topic === deadLetters ? -1 : 2_000,
  partitions: 3,
  topic: delayTopic,
  partition: 0,
  offset,
  ...more,
})
export const began = (
  run: number,
  offset: number,
  more: { machine?: string; attempt?: number; atMs?: number; topic?: string; of?: number } = {},
): Told => {
  const { of = offset, ...rest } = more
  return { kind: 'began', machine: 'b', attempt: 1, ...source(offset), source: source(of), run, ...rest }
}
export const ended = (
  run: number,
  offset: number,
  more: { result?: 'done' | 'failed'; machine?: string; atMs?: number; topic?: string; asksMs?: number } = {},
): Told => ({ kind: 'ended', machine: 'b', result: 'done', ...source(offset), run, ...more })
export const aborted = (
  run: number,
  offset: number,
  more: { machine?: string; atMs?: number; isCutShort?: boolean } = {},
): Told => ({
  kind: 'aborted',
  machine: 'b',
  ...source(offset),
  run,
  ...more,
})
/** The group gives a machine partition 0 of the source, or nothing. */
export const assigned = (machine: string, share: 'all' | 'nothing' = 'all'): Told => ({
  kind: 'assigned',
  machine,
  generation: 1,
  partitions: share === 'all' ? [{ topic: topicName, partition: 0 }] : [],
})
export const expelled = (machine = 'b'): Told => ({ kind: 'expelled', machine })
export const committed = (
  offset: number,
  marks: { finished?: readonly number[]; failed?: readonly MarkedFailure[]; topic?: string } = {},
): Told => ({ kind: 'committed', finished: [], failed: [], ...source(offset), ...marks })
export const asked = (machine = 'b'): Told => ({ kind: 'asked', machine })
export const handedOff = (offset: number, topic = topicName): Told => ({
  kind: 'handedOff',
  machine: 'b',
  ...source(offset),
  topic,
})
export const life = (kind: 'switchedOn' | 'started' | 'crashed' | 'stopping', machine = 'b', atMs?: number): Told => ({
  kind,
  machine,
  ...(atMs === undefined ? {} : { atMs }),
})
export const stopped = (clean = true, atMs?: number): Told => ({
  kind: 'stopped',
  machine: 'b',
  clean,
  uncommitted: 0,
  ...(atMs === undefined ? {} : { atMs }),
})
export const left = (machine = 'b'): Told => ({ kind: 'left', machine, topic: topicName, partition: 0 })
export const announced = (
  offset: number,
  dueMs: number | null,
  more: { attempt?: number; topic?: string; machine?: string } = {},
): Told => ({
  kind: 'retryAnnounced',
  machine: 'b',
  attempt: 1,
  ...source(offset),
  dueMs,
  ...more,
})
/** An attempt that fails at once, and when the next one may be made. */
export const failed = (
  run: number,
  offset: number,
  dueMs: number | null,
  more: { attempt?: number; topic?: string; of?: number; machine?: string } = {},
): readonly Told[] => {
  const { attempt = 1, of = offset, ...where } = more
  return [
    began(run, offset, { attempt, of, ...where }),
    ended(run, offset, { result: 'failed', ...where }),
    announced(offset, dueMs, { attempt, ...where }),
  ]
}
