/** Mistakes in what follows a failed attempt: waits, copies in other topics, dead letters. */

import { type SimulatedDefect } from '../../simulation/defect.ts'

const engine = 'packages/holdfast/src/engine'
const runtime = 'packages/holdfast/src/runtime'

export const planted: readonly SimulatedDefect[] = [
  {
    id: 'write-of-a-retry-is-not-awaited',
    from: '§4.4.2',
    file: `${runtime}/member-loop.ts`,
    find: 'await this.#handOffs.write({ record, at: placeOf(entry.owner), group, attempts, error, destination, isWanted })',
    replace: `const handOff = { record, at: placeOf(entry.owner), group, attempts, error, destination, isWanted }
      this.#handOffs.write(handOff).catch(() => undefined)`,
    law: 'A record that is handed off is done only when it is stored.',
  },
  {
    id: 'failed-write-of-a-retry-is-swallowed',
    from: '§4.4.3',
    file: `${runtime}/member-loop.ts`,
    find: "this.#step({ kind: 'handOffFailed', entry, error: failure, isHopeless })",
    replace:
      "this.#step(isHopeless ? { kind: 'handOffFailed', entry, error: failure, isHopeless } : { kind: 'handedOff', entry })",
    law: 'A record that is handed off is done only when it is stored.',
  },
  {
    id: 'exhausted-record-is-dropped',
    from: '§4.4.4',
    file: `${engine}/subscription-flow.ts`,
    find: '        this.#leave(entry, step.destination, nowMs)\n',
    replace: `        if (step.destination.outcome === 'deadLettered') return this.finish(entry, 'deadLettered', nowMs)
        this.#leave(entry, step.destination, nowMs)
`,
    law: 'A record that failed for good becomes a dead letter.',
  },
  {
    id: 'falsy-values-are-dropped',
    from: '§4.4.6',
    file: 'packages/holdfast/src/api/record-handler.ts',
    find: '  const decoding = Message.decode(message)\n',
    replace: '  if (!message.valueBytes?.length) return filtered\n  const decoding = Message.decode(message)\n',
    law: 'A value that is empty is a value.',
  },
  {
    id: 'copy-loses-its-key',
    from: '§4.4.11',
    file: `${runtime}/hand-off.ts`,
    find: 'topic, partition, key: record.key, value, headers',
    replace: 'topic, partition, key: null, value, headers',
    law: 'A copy has the key, the value and the headers of its record.',
  },
  {
    id: 'copy-loses-its-headers',
    from: '§4.4.11',
    file: `${runtime}/hand-off.ts`,
    find: 'writeHeaders(record.headers, factsOf',
    replace: 'writeHeaders([], factsOf',
    law: 'A copy has the key, the value and the headers of its record.',
  },
  {
    id: 'copy-loses-its-timestamp',
    from: '§4.4.11',
    file: `${runtime}/hand-off.ts`,
    find: 'offset: record.offset, timestampMs: record.timestampMs }',
    replace: 'offset: record.offset, timestampMs: 0 }',
    law: 'A copy tells the time of its record.',
  },
  {
    id: 'due-times-are-whole-seconds',
    from: '§4.4.13',
    file: `${runtime}/broker-time.ts`,
    find: 'return Math.max(dueAtMs ?? 0, delayMs === null ? 0 : appendedAtMs + delayMs)',
    replace: 'return Math.floor(Math.max(dueAtMs ?? 0, delayMs === null ? 0 : appendedAtMs + delayMs) / 1_000) * 1_000',
    law: 'A retry never starts before its due time.',
  },
  {
    id: 'retry-queue-is-unbounded',
    from: 'E.1 #834',
    file: `${engine}/partition-flow.ts`,
    find: 'return this.parked >= this.settings.parkedRecordsMax',
    replace: 'return this.parked < 0',
    law: 'No more records wait in place than may.',
  },
  {
    id: 'copy-begins-to-count-anew',
    from: '§4.4.11, attempts',
    file: `${runtime}/member-loop.ts`,
    find: 'return { attempts: told.attempts, dueMs:',
    replace: 'return { attempts: Math.min(told.attempts, 0), dueMs:',
    law: 'Attempts are counted over all the places of a record.',
  },
  {
    id: 'failed-writes-hold-nothing-up',
    from: '§4.4.3, order',
    file: `${engine}/hand-offs.ts`,
    find: '    writes.queue.push(entry)\n    writes.problem',
    replace: '    writes.problem',
    law: 'A record whose copy could not be written is written again.',
  },
  {
    id: 'cut-short-attempt-counts',
    from: '§3.3.9, cancelled',
    file: `${engine}/member-flow.ts`,
    find: '      entry.attempt -= 1\n',
    replace: '',
    law: 'The next owner owes a record as many attempts as we did.',
  },
  {
    id: 'wait-in-place-is-lost-with-its-partition',
    from: '§4.4.13, not due',
    file: `${runtime}/commit-text.ts`,
    find: 'failed.set(offset, { attempts, dueMs: Math.max(1, nowMs + leftMs) })',
    replace: 'failed.set(offset, { attempts, dueMs: Math.max(1, nowMs + Math.min(leftMs, 0)) })',
    law: 'A retry never starts before its due time, whoever makes it.',
  },
  {
    id: 'undecodable-record-is-tried-again',
    from: '§4.4.5, poison',
    file: `${engine}/retry-steps.ts`,
    find: 'isA(error, NonRetriableError) || isA(error, UndecodableError)',
    replace: 'isA(error, UndecodableError)',
    law: 'What says that nothing can help is not tried again.',
  },
  {
    id: 'copy-tells-one-attempt-less',
    from: 'issue, attempt not incremented',
    file: `${runtime}/hand-off.ts`,
    find: '      attempts,\n      failure: failureOf(error),',
    replace: '      attempts: attempts - 1,\n      failure: failureOf(error),',
    law: 'A copy tells of every attempt that was made.',
  },
  {
    id: 'copy-goes-to-another-partition',
    from: 'R22',
    file: `${runtime}/hand-off.ts`,
    find: 'partition: (past?.source?.partition ?? at.partition) % partitions',
    replace: 'partition: ((past?.source?.partition ?? at.partition) + 1) % partitions',
    law: 'A copy lies in the partition of its source.',
  },
  {
    id: 'dead-letter-loses-its-source',
    from: 'R21',
    file: `${runtime}/hand-off.ts`,
    find: 'source: { ...(past?.source ?? here), group }',
    replace: 'source: { ...here, group }',
    law: 'A copy of a copy tells where the record was first.',
  },
  {
    id: 'last-attempt-is-never-made',
    from: 'issue, wrong comparison',
    file: `${engine}/retry-steps.ts`,
    find: 'const isOver = attempts > inPlaceDelaysMs.length',
    replace: 'const isOver = attempts >= inPlaceDelaysMs.length',
    law: 'A record gets every attempt that its policy gives it.',
  },
  {
    id: 'one-attempt-too-many',
    from: 'issue, wrong comparison',
    file: `${engine}/retry-steps.ts`,
    find: 'const isOver = attempts > inPlaceDelaysMs.length + delaysMs.length',
    replace: 'const isOver = attempts > inPlaceDelaysMs.length + delaysMs.length + 1',
    law: 'A record gets no attempt beyond its policy.',
  },
  {
    id: 'waits-in-place-are-shifted-by-one',
    from: 'issue, off by one',
    file: `${engine}/retry-steps.ts`,
    find: 'const longestMs = inPlaceDelaysMs[attempts - 1]',
    replace: 'const longestMs = inPlaceDelaysMs[attempts]',
    law: 'Every failure is followed by the wait that the policy says.',
  },
  {
    id: 'asked-wait-is-ignored',
    from: 'R18',
    file: `${engine}/retry-steps.ts`,
    find: 'if (isA(error, RetryAfterError)) return waitFor(error.delayMs, delayTopics)',
    replace: 'if (isA(error, RetryAfterError)) return waitFor(error.delayMs / 4, delayTopics)',
    law: 'Who asks for a wait gets it.',
  },
  {
    id: 'parked-record-starts-a-little-early',
    from: 'issue, wrong comparison',
    file: `${engine}/parking.ts`,
    find: 'return this.nextDueMs > nowMs ? null',
    replace: 'return this.nextDueMs > nowMs + 25 ? null',
    law: 'A retry never starts before its due time.',
  },
  {
    id: 'time-in-a-delay-topic-begins-with-the-writing',
    from: 'R22',
    file: `${runtime}/broker-time.ts`,
    find: 'return Math.max(dueAtMs ?? 0, delayMs === null ? 0 : appendedAtMs + delayMs)',
    replace: 'return dueAtMs ?? (delayMs === null ? 0 : appendedAtMs + delayMs)',
    law: 'A retry waits its delay from when it was stored.',
  },
  {
    id: 'pause-for-retries-never-ends',
    from: 'issue, paused for good',
    file: `${engine}/member-flow.ts`,
    find: "if (!flow.needsRetryPause && flow.unreadable === null && flow.resume('retry')) {",
    replace: "if (flow.handOffs.failures < 0 && flow.resume('retry')) {",
    law: 'A pause ends when its reason does.',
  },
  {
    id: 'topic-that-works-again-is-not-forgiven',
    from: 'issue, paused for good',
    file: `${engine}/hand-offs.ts`,
    find: `    writes.failures = 0
    this.failing -= 1
`,
    replace: '    writes.failures = 0\n',
    law: 'A topic that takes records again holds nothing up.',
  },
  {
    id: 'second-try-of-a-write-is-never-answered',
    from: 'issue, probe',
    file: `${engine}/hand-offs.ts`,
    find: '    writes.probe = null\n    if (works)',
    replace: '    if (works)',
    law: 'A write that failed twice is made a third time.',
  },
  {
    id: 'undecodable-record-waits-in-place',
    from: 'issue, poison',
    file: `${engine}/retry-steps.ts`,
    find: 'isA(error, NonRetriableError) || isA(error, UndecodableError)',
    replace: 'isA(error, NonRetriableError)',
    law: 'What cannot be decoded is not tried again.',
  },
  {
    id: 'record-that-leaves-frees-its-lane-at-once',
    from: 'R20',
    file: `${engine}/subscription-flow.ts`,
    find: '    entry.owner.handOffs.add(entry)\n',
    replace: `    entry.owner.handOffs.add(entry)
    if (entry.behind !== null) {
      this.enqueue(entry.behind)
      entry.behind = null
    }
`,
    law: 'A record keeps its lane until its copy is stored.',
  },
]
