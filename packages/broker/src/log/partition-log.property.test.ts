import fc from 'fast-check'
import { expect, test } from 'vitest'

import { topicConfigDefinitions } from '../core/topic-configs.ts'
import { type LogSettings, logSettings } from './log-settings.ts'
import { PartitionLog } from './partition-log.ts'
import { encodeBatch, readBatchHeader, recordsOf } from './record-batch.ts'

const startMs = 1_700_000_000_000
const batchesPerSegment = 3
const settings: LogSettings = {
  ...logSettings((name) => topicConfigDefinitions.get(name)?.value ?? ''),
  isDeleted: true,
  retentionMs: 50,
  deleteRetentionMs: 20,
  // Every batch is a millisecond newer than the one before it.
  segmentMs: batchesPerSegment - 1,
}
const noRetention: LogSettings = { ...settings, retentionMs: -1 }

type Line = {
  readonly key: string
  readonly value: string | null
  readonly offset: number
  readonly timestampMs: number
}
type Stored = { readonly segment: number; readonly lines: Line[]; readonly last: number }

/** What a log is, in the plainest words: a list of batches, each a list of lines. */
class Model {
  batches: Stored[] = []
  start = 0
  end = 0
  #segment = 0
  /** Time of the first batch of the newest segment; undefined while it has none. */
  #first: number | undefined

  append(lines: readonly Omit<Line, 'offset' | 'timestampMs'>[], timestampMs: number): void {
    this.#first ??= timestampMs
    if (timestampMs - this.#first > settings.segmentMs) {
      this.#segment++
      this.#first = timestampMs
    }
    const stored = lines.map((line, index) => ({ ...line, offset: this.end + index, timestampMs }))
    this.end += lines.length
    this.batches.push({ segment: this.#segment, lines: stored, last: this.end - 1 })
  }

  deleteBefore(offset: number): void {
    this.start = Math.max(this.start, Math.min(offset, this.end))
    this.batches = this.batches.filter(({ last }) => last >= this.start)
  }

  /** The newest line of each key. Tombstones are judged by whoever knows when they were first met. */
  compact(mayGo: (line: Line) => boolean): void {
    const newest = new Map(this.batches.flatMap(({ lines }) => lines.map(({ key, offset }) => [key, offset] as const)))
    this.batches = this.batches
      .map((batch) => ({
        ...batch,
        lines: batch.lines.filter((line) => newest.get(line.key) === line.offset && !mayGo(line)),
      }))
      .filter(({ lines }) => lines.length > 0)
  }

  retain(nowMs: number): void {
    const newest = new Map<number, number>()
    for (const { segment, lines } of this.batches) {
      for (const { timestampMs } of lines) newest.set(segment, Math.max(timestampMs, newest.get(segment) ?? 0))
    }
    for (const [segment, timestampMs] of newest) {
      if (nowMs - timestampMs <= settings.retentionMs) return
      const expired = this.batches.filter((batch) => batch.segment === segment)
      this.deleteBefore(Math.max(...expired.map(({ last }) => last)) + 1)
      if (this.batches.length > 0) continue
      this.#segment++
      this.#first = undefined
    }
  }

  read(offset: number): Line[] {
    const first = this.batches.find(({ last }) => last >= offset)
    return this.batches
      .filter(({ segment, last }) => segment === first?.segment && last >= offset)
      .flatMap(({ lines }) => lines)
  }
}

type Step =
  | {
      readonly do: 'append'
      readonly keys: readonly number[]
      readonly isTombstone: boolean
      readonly codecNumber: number
    }
  | { readonly do: 'deleteBefore'; readonly part: number }
  | { readonly do: 'compact' | 'retain' }
  | { readonly do: 'wait'; readonly ms: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('append' as const),
      keys: fc.array(fc.nat(4), { minLength: 1, maxLength: 4 }),
      isTombstone: fc.boolean(),
      codecNumber: fc.nat(4),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('deleteBefore' as const),
      part: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('compact' as const, 'retain' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 40 }) }) },
)

function linesOf(bytes: Buffer): Line[] {
  const lines: Line[] = []
  for (let at = 0; at < bytes.length;) {
    const batch = bytes.subarray(at)
    const header = readBatchHeader(batch)
    if (header === undefined) break
    for (const { key, value, offset, timestampMs } of recordsOf(batch, header) ?? []) {
      lines.push({ key: String(key), value: value === null ? null : String(value), offset, timestampMs })
    }
    at += header.sizeBytes
  }
  return lines
}

/** Runs the steps on both and compares whatever a reader could ask for. */
function play(steps: readonly Step[]): void {
  const log = new PartitionLog()
  const model = new Model()
  /** When a tombstone was first met by a compaction, by its offset; a batch has one time for all of them. */
  const horizons = new Map<number, number>()
  let nowMs = startMs
  let written = 0
  for (const each of steps) {
    switch (each.do) {
      case 'wait':
        nowMs += each.ms
        break
      case 'append': {
        nowMs += 1
        const lines = each.keys.map((key) => ({ key: `k${key}`, value: each.isTombstone ? null : `v${written++}` }))
        model.append(lines, nowMs)
        log.append(encodeBatch(lines, { nowMs, codecNumber: each.codecNumber }), noRetention, 0, nowMs)
        break
      }
      case 'deleteBefore': {
        const offset = Math.round(each.part * model.end)
        model.deleteBefore(offset)
        log.deleteBefore(offset)
        break
      }
      case 'compact':
        model.compact(({ offset, value }) => value === null && (horizons.get(offset) ?? Infinity) <= nowMs)
        for (const { lines } of model.batches) {
          for (const { offset, value } of lines) {
            if (value === null && !horizons.has(offset)) horizons.set(offset, nowMs + settings.deleteRetentionMs)
          }
        }
        log.compact(noRetention, nowMs)
        break
      case 'retain':
        model.retain(nowMs)
        log.applyRetention(settings, nowMs)
    }
    compare(log, model)
  }
}

function compare(log: PartitionLog, model: Model): void {
  expect([log.startOffset, log.endOffset, log.lastStableOffset]).toEqual([model.start, model.end, model.end])
  const limits = { bytesMax: 1_000_000, atLeastOneBatch: true, before: Infinity }
  for (let offset = model.start; offset <= model.end; offset++) {
    expect(linesOf(Buffer.concat(log.read(offset, limits)))).toEqual(model.read(offset))
    const [first] = log.read(offset, { ...limits, bytesMax: 1 })
    expect(linesOf(first ?? Buffer.alloc(0))).toEqual(model.batches.find(({ last }) => last >= offset)?.lines ?? [])
  }
  const all = model.batches.flatMap(({ lines }) => lines)
  expect(log.records().map(({ offset }) => offset)).toEqual(
    all.map(({ offset }) => offset).filter((offset) => offset >= model.start),
  )
  for (const { timestampMs } of all) {
    const found = all.find((line) => line.timestampMs >= timestampMs && line.offset >= model.start)
    expect(log.findTimestamp(timestampMs, log.endOffset)?.offset).toBe(found?.offset)
  }
}

test('what is read at any offset and limit is what a plain list holds after the same appends, deletions and compactions', () => {
  fc.assert(fc.property(fc.array(step, { minLength: 1, maxLength: 30 }), play), { numRuns: 60 })
})
