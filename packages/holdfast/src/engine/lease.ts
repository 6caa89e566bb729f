/** Decides whether the coordinator surely still counts this member in (R5): without that no attempt starts and no commit is
 *  sent. Whatever is acknowledged proves it from the moment at which it was sent, for a session less a margin.
 *
 *  A JoinGroup or SyncGroup in flight proves it too, because a coordinator does not end the session of somebody whom it
 *  keeps waiting, but only for as long as it waits for members, and only if the lease held when the request was sent. */
import type { GroupSettings } from '../model/settings.ts'

/** The lease ends this long before the session does, to leave room for clocks and queues. */
const marginMs = 1_000

export class Lease {
  readonly #settings: GroupSettings
  /** When the newest request was sent that the coordinator acknowledged. */
  #fromMs = -Infinity
  /** What was sent before this moment proves nothing: the loop stood still after it. */
  #provenFromMs = -Infinity
  /** Who has not joined a rebalance timeout after this moment is dropped, however often its heart beats. */
  #rebalanceSinceMs = Infinity
  /** When the JoinGroup or SyncGroup in flight was sent that keeps the lease. */
  #waitingSinceMs: number | null = null

  /** Since when the lease holds without a break; meaningless while it does not hold. */
  sinceMs: number = -Infinity

  constructor(settings: GroupSettings) {
    this.#settings = settings
  }

  holds(nowMs: number): boolean {
    const { sessionTimeoutMs, rebalanceTimeoutMs } = this.#settings
    if (this.#waitingSinceMs !== null) return nowMs < this.#waitingSinceMs + rebalanceTimeoutMs
    const margin = Math.min(marginMs, sessionTimeoutMs / 4)
    return nowMs < Math.min(this.#fromMs + sessionTimeoutMs - margin, this.#rebalanceSinceMs + rebalanceTimeoutMs)
  }

  /** What was sent at `sentMs` was acknowledged. */
  prove(sentMs: number, nowMs: number): void {
    if (sentMs < this.#provenFromMs) return
    if (!this.holds(nowMs)) this.sinceMs = nowMs
    this.#fromMs = Math.max(this.#fromMs, sentMs)
  }

  /** The group divides its partitions anew, as we hear. */
  rebalanceBegan(nowMs: number): void {
    this.#rebalanceSinceMs = Math.min(this.#rebalanceSinceMs, nowMs)
  }

  /** Since when the group divides its partitions anew, as far as we heard; Infinity while it does not. */
  get rebalanceSinceMs(): number {
    return this.#rebalanceSinceMs
  }

  /** A JoinGroup or SyncGroup goes out. */
  waits(nowMs: number): void {
    this.#waitingSinceMs = this.holds(nowMs) ? nowMs : null
  }

  /** It had no answer, or one that admits nobody. */
  waitsNoMore(): void {
    this.#waitingSinceMs = null
  }

  /** A SyncGroup of `sentMs` was answered: a generation begins, which the next rebalance ends. */
  admitted(sentMs: number, nowMs: number): void {
    const hasHeld = this.holds(nowMs)
    this.#waitingSinceMs = null
    this.#rebalanceSinceMs = Infinity
    if (sentMs >= this.#provenFromMs) this.#fromMs = Math.max(this.#fromMs, sentMs)
    if (!hasHeld) this.sinceMs = nowMs
  }

  /** The loop stood still: only what is sent from now on proves anything. */
  doubt(nowMs: number): void {
    this.#fromMs = -Infinity
    this.#provenFromMs = nowMs
    this.#waitingSinceMs = null
  }

  /** The membership is over. */
  end(): void {
    this.#fromMs = -Infinity
    this.#rebalanceSinceMs = Infinity
    this.#waitingSinceMs = null
  }
}
