/** A log as people read it: one line for each event that matters to whoever wrote the handlers, in the words of
 *  their records. */

import { addressOf, type CallEnd, type DeliveryEvent, placeName } from './log.ts'

/** More than that nobody reads; what is left out is in the middle, because stories are told by how they begin and
 *  end. */
const linesMax = 40

const callEnds: Readonly<Record<CallEnd, string>> = {
  answered: 'done',
  failedBefore: 'refused (made to fail)',
  failedAfter: 'done, but its answer is lost (made to fail)',
  hungBefore: 'hangs (made to)',
  hungAfter: 'done, but its answer hangs (made to)',
  threw: 'threw',
}

/** At most 40 lines, each with time in seconds, who and what. */
export function storyOf(events: readonly DeliveryEvent[]): string {
  const keys = new Map<string, string>()
  for (const event of events) {
    if (event.kind === 'appended') keys.set(addressOf(event), event.key === null ? '' : ` key ${event.key}`)
  }
  const lines = withoutNoise(events).flatMap((event) => {
    const sentence = sentenceOf(event, keys)
    if (sentence === null) return []
    const time = (event.atMs / 1_000).toFixed(3).padStart(9)
    return [`${time}  ${whoOf(event).padEnd(6)} ${sentence}`.trimEnd()]
  })
  if (lines.length <= linesMax) return lines.join('\n')
  const head = Math.floor((linesMax - 1) / 2)
  const left = lines.length - linesMax + 1
  return [...lines.slice(0, head), `           … ${left} more lines …`, ...lines.slice(head + left)].join('\n')
}

/** Without commits that say nothing new, and without partitions that leave because their machine stops. */
function withoutNoise(events: readonly DeliveryEvent[]): DeliveryEvent[] {
  const committed = new Map<string, number>()
  const stopping = new Set<string>()
  return events.filter((event) => {
    if (event.kind === 'stopping') stopping.add(event.machine)
    if (event.kind === 'left') return !stopping.has(event.machine)
    if (event.kind !== 'committed') return true
    const line = `${event.group} ${placeName(event)}`
    const isNew = event.offset > (committed.get(line) ?? 0)
    committed.set(line, event.offset)
    return isNew
  })
}

function whoOf(event: DeliveryEvent): string {
  if ('machine' in event) return event.machine
  return event.kind === 'appended' || event.kind === 'committed' ? 'kafka' : ''
}

/** Null for what only guarantees need. */
function sentenceOf(event: DeliveryEvent, keys: ReadonlyMap<string, string>): string | null {
  const place = 'offset' in event ? `${addressOf(event)}${keys.get(addressOf(event)) ?? ''}` : ''
  switch (event.kind) {
    case 'appended': {
      if (event.copy === null) return `+ ${place} ${event.shown}`
      const due = event.copy.dueMs === null ? 'a dead letter' : `due at ${(event.copy.dueMs / 1_000).toFixed(3)}`
      return `+ ${addressOf(event)} is ${addressOf(event.copy.source)} after ${event.copy.attempts} attempts, ${due}`
    }
    case 'began':
      return `▶ ${place} attempt ${event.attempt}`
    case 'ended': {
      if (event.result === 'filtered') return `⊘ ${place} filtered`
      return event.result === 'done' ? `✓ ${place} done` : `✗ ${place} failed: ${event.reason ?? ''}`
    }
    case 'timedOut':
      return `⏱ ${place} attempt ${event.attempt} ran out of time`
    case 'called':
      return `  ${event.call}: ${callEnds[event.end]}`
    case 'committed':
      return `● committed ${addressOf(event)}`
    case 'started':
      return '■ starts'
    case 'crashed':
      return '■ crashes: its memory is gone'
    case 'stopping':
      return null
    case 'stopped':
      return '■ stopped'
    case 'failed':
      return `■ failed: ${event.reason}`
    case 'left':
      return `partition ${event.topic} ${event.partition} leaves`
    case 'stuck':
      return `✗ ${event.reason}`
    case 'retryAnnounced':
    case 'handedOff':
    case 'asked':
    case 'drained':
      return null
  }
}
