/** A trace for people: one line for each event, with the time in seconds, who, and what. */

import { addressOf, shortPlaceOf, type TraceEvent } from './trace.ts'

/** Requests that say little about a story and are most of what is sent. */
const dull: ReadonlySet<string> = new Set([
  'Fetch',
  'Metadata',
  'FindCoordinator',
  'ListOffsets',
  'OffsetForLeaderEpoch',
])

/** Whether somebody who reads a trace wants to see it: not every fetch, and not every heartbeat that was answered well. */
export function isWorthReading(event: TraceEvent): boolean {
  if (event.kind !== 'sent' && event.kind !== 'heard') return true
  if (event.kind === 'sent' && event.api === 'Heartbeat') return false
  return !dull.has(event.api) && !(event.kind === 'heard' && event.api === 'Heartbeat' && event.answer === 0)
}

function seconds(ms: number): string {
  return (ms / 1_000).toFixed(3)
}

export function printed(events: readonly TraceEvent[]): string {
  return events.map(lineOf).join('\n')
}

export function lineOf(event: TraceEvent): string {
  const isKafka = event.kind === 'appended' || event.kind === 'stored' || event.kind === 'committed'
  const who = 'machine' in event ? event.machine : isKafka ? 'kafka' : ''
  return `${(event.atMs / 1_000).toFixed(3).padStart(10)}  ${who.padEnd(8)} ${sentenceOf(event)}`
}

function callText({ api, call, generation, partitions }: Extract<TraceEvent, { kind: 'sent' | 'heard' }>): string {
  const places = partitions.length === 0 ? '' : ` of ${partitions.map(shortPlaceOf).join(', ')}`
  return `${api}${generation < 0 ? '' : ` (generation ${generation})`}${places} #${call}`
}

function sentenceOf(event: TraceEvent): string {
  const place = 'offset' in event ? addressOf(event) : ''
  switch (event.kind) {
    case 'appended':
      return `record ${place} key ${event.key ?? '—'}${event.fate === 'fine' ? '' : `, ${event.fate}`}`
    case 'stored': {
      const due = event.end === 'retried' ? `, due at ${seconds(event.dueMs)}` : ''
      return `⇢ ${place} is ${addressOf(event.source)} after attempt ${event.attempts}${due}`
    }
    case 'sendAsked':
      return `⇒ sends ${event.id} key ${event.key ?? '—'}`
    case 'sendStored':
      return `⇒ ${event.id} is ${place}`
    case 'sendFailed':
      return `⇒ ${event.id} failed${event.isAmbiguous ? ', perhaps' : ''}`
    case 'began': {
      const origin = addressOf(event.source) === place ? '' : ` = ${addressOf(event.source)}`
      return `▶ ${place}${origin} attempt ${event.attempt} (run ${event.run})`
    }
    case 'ended':
      return `${event.result === 'done' ? '✓' : '✗'} ${place} ${event.result} (run ${event.run})`
    case 'aborted':
      return `! ${place} aborted (run ${event.run})`
    case 'filtered':
      return `⊘ ${place} filtered`
    case 'retryAnnounced':
      return `↻ ${place} attempt ${event.attempt} failed${event.dueMs === null ? '' : `, next at ${seconds(event.dueMs)}`}`
    case 'handedOff':
      return `⇢ ${place} handed off`
    case 'committed': {
      const done = event.finished.length === 0 ? '' : `, done ${event.finished.join(' ')}`
      const failed = event.failed.map((each) => `${each.offset} (${each.attempts}, ${seconds(each.dueMs)})`)
      return `● committed ${place}${done}${failed.length === 0 ? '' : `, failed ${failed.join(' ')}`}`
    }
    case 'sent':
      return `  → ${callText(event)}`
    case 'heard':
      return `  ← ${callText(event)}${event.answer === 0 ? '' : `: ${event.answer}`}`
    case 'asked':
      return 'asks what is committed'
    case 'commitAsked':
      return 'asks to commit'
    case 'paused':
    case 'resumed':
      return `⏸ ${event.kind}`
    case 'left':
      return `partition ${shortPlaceOf(event)} left`
    case 'assigned':
      return `is given ${event.partitions.map(shortPlaceOf).join(', ') || 'nothing'} (generation ${event.generation})`
    case 'expelled':
      return 'is no longer in the group, and did not ask for that'
    case 'calendarJumped':
      return `⚡ the calendar jumps by ${event.byMs} ms`
    case 'froze':
      return `⚡ its event loop is held up for ${event.forMs} ms`
    case 'counted':
      return `accepted ${event.accepted}, accounted for ${event.accounted}, ${event.alreadyDone} of them done before`
    case 'switchedOn':
    case 'started':
    case 'crashed':
    case 'stopping':
      return `■ ${event.kind}`
    case 'stopped':
      return `■ stopped${event.clean ? ', clean' : `, not clean, ${event.uncommitted} uncommitted`}`
    case 'failed':
      return `■ failed: ${event.reason}`
    case 'healed':
      return '══ faults end ══'
    case 'drained':
      return '══ everything is committed ══'
    case 'stuck':
      return `══ not drained ${event.afterMs} ms after the faults ended: ${event.reason} ══`
    case 'unhandledRejection':
      return `unhandled rejection: ${event.reason}`
    case 'fault':
      return `⚡ ${event.fault}: ${event.what}`
    case 'said':
      return `  ${event.what}`
  }
}
