/** Sends the strikes at a steady rate and remembers how far each partition goes, so that the demo knows when all of them
 *  are through. */
import { setTimeout as delay } from 'node:timers/promises'
import { type Holdfast, type Topic } from 'holdfast'
import { type StrikeReport } from './strikes.ts'

/** Finer than anybody can see on a screen, coarser than a timer's own error. */
const tickMs = 10
/** Sends without an answer; with more of them, `max` would only measure memory. */
const unansweredMax = 2_000

export class StrikeProducer {
  readonly #app: Holdfast
  readonly #topic: Topic<StrikeReport>
  readonly #endOffsets = new Map<number, number>()
  #acknowledged = 0

  constructor(app: Holdfast, topic: Topic<StrikeReport>) {
    this.#app = app
    this.#topic = topic
  }

  get acknowledged(): number {
    return this.#acknowledged
  }

  /** The offset after the last record of each partition that has one. */
  get endOffsets(): ReadonlyMap<number, number> {
    return this.#endOffsets
  }

  /** Resolves when every send was answered; rejects if one of them failed, or with the reason of the signal. */
  async sendAll(reports: readonly StrikeReport[], perSecond: number, signal: AbortSignal): Promise<void> {
    const unanswered = new Set<Promise<void>>()
    const firstFailure = Promise.withResolvers<never>()
    firstFailure.promise.catch(() => undefined)
    const startedMs = performance.now()
    let sent = 0
    while (sent < reports.length) {
      const due = Math.min(reports.length, Math.ceil(((performance.now() - startedMs) / 1_000) * perSecond))
      for (; sent < due && unanswered.size < unansweredMax; sent += 1) {
        const sending = this.#send(reports[sent] as StrikeReport).catch(firstFailure.reject)
        unanswered.add(sending)
        void sending.finally(() => unanswered.delete(sending))
      }
      await Promise.race([delay(tickMs, undefined, { signal }), firstFailure.promise])
    }
    await Promise.race([Promise.all(unanswered), firstFailure.promise])
    signal.throwIfAborted()
  }

  async #send(report: StrikeReport): Promise<void> {
    const { partition, offset } = await this.#app.send(this.#topic, { value: report })
    this.#acknowledged += 1
    this.#endOffsets.set(partition, Math.max(this.#endOffsets.get(partition) ?? 0, offset + 1))
  }
}
