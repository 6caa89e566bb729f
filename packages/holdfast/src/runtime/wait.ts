/** Waiting on the injected clock. */
import type { Clock } from './clock.ts'

/** Resolves after `delayMs`, or at once when aborted: whoever waits looks at the signal anyway. Never rejects. */
export function wait(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    const end = (): void => {
      timer.cancel()
      signal.removeEventListener('abort', end)
      resolve()
    }
    const timer = clock.setTimer(delayMs, end)
    signal.addEventListener('abort', end, { once: true })
  })
}
