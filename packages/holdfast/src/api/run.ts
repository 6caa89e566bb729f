/** A process that is nothing but one app: signals and exit codes. `start()` and `stop()` never touch the process; only
 *  this does. */
import { HoldfastError } from '../model/errors.ts'
import type { StopResult } from '../runtime/running-app.ts'

export type RunOptions = {
  /** Called one after the other when the app is told to stop, before it does: servers that take in work. */
  readonly stopFirst?: readonly (() => unknown)[] | undefined
  /** Called one after the other when the app has stopped: pools that handlers use. */
  readonly stopLast?: readonly (() => unknown)[] | undefined
}

export type Runnable = {
  start(): Promise<void>
  stop(): Promise<StopResult>
  readonly closed: Promise<StopResult>
}

/** `cli-and-api` calls them what shells expect: 2 usage, 4 unreachable, 5 abandoned. */
export const exitCodes = { clean: 0, failed: 1, settings: 2, unreachable: 4, abandoned: 5 } as const

const signals = { SIGINT: 130, SIGQUIT: 131, SIGTERM: 143 } as const
type Signal = keyof typeof signals

export async function runUntilSignal(app: Runnable, options: RunOptions): Promise<number> {
  const asked = Promise.withResolvers<'asked'>()
  let hasAsked = false
  const hear = (signal: Signal): void => {
    if (hasAsked) process.exit(signals[signal])
    hasAsked = true
    asked.resolve('asked')
  }
  for (const signal of Object.keys(signals) as Signal[]) process.on(signal, hear)
  // Nothing else may keep the process alive between two messages.
  const alive = setInterval(() => undefined, 2 ** 30)
  let code: number = exitCodes.failed
  try {
    const started = app.start()
    const early = await Promise.race([asked.promise, started])
    const ended = early ?? (await Promise.race([asked.promise, app.closed]))
    if (early === 'asked') started.catch(() => undefined)
    if (ended === 'asked') await callAll(options.stopFirst)
    const result = ended === 'asked' ? await app.stop() : ended
    code = result.abandoned > 0 ? exitCodes.abandoned : exitCodes.clean
  } catch (error) {
    code = exitCodeOf(error)
    console.error(sentenceOf(error))
    await app.stop()
  } finally {
    await callAll(options.stopLast)
    clearInterval(alive)
    for (const signal of Object.keys(signals) as Signal[]) process.off(signal, hear)
    process.exitCode = code
  }
  return code
}

/** All are called, whatever one of them does. */
async function callAll(steps: readonly (() => unknown)[] = []): Promise<void> {
  for (const step of steps) {
    try {
      await step()
    } catch (error) {
      console.error(sentenceOf(error))
    }
  }
}

export function exitCodeOf(error: unknown): number {
  if (!(error instanceof HoldfastError)) return exitCodes.failed
  switch (error.code) {
    case 'SETTINGS_INVALID':
    case 'NOT_BUILT':
      return exitCodes.settings
    case 'BROKER_UNREACHABLE':
    case 'AUTHENTICATION_FAILED':
      return exitCodes.unreachable
    default:
      return exitCodes.failed
  }
}

function sentenceOf(error: unknown): string {
  if (!(error instanceof HoldfastError)) return error instanceof Error ? (error.stack ?? error.message) : String(error)
  return `${error.code}: ${error.message}${error.remedy === undefined ? '' : `\n→ ${error.remedy}`}`
}
