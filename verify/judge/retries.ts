/** The law of a retry (G3): it never starts before its due time, whichever process makes it.
 *
 *  A record is handed off after its attempt failed, and has to wait from the moment when it was stored. That moment is known
 *  by the broker's clock only, so the judge counts from the failure, a little earlier: a retry that starts too early even
 *  then is early by any clock. */
import { addressOf, type Evidence, type Violation } from './evidence.ts'
import { type HandOff, type HandOffs } from './hand-offs.ts'
import { type Attempt, failures, type History, nameOf } from './history.ts'

/** Brokers and headers count whole milliseconds, cut off, and so may the clock that is compared with them. */
const clockGrainMs = 2

export function earlyRetries(
  { leastWaitsMs }: Pick<Evidence, 'leastWaitsMs'>,
  history: History,
  handOffs: HandOffs,
): Violation[] {
  const failedMs = failures(history)
  return history.attempts.flatMap((retry): Violation[] => {
    const { attempt, startedMs } = retry
    if (attempt === 1) return []
    const address = addressOf(retry)
    const sinceMs = failedMs.get(nameOf(address, attempt - 1))
    const name = nameOf(address, attempt)
    if (sinceMs === undefined || startedMs < sinceMs)
      return [`${name} started before attempt ${attempt - 1} had failed`]
    const hop = hopTo(handOffs, retry)
    const waitMs = hop === undefined ? (leastWaitsMs[attempt - 2] ?? 0) : waitOf(hop)
    const waitedMs = startedMs - sinceMs
    if (waitedMs >= waitMs - clockGrainMs) return []
    return [
      `${name} started ${waitedMs.toFixed(0)} ms after attempt ${attempt - 1} had failed, ${waitMs} ms were to pass`,
    ]
  })
}

/** Attempts after a first one, by the way on which their records came to them. */
export function countRetries(history: History, handOffs: HandOffs): { inPlace: number; byTopic: number } {
  const retries = history.attempts.filter(({ attempt }) => attempt > 1)
  const byTopic = retries.filter((retry) => hopTo(handOffs, retry) !== undefined).length
  return { inPlace: retries.length - byTopic, byTopic }
}

/** The hand-off that an attempt came from, if it was the next one after it. */
function hopTo(handOffs: HandOffs, retry: Attempt): HandOff | undefined {
  const own = handOffs.byAddress.get(addressOf(retry))
  return own?.find(({ kind, attempts }) => kind === 'delay' && attempts === retry.attempt - 1)
}

function waitOf({ dueEpochMs, delayMs, storedEpochMs }: HandOff): number {
  return Math.max(0, delayMs ?? 0, (dueEpochMs ?? 0) - storedEpochMs)
}
