/** Tells on stderr how far a run has come: a bar that is drawn again on a terminal, now and then a line elsewhere. Failures are
 *  told as they come. */

import { type Account } from './account.ts'

/** Failures that are told in words; all of them are counted. */
const toldMax = 20
const violationsTold = 5
const barEveryMs = 100
const lineEveryMs = 5_000
const barWidth = 30

type Terminal = { readonly isTTY?: boolean; write(text: string): unknown }

export class Progress {
  readonly #all: number
  readonly #terminal: Terminal
  readonly #nowMs: () => number
  readonly #startedAtMs: number
  #lastAtMs: number
  #played = 0
  #broken = 0

  constructor(all: number, terminal: Terminal = process.stderr, nowMs: () => number = () => performance.now()) {
    this.#all = all
    this.#terminal = terminal
    this.#nowMs = nowMs
    this.#startedAtMs = nowMs()
    this.#lastAtMs = this.#startedAtMs
  }

  follow({ seed, violations }: Account): void {
    this.#played += 1
    if (violations.length > 0 && ++this.#broken <= toldMax) {
      const told = violations.slice(0, violationsTold).map(({ law, what }) => `  ${law}: ${what}\n`)
      this.#clear()
      this.#terminal.write(`seed ${seed} broke a law:\n${told.join('')}`)
    }
    const everyMs = this.#terminal.isTTY ? barEveryMs : lineEveryMs
    if (this.#nowMs() - this.#lastAtMs < everyMs) return
    this.#lastAtMs = this.#nowMs()
    this.#terminal.write(this.#terminal.isTTY ? `\r${this.#bar()}${this.#sentence()}` : `${this.#sentence()}\n`)
  }

  /** Takes the bar away. */
  end(): void {
    this.#clear()
  }

  #clear(): void {
    if (this.#terminal.isTTY) this.#terminal.write('\r\u001B[K')
  }

  #bar(): string {
    const full = Math.round((this.#played / this.#all) * barWidth)
    return `${'█'.repeat(full)}${'░'.repeat(barWidth - full)} `
  }

  #sentence(): string {
    const perSecond = (this.#played * 1_000) / Math.max(1, this.#nowMs() - this.#startedAtMs)
    return `${this.#played} of ${this.#all} histories, ${perSecond.toFixed(1)} per second, ${this.#broken} broke a law`
  }
}
