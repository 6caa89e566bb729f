/** Rows about where a log begins and ends, and where in it a time is: ListOffsets. */

import { expect } from 'vitest'
import { type Row } from '../row.ts'
import { batch, deleteBefore, elsewhere, offsetAt, type OffsetGiven, produce } from '../steps/log-steps.ts'

const latest = -1
const earliest = -2
const newest = -3
const seen = 'seen on 4.3.1'
const hourMs = 3_600_000

type Time = {
  readonly id: string
  readonly when: string
  /** What is asked for: a special value, or a time as milliseconds after the first record. */
  readonly asked: { readonly special: number } | { readonly afterMs: number }
  readonly offset: number
  /** The time that is told, after the first record's; absent if none is. */
  readonly toldMs?: number
}

/** Asked of two batches: 0, 2000 and 1000 ms after the first record, then 1500. */
const times: readonly Time[] = [
  { id: 'latest', when: 'the end is asked for (−1)', asked: { special: latest }, offset: 4 },
  { id: 'earliest', when: 'the start is asked for (−2)', asked: { special: earliest }, offset: 0 },
  {
    id: 'newest-time',
    when: 'the largest time is asked for (−3)',
    asked: { special: newest },
    offset: 1,
    toldMs: 2_000,
  },
  { id: 'earliest-local', when: 'the local start is asked for (−4)', asked: { special: -4 }, offset: 0 },
  { id: 'latest-tiered', when: 'the last tiered offset is asked for (−5)', asked: { special: -5 }, offset: -1 },
  { id: 'before-all', when: 'a time before all records is asked for', asked: { afterMs: -1 }, offset: 0, toldMs: 0 },
  { id: 'exact', when: 'the time of the first record is asked for', asked: { afterMs: 0 }, offset: 0, toldMs: 0 },
  { id: 'between', when: 'a time between records is asked for', asked: { afterMs: 1 }, offset: 1, toldMs: 2_000 },
  { id: 'after-all', when: 'a time after all records is asked for', asked: { afterMs: 2_001 }, offset: -1 },
]

const timeRows: readonly Row[] = times.map(({ id, when, asked, offset, toldMs }) => ({
  id: `list-offsets/${id}`,
  api: 'ListOffsets',
  when,
  expect:
    offset < 0
      ? '0 with offset, time and epoch −1'
      : `0 with offset ${offset}${toldMs === undefined ? '' : ' and its time'}`,
  rule: 'protocol guide: ListOffsets; KIP-734, KIP-405',
  priority: 'P0',
  async run(ground) {
    const topic = await ground.topic()
    const wire = await ground.leader(topic)
    const startMs = Date.now() - hourMs
    const at = (afterMs: number): { timestampMs: number } => ({ timestampMs: startMs + afterMs })
    await produce(wire, topic, batch([at(0), at(2_000), at(1_000)]))
    await produce(wire, topic, batch([at(1_500)]))
    const timestamp = 'special' in asked ? asked.special : startMs + asked.afterMs
    expect(await offsetAt(wire, topic, timestamp)).toEqual({
      partitionIndex: 0,
      errorCode: 0,
      offset,
      timestamp: toldMs === undefined ? -1 : startMs + toldMs,
      leaderEpoch: offset < 0 ? -1 : 0,
    })
  },
}))

const packedRows: readonly Row[] = [1, 2, 3, 4].map((codecNumber) => ({
  id: `list-offsets/time-inside-a-batch-of-codec-${codecNumber}`,
  api: 'ListOffsets',
  when: `a time between two records of a batch under codec ${codecNumber} is asked for, and the largest time`,
  expect: '0 with the offset and the time of that very record',
  rule: seen,
  priority: 'P1',
  async run(ground) {
    const topic = await ground.topic()
    const wire = await ground.leader(topic)
    const startMs = Date.now() - hourMs
    const records = [0, 2_000, 1_000].map((afterMs) => ({ timestampMs: startMs + afterMs }))
    await produce(wire, topic, batch(records, { codecNumber }))
    const expected = { errorCode: 0, offset: 1, timestamp: startMs + 2_000 }
    expect(await offsetAt(wire, topic, startMs + 1)).toMatchObject(expected)
    expect(await offsetAt(wire, topic, newest)).toMatchObject(expected)
  },
}))

const emptyRows: readonly Row[] = [latest, earliest, newest, -4, -5].map((timestamp) => ({
  id: `list-offsets/empty-log-${-timestamp}`,
  api: 'ListOffsets',
  when: `${timestamp} is asked of a log without records`,
  expect: timestamp === newest || timestamp === -5 ? '0 with offset −1 and no epoch' : '0 with offset 0 and epoch 0',
  rule: seen,
  priority: 'P1',
  async run(ground) {
    const topic = await ground.topic()
    const offset = timestamp === newest || timestamp === -5 ? -1 : 0
    const answer = await offsetAt(await ground.leader(topic), topic, timestamp)
    expect(answer).toMatchObject({ errorCode: 0, offset, timestamp: -1, leaderEpoch: offset })
  },
}))

