/** Measures what this process spends while it does something: time, CPU, memory, and how long the event loop kept others
 *  waiting. Runs in the child that is measured, so that CPU and memory are those of one subject alone. */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { rounded } from './statistics.ts'

/** How often the delay of the event loop is looked at. */
const resolutionMs = 5
const nsPerMs = 1e6

export type VitalFigures = {
  readonly seconds: number
  readonly msgPerSec: number
  readonly cpuUsPerMsg: number
  /** Of one core; above 1 where garbage is collected beside the loop. */
  readonly cpuShare: number
  /** The most that the process ever had. */
  readonly rssMb: number
  readonly loopDelayP99Ms: number
  readonly loopDelayMaxMs: number
}

export class Vitals {
  readonly #delay = monitorEventLoopDelay({ resolution: resolutionMs })
  #startedAtMs = 0
  #cpu = process.cpuUsage()

  begin(): this {
    this.#delay.reset()
    this.#delay.enable()
    this.#cpu = process.cpuUsage()
    this.#startedAtMs = performance.now()
    return this
  }

  /** What was spent since `begin`, over so many messages. */
  end(messages: number): VitalFigures {
    const elapsedMs = performance.now() - this.#startedAtMs
    const { user, system } = process.cpuUsage(this.#cpu)
    this.#delay.disable()
    const cpuUs = user + system
    return {
      seconds: rounded(elapsedMs / 1_000),
      msgPerSec: rounded((messages / elapsedMs) * 1_000),
      cpuUsPerMsg: rounded(cpuUs / messages),
      cpuShare: rounded(cpuUs / 1_000 / elapsedMs, 3),
      rssMb: rounded(process.resourceUsage().maxRSS / 1_024, 3),
      loopDelayP99Ms: this.#beyondResolution(this.#delay.percentile(99)),
      loopDelayMaxMs: this.#beyondResolution(this.#delay.max),
    }
  }

  /** The histogram holds the time between two looks, the wanted pause included. */
  #beyondResolution(ns: number): number {
    return this.#delay.count === 0 ? 0 : rounded(Math.max(0, ns / nsPerMs - resolutionMs), 3)
  }
}
