/** Mistakes in reading from and writing to brokers, and in timers. */

import { type SimulatedDefect } from '../../simulation/defect.ts'

const engine = 'packages/holdfast/src/engine'
const runtime = 'packages/holdfast/src/runtime'

export const planted: readonly SimulatedDefect[] = [
  {
    id: 'control-batch-is-counted-as-a-record',
    from: 'E.1 #328/#409',
    file: `${runtime}/intake.ts`,
    find: '    if (batch.isControl) aborting.delete(batch.producerId)\n    else if',
    replace: '    if (batch.isControl) aborting.delete(batch.producerId)\n    if',
    law: 'A marker of a transaction is no record.',
  },
  {
    id: 'line-never-passes-a-marker-at-the-end',
    from: '§5.6.5',
    file: `${engine}/partition-flow.ts`,
    find: '      this.ledger.skipTo(chunk.nextOffset)\n',
    replace: '',
    law: 'A partition is done when nothing but a marker is left of it.',
  },
  {
    id: 'stale-fetch-answer-is-taken',
    from: 'issue, stale fetch answer',
    file: `${engine}/member-flow.ts`,
    find: 'if (flow?.epoch !== order.epoch || flow.fetchPosition !== order.fetchOffset || flow.isRelocating) continue',
    replace: 'if (flow === undefined || flow.isRelocating) continue',
    law: 'Only what was asked for by this ownership is read.',
  },
  {
    id: 'records-behind-the-buffer-are-skipped',
    from: 'E.1, poll-skip',
    file: `${engine}/partition-flow.ts`,
    find: '      if (records.length > 0) continue\n',
    replace: '      if (records.length > 0 && records.length < room) continue\n',
    law: 'Every record that was fetched is handled.',
  },
  {
    id: 'timer-of-a-failed-fetch-is-lost',
    from: 'issue, timer lost',
    file: `${engine}/fetches.ts`,
    find: '        this.#wakeAt(session.notBeforeMs)\n',
    replace: '',
    law: 'A fetch that failed is made again.',
  },
  {
    id: 'timer-of-a-failed-partition-is-lost',
    from: 'issue, timer lost',
    file: `${engine}/fetches.ts`,
    find: '        this.#wakeAt(flow.fetchNotBeforeMs)\n',
    replace: '',
    law: 'A partition that could not be read is read again.',
  },
  {
    id: 'timer-of-a-waiting-member-is-lost',
    from: 'issue, timer lost',
    file: `${engine}/membership.ts`,
    find: "if (this.phase === 'waiting') return Math.min(this.#waitingUntilMs, nextTickMs)",
    replace: "if (this.phase === 'waiting') return nextTickMs",
    law: 'Who could not join tries again.',
  },
  {
    id: 'session-of-a-failed-fetch-goes-on',
    from: '§5.7, fetch in progress',
    file: `${engine}/fetches.ts`,
    find: '    session.forget()\n    session.failures += 1\n',
    replace: '    session.failures += 1\n',
    law: 'A fetch that failed is made again.',
  },
  {
    id: 'pressure-never-ends',
    from: '§5.7, paused for good',
    file: `${engine}/partition-flow.ts`,
    find: "this.heldBytes <= this.#heldBytesMax / 2 && !this.#isAtBound ? 'ends' : null",
    replace: "this.heldBytes < 0 && !this.#isAtBound ? 'ends' : null",
    law: 'A partition that was too full is read again.',
  },
  {
    id: 'refused-append-is-taken-for-stored',
    from: 'E.1, lost-write',
    file: `${engine}/produce-answers.ts`,
    find: "      name: 'NOT_ENOUGH_REPLICAS',\n      verdict: 'resend',",
    replace: "      name: 'NOT_ENOUGH_REPLICAS',\n      verdict: 'stored',",
    law: 'A record is stored when the broker says so.',
  },
  {
    id: 'unanswered-append-is-taken-for-stored',
    from: 'E.1, lost-write',
    file: `${engine}/producer-flow.ts`,
    find: '    else this.#resendLater(batch, event, effects)\n',
    replace: `    else {
      effects.acknowledge(batch, -1, -1)
      this.#release(batch, effects)
    }
`,
    law: 'A record is stored when the broker says so.',
  },
  {
    id: 'sequence-of-a-lost-batch-is-used-again',
    from: 'E.1, lost-write',
    file: `${engine}/producer-flow.ts`,
    find: '    if (ambiguous) this.#spoil(batch.lane, effects)\n',
    replace: '',
    law: 'A record is not taken for one that is stored already.',
  },
  {
    id: 'fetch-skips-a-record',
    from: 'issue, off by one',
    file: `${engine}/partition-flow.ts`,
    find: 'this.fetchPosition = chunk.nextOffset\n',
    replace: 'this.fetchPosition = (chunk.nextOffset + (chunk.bytes % 7 === 0 ? 1 : 0)) as NextOffset\n',
    law: 'The next fetch begins where the last one ended.',
  },
  {
    id: 'moved-position-is-not-named-to-the-session',
    from: '§5.7, fetch session',
    file: `${engine}/fetch-session.ts`,
    find: '    known?.fetchOffset === target.fetchOffset &&\n    known.leaderEpoch',
    replace: '    known !== undefined &&\n    known.leaderEpoch',
    law: 'A broker is told every position that moved.',
  },
  {
    id: 'bytes-of-finished-records-are-kept',
    from: 'R28',
    file: `${engine}/partition-flow.ts`,
    find: 'if (holding.unfinished === 0 && holding.isTaken) this.heldBytes -= holding.bytes',
    replace: 'if (holding.unfinished < 0 && holding.isTaken) this.heldBytes -= holding.bytes',
    law: 'Room comes back with the records that end.',
  },
  {
    id: 'node-that-failed-is-never-asked-again',
    from: 'issue, timer lost',
    file: `${engine}/fetches.ts`,
    find: `    session.forget()
    session.failures += 1
    this.#hasChanged = true
`,
    replace: `    session.failures += 1
    session.reservedBytes = 0
    this.#hasChanged = true
`,
    law: 'A fetch that failed is made again.',
  },
  {
    id: 'moved-coordinator-is-asked-for-ever',
    from: 'issue, coordinator',
    file: `${runtime}/cluster.ts`,
    find: 'if (known === undefined || (node !== undefined && nodeName(node) !== nodeName(known))) return\n    this.#coordinators.delete(group)',
    replace: 'if (known === undefined || (node !== undefined && nodeName(node) !== nodeName(known))) return',
    law: 'A coordinator that moved is looked for.',
  },
]
