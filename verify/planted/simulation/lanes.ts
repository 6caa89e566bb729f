/** Mistakes in which records run, beside which others, and how many at once. */

import { type SimulatedDefect } from '../../simulation/defect.ts'

const engine = 'packages/holdfast/src/engine'
const runtime = 'packages/holdfast/src/runtime'

export const planted: readonly SimulatedDefect[] = [
  {
    id: 'keys-do-not-wait-for-each-other',
    from: 'E.1, ordering was not asserted under churn',
    file: `${engine}/lanes.ts`,
    find: 'const ahead = this.#tails.replace(entry)',
    replace: 'const ahead = null as Entry<R> | null\n    this.#tails.replace(entry)',
    law: 'An attempt starts only when every lower offset of its lane is finished.',
  },
  {
    id: 'lane-ends-with-its-first-record',
    from: 'E.1 #315',
    file: `${engine}/lanes.ts`,
    find: 'if (entry.behind === null) this.#tails.remove(entry.laneId)',
    replace: 'this.#tails.remove(entry.laneId)',
    law: 'A lane goes on while it has a record.',
  },
  {
    id: 'lanes-that-share-a-slot-lose-their-tail',
    from: 'E.1 #315',
    file: `${engine}/lane-tails.ts`,
    find: '      if (tail === null) break\n      const fromHome',
    replace: '      break\n      const fromHome',
    law: 'The end of one lane is not the end of another.',
  },
  {
    id: 'attempt-of-an-earlier-ownership-holds-no-lane',
    from: '§3.3.6',
    file: `${engine}/partition-flow.ts`,
    find: '      this.#lanes.hold(leftover)\n',
    replace: '',
    law: 'Attempts of a lane never overlap in one process.',
  },
  {
    id: 'late-result-of-an-earlier-ownership-counts',
    from: 'E.1 #875/#909',
    file: `${engine}/partition-flow.ts`,
    find: 'return this.#lanes.finish(leftover)',
    replace: `const next = this.#lanes.finish(leftover)
    return next?.offset === leftover.offset && next.state === 'queued' ? this.finish(next, 'done') : next`,
    law: 'A record that was read again is handled again.',
  },
  {
    id: 'completion-of-an-older-epoch-is-not-recognised',
    from: '§3.3.6',
    file: `${engine}/subscription-flow.ts`,
    find: 'return !partition.isOver',
    replace: 'return true',
    law: 'What ends after its partition left changes nothing.',
  },
  {
    id: 'one-attempt-more-than-permits',
    from: '§4.4.9',
    file: `${engine}/subscription-flow.ts`,
    find: 'while (this.running < this.concurrency) {',
    replace: 'while (this.running <= this.concurrency) {',
    law: 'Attempts in flight never exceed the concurrency.',
  },
  {
    id: 'permit-is-given-back-twice',
    from: '§3.3.10',
    file: `${engine}/subscription-flow.ts`,
    find: '      this.running -= 1\n      partition.running -= 1\n',
    replace: "      this.running -= entry.phase === 'aborting' ? 2 : 1\n      partition.running -= 1\n",
    law: 'Attempts in flight never exceed the concurrency.',
  },
  {
    id: 'hung-handler-keeps-its-permit',
    from: '§3.3.4',
    file: `${engine}/subscription-flow.ts`,
    find: '      this.running -= 1\n      this.zombies += 1\n',
    replace: '      this.zombies += 1\n',
    law: 'A handler that never settles stops nobody else.',
  },
  {
    id: 'attempt-has-no-time-limit',
    from: '§3.3.4',
    file: `${engine}/subscription-flow.ts`,
    find: '      effects.timedOut(entry)\n      this.#abort(',
    replace: '      effects.timedOut(entry)\n      if (entry.attempt === 0) this.#abort(',
    law: 'A handler that hangs is told to end.',
  },
  {
    id: 'filtered-records-stay-open',
    from: '§4.4.8',
    file: `${engine}/member-flow.ts`,
    find: '      subscription.finish(entry, result, nowMs)\n',
    replace: "      if (result !== 'filtered') subscription.finish(entry, result, nowMs)\n",
    law: 'What is filtered out is done.',
  },
  {
    id: 'failure-is-taken-for-done',
    from: '§3.3.7',
    file: `${engine}/subscription-flow.ts`,
    find: '    entry.error = error\n    entry.sinceMs = Math.floor(nowMs)\n',
    replace: "    this.finish(entry, 'done', nowMs)\n    return\n",
    law: 'A record is done only when its handler has resolved.',
  },
  {
    id: 'cancelled-is-taken-for-done',
    from: '§3.3.9, 63a55c2',
    file: `${engine}/member-flow.ts`,
    find: '    entry.abortReason = null\n    if (isEnding) {\n',
    replace: `    entry.abortReason = null
    if (isEnding) {
      subscription.finish(entry, 'done', this.#nowMs)
      return
    }
    if (isEnding) {
`,
    law: 'An attempt that was cut short is made again.',
  },
  {
    id: 'thrown-error-leaves-the-loop',
    from: '§4.4.5',
    file: `${runtime}/attempts.ts`,
    find: '      seat.rejected(error)\n    }\n',
    replace: '      throw error\n    }\n',
    law: 'No record ends a process.',
  },
  {
    id: 'running-records-are-not-counted-as-held',
    from: 'E.1 #836',
    file: `${engine}/partition-flow.ts`,
    find: 'const room = this.bufferedRecordsMax - this.ledger.size',
    replace: 'const room = this.bufferedRecordsMax - (this.ledger.size - this.running)',
    law: 'No more records are open than may be buffered.',
  },
  {
    id: 'record-overlaps-itself',
    from: 'E.1 #875/#909',
    file: `${engine}/lanes.ts`,
    find: '    this.#held.set(entry.offset, entry)\n',
    replace: '    if (entry.hasLane) this.#held.set(entry.offset, entry)\n',
    law: 'A record without a lane does not overlap itself.',
  },
  {
    id: 'row-ends-with-its-first-record',
    from: 'issue, wrong comparison',
    file: `${engine}/lanes.ts`,
    find: 'if (this.#tail === entry) this.#tail = null',
    replace: 'this.#tail = null',
    law: 'In a partition without keys one record runs at a time.',
  },
  {
    id: 'lane-is-that-of-the-record',
    from: 'issue, key by reference',
    file: `${runtime}/member-loop.ts`,
    find: 'keyHash: (record: KafkaRecord) => record.keyHash(seed),',
    replace: 'keyHash: (record: KafkaRecord) => record.keyHash(seed + (record.offset % 8)),',
    law: 'Records with the same key have the same lane.',
  },
  {
    id: 'followers-of-an-ended-ownership-are-kept',
    from: 'issue, seed 2054',
    file: `${engine}/partition-flow.ts`,
    find: '      leftover.behind = null\n',
    replace: '',
    law: 'Who waited in an ownership that is over waits no more.',
  },
  {
    id: 'permit-of-a-zombie-is-given-back-twice',
    from: 'issue, permit',
    file: `${engine}/subscription-flow.ts`,
    find: `      this.zombies -= 1
      partition.zombies -= 1
`,
    replace: `      this.zombies -= 1
      this.running -= 1
      partition.zombies -= 1
`,
    law: 'Attempts in flight never exceed the concurrency.',
  },
  {
    id: 'signal-never-aborts',
    from: 'issue, abort signal',
    file: `${runtime}/attempts.ts`,
    find: 'context.#controller?.abort(reason)',
    replace: '',
    law: 'A handler that is told to end hears of it.',
  },
  {
    id: 'handler-that-returns-nothing-never-ends',
    from: 'issue, sync handler',
    file: `${runtime}/attempts.ts`,
    find: 'else seat.resolved(returned)',
    replace: 'else if (returned !== undefined) seat.resolved(returned)',
    law: 'A handler may return at once.',
  },
  {
    id: 'withheld-records-are-not-taken-up-again',
    from: 'issue, resume',
    file: `${engine}/partition-flow.ts`,
    find: `    const withheld = this.#withheld
    this.#withheld = []
    return withheld`,
    replace: `    const withheld = this.#withheld
    this.#withheld = []
    return withheld.filter((entry) => entry.attempt > 0)`,
    law: 'What was withheld goes on when the pause ends.',
  },
  {
    id: 'filtered-record-is-counted-twice',
    from: 'issue, counts',
    file: `${engine}/partition-flow.ts`,
    find: 'this.counts[outcome] += 1',
    replace: "this.counts[outcome] += outcome === 'filtered' ? 2 : 1",
    law: 'Every record has one outcome.',
  },
  {
    id: 'handed-back-records-are-not-counted',
    from: 'issue, counts',
    file: `${engine}/partition-flow.ts`,
    find: '      this.counts.abandoned += 1\n',
    replace: '',
    law: 'Every record has one outcome, also those that are handed back.',
  },
  {
    id: 'due-record-overtakes-its-lane',
    from: 'issue, lane of a retry',
    file: `${engine}/subscription-flow.ts`,
    find: `        entry.owner.parked += 1
        this.#parking.add(entry)
        // In`,
    replace: `        entry.owner.parked += 1
        this.#parking.add(entry)
        if (entry.behind !== null && entry.attempt > 1) {
          this.enqueue(entry.behind)
          entry.behind = null
        }
        // In`,
    law: 'A parked record keeps its lane.',
  },
  {
    id: 'zombie-gives-its-lane-back',
    from: 'issue, zombie',
    file: `${engine}/subscription-flow.ts`,
    find: '      effects.zombie(entry)\n',
    replace: `      effects.zombie(entry)
      if (entry.behind !== null) {
        this.enqueue(entry.behind)
        entry.behind = null
      }
`,
    law: 'A zombie keeps its lane.',
  },
  {
    id: 'attempt-of-an-earlier-ownership-keeps-its-permit',
    from: 'issue, permit',
    file: `${engine}/subscription-flow.ts`,
    find: `      this.running -= 1
      partition.running -= 1
`,
    replace: `      if (!partition.isOver) this.running -= 1
      partition.running -= 1
`,
    law: 'An attempt gives its permit back, whoever owns its partition.',
  },
]
