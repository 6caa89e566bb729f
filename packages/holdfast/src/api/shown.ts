/** How a value that was given as an option appears in a message: enough to find it, never what an object contains, because
 *  options hold passwords. Never throws, whatever it is given. */

import { escapeControls } from '../observe/escape-controls.ts'

const textMax = 60

export function shown(value: unknown): string {
  try {
    return describe(value)
  } catch {
    return `a ${typeof value} that cannot be shown`
  }
}

function describe(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return shownText(value)
    case 'number':
    case 'boolean':
    case 'undefined':
      return String(value)
    case 'bigint':
      return 'a bigint'
    case 'function':
    case 'symbol':
      return `a ${typeof value}`
    case 'object':
      return shownObject(value)
  }
}

function shownText(text: string): string {
  // An address may carry credentials: `sasl://user:password@host`.
  const open = text.slice(text.lastIndexOf('@') + 1)
  const masked = open.length < text.length ? `…@${open}` : text
  const short = masked.length > textMax ? `${masked.slice(0, textMax)}…` : masked
  return `'${escapeControls(short)}'`
}

function shownObject(value: object | null): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return value.length === 0 ? 'an empty array' : `an array of ${value.length}`
  if (value instanceof RegExp) return 'a regular expression'
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'an invalid Date' : value.toISOString()
  return 'an object'
}
