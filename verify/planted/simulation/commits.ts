/** Mistakes in what is committed, when, and what its answer means. */

import { type SimulatedDefect } from '../../simulation/defect.ts'

const engine = 'packages/holdfast/src/engine'
const runtime = 'packages/holdfast/src/runtime'

export const planted: readonly SimulatedDefect[] = [
  {
    id: 'highest-seen-is-committed-at-revoke',
    from: 'E.1 #826/#827',
    file: `${engine}/partition-flow.ts`,
    find: 'const line = this.ledger.committable()',
    replace: 'const line = this.isQuiet ? this.ledger.position : this.ledger.committable()',
    law: 'A commit at a revoke stays below what never ran.',
  },
  {
    id: 'commit-takes-the-offset-of-an-open-record',
    from: 'E.1 #894',
    file: `${engine}/ledger.ts`,
    find: 'return this.#oldest === null ? this.#position : startAt(this.#oldest.offset)',
    replace: 'return this.#oldest === null ? this.#position : nextAfter(this.#oldest.offset)',
    law: 'The lowest unfinished record is read again.',
  },
  {
    id: 'offset-is-stored-before-processing',
    from: '§5.6.6',
    file: `${engine}/ledger.ts`,
    find: 'return this.#oldest === null ? this.#position : startAt(this.#oldest.offset)',
    replace: 'return this.#position',
    law: 'An offset is committed only when every record below it is done.',
  },
  {
    id: 'running-record-does-not-hold-the-line-at-revoke',
    from: '§4.4.1',
    file: `${engine}/partition-flow.ts`,
    find: 'const line = this.ledger.committable()',
    replace: `let open = this.ledger.oldest
    while (this.isQuiet && open?.state === 'running') open = open.newer
    const line = open === null ? this.ledger.position : (open.offset as NextOffset)`,
    law: 'A commit at a revoke stays below what still runs.',
  },
  {
    id: 'failed-commit-is-sent-again-as-it-was',
    from: '§3.3.1',
    file: `${runtime}/member-requests.ts`,
    find: `      const results = await this.#calls.commit(identity, offsets, () => this.#mayStillCommit(stamp))
`,
    replace: `      const queued = (this as unknown as { queued: readonly CommitOffset[] | null }).queued
      const keep = (failed: readonly CommitOffset[] | null): void => void Object.assign(this, { queued: failed })
      const results = await this.#calls
        .commit(identity, offsets, () => this.#mayStillCommit(stamp))
        .catch((error) => {
          keep(offsets)
          throw error
        })
      keep(results.some(({ errorCode }) => errorCode !== 0) ? offsets : null)
      if (queued) await this.#calls.commit(identity, queued, () => this.#mayStillCommit(stamp))
`,
    law: 'A committed offset never goes back.',
  },
  {
    id: 'commits-that-fail-do-not-back-off',
    from: '§3.3.2',
    file: `${engine}/commit-rhythm.ts`,
    find: 'const delayMs = exponentialDelayMs(retryDelay, this.failures, this.#random)',
    replace: 'const delayMs = 0',
    law: 'Failing commits are repeated ever more rarely.',
  },
  {
    id: 'rebalance-error-of-a-commit-ends-the-committer',
    from: 'E.1 #857a',
    file: `${engine}/commits.ts`,
    find: '    this.failed(kafkaErrorName(refusedWith), group, nowMs, effects)\n',
    replace: `    if (refusedWith !== kafkaErrors.REBALANCE_IN_PROGRESS)
      this.failed(kafkaErrorName(refusedWith), group, nowMs, effects)
`,
    law: 'A commit that a rebalance refuses is made again.',
  },
  {
    id: 'lost-connection-ends-the-committer',
    from: '§3.3.5',
    file: `${runtime}/member-requests.ts`,
    find: "this.#callFailed(error, (reason) => this.#step({ kind: 'commitFailed', stamp, reason }))",
    replace: 'this.#callFailed(error, () => undefined)',
    law: 'A commit that has no answer is made again.',
  },
  {
    id: 'answer-of-the-commit-waits-for-the-revoke',
    from: 'E.1 #857c',
    file: `${engine}/member-flow.ts`,
    find: `    if (!this.#commits.isAwaited(event.stamp)) return
    const { group } = this.settings
`,
    replace: `    if (!this.#commits.isAwaited(event.stamp) || this.#departure.isHandingBack) return
    const { group } = this.settings
`,
    law: 'A last commit and the revoke that it is made for do not wait for each other.',
  },
  {
    id: 'refusal-while-leaving-is-taken-for-success',
    from: 'E.1, commit rejected after leaving',
    file: `${engine}/commits.ts`,
    find: '      if (result.errorCode !== 0) {\n',
    replace: '      if (result.errorCode !== 0 && flow?.isQuiet !== true) {\n',
    law: 'A commit that was refused was not made.',
  },
  {
    id: 'errors-of-single-partitions-are-ignored',
    from: '§4.4.14',
    file: `${engine}/commits.ts`,
    find: '      if (result.errorCode !== 0) {\n',
    replace: '      if (result.errorCode !== 0 && results.length > Infinity) {\n',
    law: 'A commit that was refused was not made.',
  },
  {
    id: 'idle-tail-is-never-committed',
    from: '§4.4.7',
    file: `${engine}/commit-rhythm.ts`,
    find: 'return Math.min(byTimeMs, byCountMs)',
    replace: 'return byCountMs',
    law: 'What is done is committed, also when nothing follows it.',
  },
  {
    id: 'member-leaves-before-its-last-commit',
    from: '§3.3.9, order of the stop',
    file: `${engine}/departure.ts`,
    find: '    this.#beginHandBack(budgetMs, nowMs)\n',
    replace: '    this.#beginHandBack(Math.min(budgetMs, 0), nowMs)\n',
    law: 'A stop without faults commits all that was finished.',
  },
  {
    id: 'coordinator-error-is-taken-for-no-committed-offset',
    from: 'E.1, spurious zero offsets',
    file: `${runtime}/positions.ts`,
    find: "    this.#check('OffsetFetch', found?.errorCode ?? 0)\n",
    replace: '',
    law: 'A group goes on where it was.',
  },
  {
    id: 'marks-are-decoded-from-base-zero',
    from: 'E.1 #546',
    file: `${runtime}/commit-text.ts`,
    find: 'failed.set(offset, {',
    replace: 'failed.set(offset - committedOffset, {',
    law: 'What a commit tells of a record is believed of that record.',
  },
  {
    id: 'completion-map-is-off-by-one',
    from: 'issue, completion map off by one',
    file: `${engine}/completion-map.ts`,
    find: '(this.#edges[middle] as number) <= offset',
    replace: '(this.#edges[middle] as number) < offset',
    law: 'A record is passed over only if it was marked as finished.',
  },
  {
    id: 'parked-records-are-marked-as-finished',
    from: '§3.3.7',
    file: `${engine}/commit-marks.ts`,
    find: '    unfinished.push(entry.offset)\n    //',
    replace: "    if (entry.state !== 'parked' || entry === ledger.oldest) unfinished.push(entry.offset)\n    //",
    law: 'A commit marks nothing that is not finished.',
  },
  {
    id: 'marks-of-another-offset-are-believed',
    from: 'E.1, stale metadata',
    file: `${engine}/inherited-marks.ts`,
    find: '      if (end > position) return nextAfter(end - 1)\n',
    replace: '      if (end > position) return nextAfter(this.highestFinished)\n',
    law: 'The line passes only what is finished.',
  },
  {
    id: 'committed-offset-is-that-of-the-last-record',
    from: 'issue, commit −1',
    file: `${engine}/ledger.ts`,
    find: 'return this.#oldest === null ? this.#position : startAt(this.#oldest.offset)',
    replace: 'return this.#oldest === null ? startAt(Math.max(0, this.#position - 1)) : startAt(this.#oldest.offset)',
    law: 'What is committed is the next offset to read.',
  },
  {
    id: 'finished-record-leaves-the-line-where-it-was',
    from: 'issue, wrong link',
    file: `${engine}/ledger.ts`,
    find: '    if (older === null) this.#oldest = newer\n',
    replace: '    if (older === null) this.#oldest = newer === null ? null : (newer.newer ?? newer)\n',
    law: 'The line is the lowest unfinished record.',
  },
  {
    id: 'middle-of-the-list-is-cut-wrong',
    from: 'issue, wrong link',
    file: `${engine}/ledger.ts`,
    find: '    else older.newer = newer\n',
    replace: '    else older.newer = newer === null ? null : newer.newer\n',
    law: 'Every unfinished record holds the line.',
  },
  {
    id: 'failure-does-not-make-a-partition-dirty',
    from: 'issue, R19',
    file: `${engine}/partition-flow.ts`,
    find: 'return this.committed === null || this.changes !== this.markedChanges || this.committable() > this.committed',
    replace: 'return this.committed === null || this.committable() > this.committed',
    law: 'A commit tells of what failed and finished, also when the line did not move.',
  },
  {
    id: 'completion-map-ends-one-too-late',
    from: 'issue, completion map off by one',
    file: `${engine}/completion-map.ts`,
    find: 'edges.push(end + unfinished, end + unfinished + finished)',
    replace: 'edges.push(end + unfinished, end + unfinished + finished + 1)',
    law: 'A record is passed over only if it was marked as finished.',
  },
  {
    id: 'completion-map-ends-one-too-early',
    from: 'issue, completion map off by one',
    file: `${engine}/completion-map.ts`,
    find: 'edges.push(end + unfinished, end + unfinished + finished)',
    replace: 'edges.push(end + unfinished, end + unfinished + finished - 1)',
    law: 'What was marked as finished is not handled again.',
  },
  {
    id: 'completion-map-begins-one-too-early',
    from: 'issue, completion map off by one',
    file: `${engine}/completion-map.ts`,
    find: 'edges.push(end + unfinished, end + unfinished + finished)',
    replace: 'edges.push(end + unfinished - 1, end + unfinished + finished)',
    law: 'A record is passed over only if it was marked as finished.',
  },
  {
    id: 'map-tells-one-more-than-was-finished',
    from: 'issue, completion map off by one',
    file: `${engine}/completion-map.ts`,
    find: 'runs[count + 1] = highestFinished - last\n',
    replace: 'runs[count + 1] = highestFinished - last + 1\n',
    law: 'A commit marks nothing that is not finished.',
  },
  {
    id: 'running-attempt-is-marked-as-failed',
    from: 'issue, R19',
    file: `${engine}/entry.ts`,
    find: "return this.state === 'running' ? this.attempt - 1 : this.attempt",
    replace: 'return this.attempt',
    law: 'Only attempts that failed are told of.',
  },
  {
    id: 'marks-stay-at-home',
    from: 'issue, R10',
    file: `${runtime}/group-calls.ts`,
    find: 'committedMetadata: commitText(offset, marks, this.#clock),',
    replace:
      'committedMetadata: commitText(offset, { ...marks, unfinished: [], highestFinished: -1, failed: [] }, this.#clock),',
    law: 'After a clean stop nothing is handled twice, and attempts are counted on.',
  },
  {
    id: 'wait-is-told-by-the-calendar-alone',
    from: 'issue, clock jump',
    file: `${runtime}/commit-text.ts`,
    find: 'const leftMs = Math.min(dueAtMs - epochMs, waitMs)',
    replace: 'const leftMs = dueAtMs - epochMs + Math.min(waitMs, 0)',
    law: 'A wrong calendar makes nobody wait longer than his wait.',
  },
  {
    id: 'failed-commit-is-not-made-again',
    from: 'issue, timer lost',
    file: `${engine}/commit-rhythm.ts`,
    find: `    this.failures += 1
    this.#dirtySinceMs = nowMs
`,
    replace: '    this.failures += 1\n',
    law: 'A commit that failed is made again.',
  },
  {
    id: 'commits-have-no-interval',
    from: 'issue, R9',
    file: `${engine}/commit-rhythm.ts`,
    find: 'const byTimeMs = Math.max(this.#lastSentMs, this.#dirtySinceMs) + commitIntervalMs',
    replace: 'const byTimeMs = Math.max(this.#lastSentMs, this.#dirtySinceMs) + commitIntervalMs * 0',
    law: 'One commit an interval, or one for many records.',
  },
  {
    id: 'acknowledgement-counts-for-what-came-after-it',
    from: 'issue, told',
    file: `${engine}/commits.ts`,
    find: 'flow.markedChanges = sent.changes',
    replace: 'flow.markedChanges = flow.changes',
    law: 'A commit tells of what was true when it was sent.',
  },
  {
    id: 'clean-is-claimed-whatever-was-committed',
    from: 'issue, clean means clean',
    file: `${engine}/departure.ts`,
    find: 'records + flow.untold + flow.forgottenAttempts',
    replace: 'records + flow.forgottenAttempts',
    law: 'A stop is clean only if all that was finished is committed.',
  },
  {
    id: 'lost-records-of-a-stop-are-forgotten',
    from: 'issue, clean means clean',
    file: `${engine}/departure.ts`,
    find: 'if (this.isEnding) this.#lostUncommitted += this.#uncommitted()\n',
    replace: '',
    law: 'A stop is clean only if all that was finished is committed.',
  },
]
