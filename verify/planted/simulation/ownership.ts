/** Mistakes in who owns what, and what happens to it when that changes. */

import { type SimulatedDefect } from '../../simulation/defect.ts'

const engine = 'packages/holdfast/src/engine'
const runtime = 'packages/holdfast/src/runtime'

export const planted: readonly SimulatedDefect[] = [
  {
    id: 'draining-member-does-not-beat',
    from: 'E.1 #857b',
    file: `${engine}/membership.ts`,
    find: '    if (!this.isMember) return\n    if (nowMs >= this.#heartbeatDueMs',
    replace: "    if (this.phase !== 'stable') return\n    if (nowMs >= this.#heartbeatDueMs",
    law: 'A member that drains stays a member.',
  },
  {
    id: 'drain-starts-further-records',
    from: 'E.1 #552',
    file: `${engine}/partition-flow.ts`,
    find: "this.#finishUpTo = why === 'stop' ? this.#highestStarted : -1",
    replace: "this.#finishUpTo = why === 'stop' ? Infinity : -1",
    law: 'A process that stops begins nothing new.',
  },
  {
    id: 'stop-does-not-wait-for-running-records',
    from: 'E.1 #559',
    file: `${engine}/departure.ts`,
    find: 'const isDrained = leaving.every((flow) => flow.isDrained)',
    replace: "const isDrained = this.#ending === 'quiet' || leaving.every((flow) => flow.isDrained)",
    law: 'A stop lets running attempts end.',
  },
  {
    id: 'revoke-does-not-wait-for-running-records',
    from: '§4.4.1',
    file: `${engine}/departure.ts`,
    find: 'const isDrained = leaving.every((flow) => flow.isDrained)',
    replace: "const isDrained = this.#ending === 'no' || leaving.every((flow) => flow.isDrained)",
    law: 'A revoke lets running attempts end.',
  },
  {
    id: 'group-rebalances-for-ever',
    from: 'E.1 #637',
    file: `${runtime}/member-requests.ts`,
    find: '!this.#flow.membership.isLeader || !this.#calls.isDivisionOutdated',
    replace: '!this.#flow.membership.isLeader',
    law: 'A group whose members and partitions do not change comes to rest.',
  },
  {
    id: 'queue-of-a-revoked-partition-goes-on',
    from: '§4.4.15',
    file: `${engine}/subscription-flow.ts`,
    find: `      if (entry.owner.isOver) continue
      if (entry.owner.mayStart(entry)) this.#start`,
    replace: '      if (entry.owner.isOver || entry.owner.mayStart(entry)) this.#start',
    law: 'Nothing starts on a partition that has left.',
  },
  {
    id: 'session-that-is-over-is-worked-on',
    from: '§5.6.3',
    file: `${engine}/lease.ts`,
    find: '    if (this.#waitingSinceMs !== null) return nowMs',
    replace: '    if (this.#fromMs > 0) return true\n    if (this.#waitingSinceMs !== null) return nowMs',
    law: 'Whoever may have lost his partitions begins nothing.',
  },
  {
    id: 'failed-join-is-not-repeated',
    from: '§5.6.1, silent stall',
    file: `${engine}/membership.ts`,
    find: '    this.#waitingUntilMs = nowMs + exponentialDelayMs',
    replace: '    if (this.#failures < 3) this.#waitingUntilMs = nowMs + exponentialDelayMs',
    law: 'Who could not join tries again.',
  },
  {
    id: 'positions-of-an-older-generation-are-opened',
    from: 'issue, epoch that is over',
    file: `${engine}/member-flow.ts`,
    find: 'if (stamp !== this.membership.stamp || !this.membership.hasAssignment) return',
    replace: 'if (!this.membership.hasAssignment) return',
    law: 'A partition starts where its last owner left it.',
  },
  {
    id: 'revoked-partition-is-kept',
    from: 'E.1 #857b, zombie holds partitions',
    file: `${engine}/departure.ts`,
    find: '      close(flow)\n',
    replace: "      if (gone === 'everything') close(flow)\n",
    law: 'What was revoked is given back.',
  },
  {
    id: 'lost-partitions-are-kept',
    from: '§3.3.6, lost is not told from revoked',
    file: `${engine}/member-flow.ts`,
    find: "      flow.subscription.abortAll(flow, 'lost', this.#nowMs, this.#effects)\n      this.#close(flow)\n      this.#effects.emit('partition.lost'",
    replace: "      this.#effects.emit('partition.lost'",
    law: 'What is lost is worked on no more.',
  },
  {
    id: 'pause-of-the-user-ends-with-that-for-retries',
    from: 'issue, resume for retry',
    file: `${engine}/partition-flow.ts`,
    find: '    this.#pauses &= ~pauseBits[reason]\n',
    replace: "    if (reason === 'retry') this.#pauses = 0\n    this.#pauses &= ~pauseBits[reason]\n",
    law: 'What a user paused stays paused.',
  },
  {
    id: 'new-ownership-forgets-the-pause',
    from: '§5.3, pause state after a rebalance',
    file: `${engine}/ownerships.ts`,
    find: "    if (this.#pausedTopics.has(start.topic)) flow.pause('user')\n",
    replace: '',
    law: 'What a user paused stays paused.',
  },
]
