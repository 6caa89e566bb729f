/** Time and chance of the broker. Everything in the core takes them from here, so that a simulation can hold the clock. */

export type BrokerClock = {
  /** Milliseconds that never run backwards; for timers and deadlines. */
  monotonicMs(): number
  /** Milliseconds since 1970; for timestamps of records and of the history. */
  epochMs(): number
  /** Calls back once after `delayMs` (0 = as soon as I/O had its turn). The timer does not keep the process alive. */
  setTimer(delayMs: number, callback: () => void): BrokerTimer
  /** A number in [0, 1). */
  random(): number
}

export type BrokerTimer = { cancel(): void }

/** The longest delay that Node's timers take; a longer one would fire at once. */
const timerDelayMsMax = 2 ** 31 - 1

/** The clock of the machine. */
export const systemBrokerClock: BrokerClock = {
  monotonicMs: () => performance.now(),
  epochMs: () => Date.now(),
  setTimer: (delayMs, callback) => {
    if (delayMs <= 0) {
      const immediate = setImmediate(callback)
      return { cancel: () => clearImmediate(immediate) }
    }
    const timeout = setTimeout(callback, Math.min(delayMs, timerDelayMsMax))
    timeout.unref()
    return { cancel: () => clearTimeout(timeout) }
  },
  random: () => Math.random(),
}

/** A version 4 UUID drawn from the clock's chance, so that ids repeat with the seed. */
export function randomUuid(clock: BrokerClock): string {
  let hex = ''
  for (let index = 0; index < 32; index++) {
    const nibble = Math.floor(clock.random() * 16)
    hex += (index === 12 ? 4 : index === 16 ? (nibble & 3) | 8 : nibble).toString(16)
  }
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}
