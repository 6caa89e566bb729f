/** Time and chance enter here and nowhere else: everything in `engine/` and `runtime/` takes them from a `Clock`, so that
 *  a simulation can run a day in a second and replay it from a seed. */

export type Clock = {
  /** Milliseconds that never run backwards; for durations and deadlines. Fractions allowed. */
  monotonicMs(): number
  /** Milliseconds since 1970 as the machine believes them; for timestamps that leave the process. */
  epochMs(): number
  /** Calls back once after `delayMs` (0 = as soon as I/O had its turn). The timer does not keep the process alive. */
  setTimer(delayMs: number, callback: () => void): Timer
  /** A number in [0, 1). */
  random(): number
}

export type Timer = { cancel(): void }

/** The clock of the machine. */
export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  epochMs: () => Date.now(),
  setTimer: (delayMs, callback) => {
    if (delayMs <= 0) {
      const immediate = setImmediate(callback)
      return { cancel: () => clearImmediate(immediate) }
    }
    const timeout = setTimeout(callback, delayMs)
    timeout.unref()
    return { cancel: () => clearTimeout(timeout) }
  },
  random: () => Math.random(),
}