const specialSince: readonly (readonly [timestamp: number, version: number])[] = [
  [newest, 7],
  [-4, 8],
  [-5, 9],
  [-6, 11],
]

const sinceRows: readonly Row[] = specialSince.map(([timestamp, version]) => ({
  id: `list-offsets/special-value-${-timestamp}-since-version-${version}`,
  api: 'ListOffsets',
  when: `${timestamp} is asked for in version ${version - 1} and in version ${version}`,
  expect: '35 UNSUPPORTED_VERSION, then 0',
  rule: 'protocol guide: ListOffsets',
  priority: 'P1',
  async run(ground) {
    const topic = await ground.topic()
    const wire = await ground.leader(topic)
    expect(await offsetAt(wire, topic, timestamp, { version: version - 1 })).toMatchObject({
      errorCode: 35,
      offset: -1,
    })
    expect(await offsetAt(wire, topic, timestamp, { version })).toMatchObject({ errorCode: 0 })
  },
}))

type Refusal = {
  readonly id: string
  readonly when: string
  readonly expect: string
  readonly code: number
  readonly given: OffsetGiven
}

const refusals: readonly Refusal[] = [
  {
    id: 'unknown-partition',
    when: 'the partition does not exist',
    expect: '3 UNKNOWN_TOPIC_OR_PARTITION',
    code: 3,
    given: { partitionIndex: 9 },
  },
  {
    id: 'leader-epoch-to-come',
    when: 'the leader epoch is higher than any',
    expect: '75 UNKNOWN_LEADER_EPOCH',
    code: 75,
    given: { currentLeaderEpoch: 5 },
  },
  {
    id: 'isolation-level-that-does-not-exist',
    when: 'the isolation level is 7',
    expect: '-1 UNKNOWN_SERVER_ERROR',
    code: -1,
    given: { isolationLevel: 7 },
  },
]

const refusalRows: readonly Row[] = refusals.map(({ id, when, expect: expected, code, given }) => ({
  id: `list-offsets/refused-${id}`,
  api: 'ListOffsets',
  when,
  expect: `${expected}, offset, time and epoch −1`,
  rule: 'KIP-320, protocol guide: ListOffsets',
  priority: 'P0',
  async run(ground) {
    const topic = await ground.topic()
    const answer = await offsetAt(await ground.leader(topic), topic, latest, given)
    expect(answer).toMatchObject({ errorCode: code, offset: -1, timestamp: -1, leaderEpoch: -1 })
  },
}))

export const offsetRows: readonly Row[] = [
  ...timeRows,
  ...packedRows,
  ...emptyRows,
  ...sinceRows,
  ...refusalRows,
  {
    id: 'list-offsets/partition-named-twice',
    api: 'ListOffsets',
    when: 'a partition is named twice',
    expect: '42 INVALID_REQUEST, once',
    rule: seen,
    priority: 'P1',
    async run(ground) {
      const topic = await ground.topic()
      const wire = await ground.leader(topic)
      const partitions = [latest, earliest].map((timestamp) => ({ partitionIndex: 0, timestamp }))
      const answer = await wire.call('ListOffsets', 9, { topics: [{ name: topic, partitions }] })
      expect(answer.topics[0]?.partitions).toMatchObject([{ errorCode: 42, offset: -1 }])
    },
  },
  {
    id: 'list-offsets/largest-time-below-the-log-start',
    api: 'ListOffsets',
    when: 'the record with the largest time was deleted and its batch is still there',
    expect: '0 with its offset, below the log start',
    rule: seen,
    priority: 'P1',
    async run(ground) {
      const topic = await ground.topic()
      const wire = await ground.leader(topic)
      const startMs = Date.now() - hourMs
      await produce(wire, topic, batch([0, 2_000, 1_000].map((afterMs) => ({ timestampMs: startMs + afterMs }))))
      await deleteBefore(wire, topic, 2)
      expect(await offsetAt(wire, topic, newest)).toMatchObject({ offset: 1 })
      expect(await offsetAt(wire, topic, startMs)).toMatchObject({ offset: 2 })
      expect(await offsetAt(wire, topic, earliest)).toMatchObject({ offset: 2 })
    },
  },
  {
    id: 'list-offsets/not-the-leader',
    api: 'ListOffsets',
    when: 'a node without a replica is asked, whatever the leader epoch',
    expect: '6 NOT_LEADER_OR_FOLLOWER',
    rule: seen,
    priority: 'P0',
    nodes: 3,
    async run(ground) {
      const topic = await ground.topic()
      const wire = await elsewhere(ground, topic)
      for (const currentLeaderEpoch of [-1, 0, 5]) {
        expect(await offsetAt(wire, topic, latest, { currentLeaderEpoch })).toMatchObject({ errorCode: 6, offset: -1 })
      }
    },
  },
]
