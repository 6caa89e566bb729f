/** Which event is logged at which level and with which sentence. The table has a row for every event, so that a new event
 *  cannot be forgotten; `null` says that it is deliberately not logged. Never logged: bodies, keys, header values. */

import { partitionName } from '../model/topic-partition.ts'
import { formatDuration } from '../model/duration.ts'
import type { Emitter } from './emitter.ts'
import type { HoldfastEventName, HoldfastEvents } from './events.ts'
import { type Logger, type LogLevel, logAt } from './log.ts'

type Row<E> = {
  readonly level: LogLevel | ((event: E) => LogLevel)
  readonly say: (event: E) => string
  /** Whether it may come in floods: then one line a second for each class of error tells how many were left out. */
  readonly isLimited?: true
}

/** One line a second is enough to see that something goes wrong again and again. */
const repeatAfterMs = 1_000
/** Classes of errors are named by user code; however many it invents, memory stays bounded. */
const classesMax = 500

type Table = { readonly [N in HoldfastEventName]: Row<HoldfastEvents[N]> | null }

const inPlace = (ms: number | null): string => (ms === null ? 'no retry is left' : `next try in ${roughly(ms)}`)
const roughly = (ms: number): string => formatDuration(Math.round(ms))

const table: Table = {
  'app.started': { level: 'info', say: (e) => `started with ${e.brokers.join(', ')}` },
  'app.stopping': { level: 'info', say: (e) => `stopping: ${e.reason}` },
  'app.stopped': {
    level: (e) => (e.clean ? 'info' : 'warn'),
    say: (e) =>
      e.clean ? 'stopped; everything that was finished is committed' : 'stopped; some records will be handled again',
  },
  'app.failed': { level: 'fatal', say: () => 'failed and cannot go on' },

  'connection.failed': { level: 'warn', say: (e) => `no connection to ${e.node}: ${e.reason}`, isLimited: true },
  'connection.insecure': { level: 'warn', say: (e) => e.reason },

  'group.joined': {
    level: 'info',
    say: (e) =>
      `joined the group${e.isLeader ? ' as leader' : ''}: keeps ${e.retained} partitions, gets ${e.added}, gives ${e.revoked} back`,
  },
  'group.rebalancing': { level: 'info', say: (e) => `the group shares its partitions anew: ${e.reason}` },
  'group.lost': { level: 'warn', say: (e) => `lost the membership: ${e.reason}` },
  'group.left': { level: 'info', say: () => 'left the group' },
  'group.stalled': { level: 'error', say: (e) => `no progress for ${roughly(e.forMs)}: ${e.reason}`, isLimited: true },

  'partition.assigned': { level: 'info', say: (e) => `reads ${partitionName(e.at)} from offset ${e.from}` },
  'partition.revoked': {
    level: 'info',
    say: (e) => `gave back ${partitionName(e.at)}, committed ${e.committed ?? 'nothing'}`,
  },
  'partition.lost': { level: 'warn', say: (e) => `lost ${partitionName(e.at)}: ${e.reason}` },
  'partition.paused': {
    level: (e) => (e.reason === 'pressure' ? 'trace' : 'debug'),
    say: (e) => `paused ${partitionName(e.at)}: ${e.reason}`,
  },
  'partition.resumed': {
    level: (e) => (e.reason === 'pressure' ? 'trace' : 'debug'),
    say: (e) => `resumed ${partitionName(e.at)}: ${e.reason} is over`,
  },
  'partition.reset': {
    level: 'error',
    say: (e) =>
      `${partitionName(e.at)} goes on at ${e.to} instead of ${e.from}, ${e.missing} offsets missing: ${e.reason}`,
  },
  'partition.blocked': {
    level: 'error',
    say: (e) => `${partitionName(e.at)} stands still at offset ${e.offset}, whose attempts are used up`,
  },

  'attempt.failed': { level: 'warn', say: (e) => `attempt failed, ${inPlace(e.retryInMs)}`, isLimited: true },
  'attempt.timedOut': {
    level: 'warn',
    say: (e) => `attempt took longer than ${roughly(e.timeoutMs)} and was aborted`,
    isLimited: true,
  },
  'attempt.zombie': {
    level: 'error',
    say: () => 'the handler ignores its abort: its lane is held until it settles',
    isLimited: true,
  },
  'attempt.stale': {
    level: 'warn',
    say: () => 'a result came after its partition had left and was dropped',
    isLimited: true,
  },
  'record.ended': null,

  'record.handedOff': {
    level: (e) => (e.outcome === 'deadLettered' ? 'warn' : 'debug'),
    say: (e) => `${partitionName(e.at)}@${e.offset} went to ${e.to} after ${e.attempts} attempts`,
    isLimited: true,
  },
  'record.handOffFailed': {
    level: 'error',
    say: (e) =>
      `${partitionName(e.at)}@${e.offset} could not be written to ${e.to}: ${e.reason}; next try in ${roughly(e.retryInMs)}`,
    isLimited: true,
  },
  'commit.marksIgnored': {
    level: 'warn',
    say: (e) => `what the last commit of ${partitionName(e.at)} says about finished records is ignored: ${e.reason}`,
  },
  'commit.sent': null,
  'commit.acknowledged': {
    level: 'debug',
    say: (e) => `committed ${e.partitions} ${e.partitions === 1 ? 'partition' : 'partitions'}`,
  },
  'commit.failed': { level: 'warn', say: (e) => `commit failed: ${e.reason}`, isLimited: true },

  'fetch.failed': { level: 'warn', say: (e) => `fetch from ${e.node} failed: ${e.reason}`, isLimited: true },
  'fetch.corrupt': {
    level: 'error',
    say: (e) => `${partitionName(e.at)} cannot be read at offset ${e.offset}: ${e.reason}`,
    isLimited: true,
  },

  'produce.failed': {
    level: 'error',
    say: (e) =>
      `${e.records} records for ${partitionName(e.at)} ${e.ambiguous ? 'may be lost' : 'were not sent'}: ${e.reason}`,
    isLimited: true,
  },
  'produce.retried': {
    level: 'warn',
    say: (e) => `${e.records} records for ${partitionName(e.at)} are sent again: ${e.reason}`,
    isLimited: true,
  },

  'health.changed': {
    level: (e) => (e.live && e.ready ? 'info' : 'warn'),
    say: (e) => `${e.live ? 'live' : 'not live'}, ${e.ready ? 'ready' : 'not ready'}${reasonsOf(e.reasons)}`,
  },
}

