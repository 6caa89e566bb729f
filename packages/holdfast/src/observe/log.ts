/** What Holdfast and handlers log to: any logger with pino's `(fields, message)` methods, or the built-in one, which
 *  writes to standard error, readable on a terminal and as lines of JSON everywhere else. What is logged about which
 *  event is decided in `log-events.ts`, what a line looks like in `log-line.ts`. */

import { jsonLine, type LineParts, textLine } from './log-line.ts'

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal'
/** From talkative to grave. */
export const logLevels: readonly LogLevel[] = ['trace', 'debug', 'info', 'warn', 'error', 'fatal']

export type LogMethod = (fields: object, message: string) => void

export type Logger = {
  readonly debug: LogMethod
  readonly info: LogMethod
  readonly warn: LogMethod
  readonly error: LogMethod
  readonly trace?: LogMethod | undefined
  readonly fatal?: LogMethod | undefined
  /** A logger that adds these fields to every line. */
  child?(fields: Record<string, unknown>): Logger
  isLevelEnabled?(level: string): boolean
}

export type LoggerOptions = {
  /** Lines below it are not written. `silent` writes none. */
  readonly level: LogLevel | 'silent'
  readonly form: 'text' | 'json'
  readonly hasColor: boolean
  readonly epochMs: () => number
  /** Takes one line, its line break included. */
  readonly write: (line: string) => void
}

/** The built-in logger as it is without options: on standard error, in the form that its reader can use. */
export function standardErrorLogger(level: LogLevel | 'silent'): Logger {
  const stream = process.stderr
  const isTerminal = stream.isTTY === true
  return createLogger({
    level,
    form: isTerminal ? 'text' : 'json',
    // Knows NO_COLOR, FORCE_COLOR and TERM=dumb.
    hasColor: isTerminal && stream.hasColors(),
    epochMs: () => Date.now(),
    write: (line) => void stream.write(line),
  })
}

export function createLogger(options: LoggerOptions): Logger {
  return new LineLogger(options, {})
}

class LineLogger implements Logger {
  readonly #options: LoggerOptions
  readonly #bound: Readonly<Record<string, unknown>>
  readonly #weightMin: number

  constructor(options: LoggerOptions, bound: Readonly<Record<string, unknown>>) {
    this.#options = options
    this.#bound = bound
    this.#weightMin = options.level === 'silent' ? logLevels.length : logLevels.indexOf(options.level)
  }

  // Fields, so that they can be passed on as plain functions.
  readonly trace: LogMethod = (fields, message) => this.#log('trace', fields, message)
  readonly debug: LogMethod = (fields, message) => this.#log('debug', fields, message)
  readonly info: LogMethod = (fields, message) => this.#log('info', fields, message)
  readonly warn: LogMethod = (fields, message) => this.#log('warn', fields, message)
  readonly error: LogMethod = (fields, message) => this.#log('error', fields, message)
  readonly fatal: LogMethod = (fields, message) => this.#log('fatal', fields, message)

  child(fields: Record<string, unknown>): Logger {
    return new LineLogger(this.#options, { ...this.#bound, ...fields })
  }

  isLevelEnabled(level: string): boolean {
    return logLevels.indexOf(level as LogLevel) >= this.#weightMin
  }

  #log(level: LogLevel, fields: object | string, message: string | undefined): void {
    if (!this.isLevelEnabled(level)) return
    const { form, hasColor, epochMs, write } = this.#options
    // Many are used to `log.info('text')`; nothing is gained by losing their line.
    const own = typeof fields === 'object' ? fields : {}
    const parts: LineParts = {
      epochMs: epochMs(),
      level,
      message: message ?? (typeof fields === 'string' ? fields : ''),
      fields: own instanceof Error ? { ...this.#bound, err: own } : { ...this.#bound, ...own },
    }
    write(form === 'json' ? jsonLine(parts) : textLine(parts, hasColor))
  }
}

/** Adds fields to every line of any logger, also of one that has no `child`. */
export function childOf(logger: Logger, fields: Record<string, unknown>): Logger {
  if (logger.child !== undefined) return logger.child(fields)
  const added =
    (level: LogLevel): LogMethod =>
    (own, message) =>
      logAt(logger, level, { ...fields, ...own }, message)
  return {
    trace: added('trace'),
    debug: added('debug'),
    info: added('info'),
    warn: added('warn'),
    error: added('error'),
    fatal: added('fatal'),
    child: (more) => childOf(logger, { ...fields, ...more }),
    isLevelEnabled: (level) => logger.isLevelEnabled?.(level) ?? true,
  }
}

/** Not every logger has `trace` and `fatal`; their nearest neighbours take over. */
export function logAt(logger: Logger, level: LogLevel, fields: object, message: string): void {
  if (level === 'trace' && logger.trace === undefined) logger.debug(fields, message)
  else if (level === 'fatal' && logger.fatal === undefined) logger.error(fields, message)
  else logger[level]?.(fields, message)
}

/** A logger for handlers and for ourselves: whatever the given one does, it never throws at whoever logs. */
export function harmless(logger: Logger): Logger {
  const guarded =
    (level: LogLevel): LogMethod =>
    (fields, message) => {
      try {
        logAt(logger, level, fields, message)
      } catch {
        // A line that cannot be logged cannot be complained about either.
      }
    }
  return {
    trace: guarded('trace'),
    debug: guarded('debug'),
    info: guarded('info'),
    warn: guarded('warn'),
    error: guarded('error'),
    fatal: guarded('fatal'),
    child: (fields) => harmless(childOf(logger, fields)),
    isLevelEnabled: (level) => logger.isLevelEnabled?.(level) ?? true,
  }
}
