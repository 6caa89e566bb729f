/** Says nothing: what a history has to tell is in its trace. */

import { type Logger } from 'holdfast'

export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLogger,
}
