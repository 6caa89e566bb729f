/** Which logger an app uses, and from which level on. */

import { type Logger, type LogLevel, logLevels } from '../observe/log.ts'
import type { EnvironmentReader } from './environment-variables.ts'
import type { OptionReader } from './option-reader.ts'
import { wordDefaults } from './options.ts'
import { nearestName } from './nearest-name.ts'
import { shown } from './shown.ts'

export type LogSettings = {
  /** The user's logger, or null for the built-in one. */
  readonly logger: Logger | null
  /** `silent` logs nothing. */
  readonly level: LogLevel | 'silent'
}

export function resolveLog(options: OptionReader, environment: EnvironmentReader): LogSettings {
  const given = options.value('log')
  if (given === false) return { logger: null, level: 'silent' }
  if (given === undefined) {
    const level = environment.choice('HOLDFAST_LOG_LEVEL', [...logLevels, 'silent']) ?? wordDefaults.log
    return { logger: null, level }
  }
  const level = logLevels.find((one) => one === given)
  if (level !== undefined) return { logger: null, level }
  // A logger of the user has its own level and its own opinion about what passes it.
  if (isLogger(given)) return { logger: given, level: 'trace' }
  const meant = typeof given === 'string' ? nearestName(given, logLevels) : undefined
  options.report(
    'log',
    `expected false, a level (${logLevels.join(', ')}) or a logger with debug, info, warn and error, got ${shown(given)}`,
    meant === undefined ? 'Pass for example a pino logger.' : `Did you mean ${meant}?`,
  )
  return { logger: null, level: wordDefaults.log }
}

function isLogger(value: unknown): value is Logger {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false
  const logger = value as Partial<Record<LogLevel, unknown>>
  return (['debug', 'info', 'warn', 'error'] as const).every((level) => typeof logger[level] === 'function')
}