function reasonsOf(reasons: readonly string[]): string {
  return reasons.length === 0 ? '' : `: ${reasons.join('; ')}`
}

/** Lets the logger hear the emitter. Events that the logger would not print are not even listened to. Returns a function
 *  that ends it. `nowMs` may be any clock that does not run backwards. */
export function logEvents(emitter: Emitter, logger: Logger, nowMs: () => number): () => void {
  const repeats = new Repeats()
  const listen = <N extends HoldfastEventName>(name: N): (() => void) => {
    const row = table[name]
    if (row === null || !isEverEnabled(logger, row.level)) return () => undefined
    return emitter.on(name, (event) => {
      const level = typeof row.level === 'function' ? row.level(event) : row.level
      const suppressed = row.isLimited ? repeats.count(`${name} ${classOf(event)}`, nowMs()) : 0
      if (suppressed === null) return
      const fields = { event: `holdfast.${name}`, ...fieldsOf(event), ...(suppressed > 0 ? { suppressed } : {}) }
      logAt(logger, level, fields, row.say(event))
    })
  }
  const endings = [
    ...(Object.keys(table) as HoldfastEventName[]).map((name) => listen(name)),
    // Whoever reads the log to its end shall know how much it left out.
    emitter.on('app.stopped', () => {
      for (const [key, suppressed] of repeats.drain()) {
        const [name, error] = key.split(' ')
        logAt(
          logger,
          'warn',
          { event: `holdfast.${name}`, suppressed },
          `${suppressed} more of ${name} ${error}`.trim(),
        )
      }
    }),
  ]
  return () => endings.forEach((end) => end())
}

function isEverEnabled(logger: Logger, level: unknown): boolean {
  return typeof level !== 'string' || (logger.isLevelEnabled?.(level) ?? true)
}

/** Events in fields that are the same everywhere: topic and partition on their own, an error as `err`. */
function fieldsOf(event: object): Record<string, unknown> {
  const { at, error, ...others } = event as { at?: HoldfastEvents['partition.paused']['at']; error?: Error }
  return {
    ...others,
    ...(at === undefined ? {} : { topic: at.topic, partition: at.partition }),
    ...(error === undefined ? {} : { err: error }),
  }
}

/** What makes two events "the same again": the code or class of the error, never its words, which may differ each time. */
function classOf(event: object): string {
  try {
    return readableClassOf(event)
  } catch {
    // What a handler throws may refuse to be looked at; such errors are one class.
    return 'unreadable'
  }
}

function readableClassOf(event: object): string {
  const { error, kind } = event as { error?: { code?: unknown; name?: unknown; cause?: unknown }; kind?: unknown }
  if (error === undefined) return typeof kind === 'string' ? kind : ''
  const cause = error.cause instanceof Error ? error.cause.name : ''
  return `${String(error.code ?? error.name)}${cause === '' ? '' : `/${cause}`}`
}

class Repeats {
  readonly #seen = new Map<string, { atMs: number; suppressed: number }>()

  /** How many were left out since the last line of this kind, or null if this one is to be left out too. */
  count(kind: string, nowMs: number): number | null {
    const key = this.#seen.has(kind) || this.#seen.size < classesMax ? kind : `${kind.split(' ')[0]} other`
    const seen = this.#seen.get(key)
    if (seen !== undefined && nowMs - seen.atMs < repeatAfterMs) {
      seen.suppressed += 1
      return null
    }
    const suppressed = seen?.suppressed ?? 0
    this.#seen.set(key, { atMs: nowMs, suppressed: 0 })
    return suppressed
  }

  /** What was left out and not yet told; forgets it. */
  drain(): [kind: string, suppressed: number][] {
    const left = [...this.#seen].filter(([, seen]) => seen.suppressed > 0)
    this.#seen.clear()
    return left.map(([kind, seen]) => [kind, seen.suppressed])
  }
}
