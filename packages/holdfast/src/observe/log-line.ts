/** The two forms of a log line. Fields may hold anything, so nothing here trusts them: no value can break a line, run a
 *  terminal, or throw. */

import { styleText } from 'node:util'
import { escapeControls } from './escape-controls.ts'
import type { LogLevel } from './log.ts'

export type LineParts = {
  readonly epochMs: number
  readonly level: LogLevel
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>>
}

/** `{"time":"…","level":"warn","msg":"…",…}`; `time`, `level` and `msg` cannot be overwritten by fields. */
export function jsonLine({ epochMs, level, message, fields }: LineParts): string {
  const head = { time: new Date(epochMs).toISOString(), level, msg: message }
  return `${escapeControls(stringify({ ...head, ...fields, ...head }))}\n`
}

const colors = { trace: 'gray', debug: 'gray', info: 'green', warn: 'yellow', error: 'red', fatal: 'red' } as const

/** `12:00:00.000 WARN  attempt failed  topic=orders partition=3`, with the stack of an error below. */
export function textLine({ epochMs, level, message, fields }: LineParts, hasColor: boolean): string {
  const paint = (style: Parameters<typeof styleText>[0], text: string): string =>
    hasColor ? styleText(style, text, { validateStream: false }) : text
  const { err, event: _event, ...others } = fields
  const error = err === undefined ? undefined : plainError(err)
  const sentence = error === undefined ? message : `${message}: ${error.type}: ${error.message}`
  const pairs = Object.entries(others)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : stringify(value)}`)
  const time = new Date(epochMs).toISOString().slice('2026-01-31T'.length, -1)
  const line = [
    `${paint('gray', time)} ${paint(colors[level], level.toUpperCase().padEnd(5))} ${escapeControls(sentence)}`,
    ...(pairs.length === 0 ? [] : [paint('gray', escapeControls(pairs.join(' ')))]),
  ].join('  ')
  const below = stackLines(error).map((one) => `${paint('gray', `    ${escapeControls(one)}`)}\n`)
  return `${line}\n${below.join('')}`
}

type PlainError = {
  readonly type: string
  readonly message: string
  readonly code?: string | number
  readonly stack?: string
  readonly cause?: PlainError
}

const causesMax = 3
const stackLinesMax = 12

/** The stack that tells where things began: of the innermost cause. */
function stackLines(error: PlainError | undefined): string[] {
  let innermost = error
  while (innermost?.cause !== undefined) innermost = innermost.cause
  if (innermost?.stack === undefined) return []
  const [, ...frames] = innermost.stack.split('\n').slice(0, stackLinesMax)
  const head = innermost === error ? [] : [`caused by ${innermost.type}: ${innermost.message}`]
  return [...head, ...frames.map((frame) => frame.trim())]
}

/** What can be told about anything that was thrown. */
function plainError(thrown: unknown, depth = 0): PlainError {
  try {
    if (!(thrown instanceof Error)) return { type: typeof thrown, message: String(thrown) }
    const { cause } = thrown
    return {
      type: String(thrown.name),
      message: String(thrown.message),
      ...codeOf(thrown),
      ...(typeof thrown.stack === 'string' ? { stack: thrown.stack } : {}),
      ...(cause !== undefined && depth < causesMax ? { cause: plainError(cause, depth + 1) } : {}),
    }
  } catch {
    return { type: typeof thrown, message: 'that cannot be printed' }
  }
}

function codeOf(error: Error): { readonly code?: string | number } {
  const { code } = error as { readonly code?: unknown }
  return typeof code === 'string' || typeof code === 'number' ? { code } : {}
}

function stringify(value: unknown): string {
  try {
    return JSON.stringify(value, plainValue) ?? String(value)
  } catch {
    return stringifyFieldByField(value)
  }
}

/** A circle or a `toJSON` that throws costs only the field that has it. */
function stringifyFieldByField(value: unknown): string {
  const isRecord = typeof value === 'object' && value !== null && !Array.isArray(value)
  const entries = isRecord ? Object.keys(value).map((name) => [name, readSafely(value, name)]) : []
  return isRecord ? `{${entries.map(([name, text]) => `${JSON.stringify(name)}:${text}`).join(',')}}` : unprintable
}

const unprintable = '"[cannot be printed]"'

function readSafely(value: object, name: string): string {
  try {
    return JSON.stringify(Reflect.get(value, name), plainValue) ?? 'null'
  } catch {
    return unprintable
  }
}

function plainValue(_name: string, value: unknown): unknown {
  if (typeof value === 'bigint') return String(value)
  if (value instanceof Error) return plainError(value)
  return value
}
