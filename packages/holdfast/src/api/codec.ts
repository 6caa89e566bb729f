/** Codecs turn the value of a record into bytes and back. What a value must look like is the schema's business; what
 *  happens to a record that cannot be decoded is the runtime's.
 *
 *  Null bytes are a tombstone, Kafka's way of saying "deleted". `json` reads and writes it as `null`; `text` and `bytes`
 *  read it as empty, where `message.valueBytes === null` still tells the difference. */

import { HoldfastError, type SettingsIssue } from '../model/errors.ts'
import type { ValueDecoder } from '../model/message.ts'
import { noteFlaw } from './definition-flaws.ts'
import { shown } from './shown.ts'
import {
  type InputOf,
  isStandardSchema,
  type OutputOf,
  SchemaMismatch,
  type SchemaResult,
  type StandardSchema,
} from './standard-schema.ts'

/** `In` is what is sent, `Out` what handlers get. A codec that needs no promise must not return one: that costs a turn
 *  of the event loop for each message. Both throw (or reject) with MESSAGE_INVALID. */
export type Codec<In, Out = In> = ValueDecoder<Out> & {
  encode(value: In): Uint8Array | null | Promise<Uint8Array | null>
}

/** `ignoreBOM` keeps a byte order mark, because text is given back as it was sent; JSON must do without one. */
const textDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const jsonDecoder = new TextDecoder('utf-8', { fatal: true })
const encoder = new TextEncoder()

/** The bytes as they are. */
export function bytes(): Codec<Uint8Array> {
  return bytesCodec
}

/** Text in UTF-8. */
export function text(): Codec<string> {
  return textCodec
}

/** JSON in UTF-8, validated in both directions if a schema is given: any Standard Schema will do (zod, valibot, arktype).
 *  Sent is the value as it was given, not what the schema makes of it; handlers get what the schema makes of it. */
export function json<S extends StandardSchema>(schema: S): Codec<InputOf<S>, OutputOf<S>>
/** JSON in UTF-8 that nobody checks: the type is a promise of whoever sends it. */
export function json<Value = unknown>(): Codec<Value>
export function json(...given: readonly unknown[]): Codec<unknown> {
  const [schema] = given
  if (given.length === 0 || schema === undefined) return plainJson
  if (isStandardSchema(schema)) return validatedJson(schema)
  return noteFlaw({ ...plainJson }, schemaFlaw(schema))
}

const schemaFlaw = (got: unknown): SettingsIssue => ({
  option: 'json(schema)',
  problem: `expected a Standard Schema, got ${shown(got)}`,
  remedy: 'Pass a schema of zod, valibot, arktype or another library that implements Standard Schema v1, or nothing.',
})

const bytesCodec: Codec<Uint8Array> = Object.freeze({
  decode: (value: Uint8Array | null) => value ?? new Uint8Array(0),
  encode: (value: Uint8Array) => {
    if (value instanceof Uint8Array) return value
    throw new HoldfastError('MESSAGE_INVALID', `expected bytes (a Uint8Array or Buffer), got ${kindOf(value)}`, {
      remedy: 'Give the topic a codec, such as `topic(name, { value: json() })`, or send bytes.',
    })
  },
})

const textCodec: Codec<string> = Object.freeze({
  decode: (value: Uint8Array | null) => (value === null ? '' : decodeUtf8(value, textDecoder)),
  encode: (value: string) => {
    if (typeof value === 'string') return encoder.encode(value)
    throw new HoldfastError('MESSAGE_INVALID', `expected text, got ${kindOf(value)}`)
  },
})

const plainJson: Codec<unknown> = Object.freeze({ decode: parseJson, encode: stringifyJson })

function validatedJson(schema: StandardSchema): Codec<unknown> {
  const { validate } = schema['~standard']
  const check = (value: unknown): SchemaResult<unknown> | Promise<SchemaResult<unknown>> => {
    try {
      return validate(value)
    } catch (cause) {
      throw schemaFailed(cause)
    }
  }
  return Object.freeze({
    decode: (value: Uint8Array | null) => {
      const result = check(parseJson(value))
      return result instanceof Promise ? result.then(outputOf, schemaFails) : outputOf(result)
    },
    encode: (value: unknown) => {
      const result = check(value)
      if (result instanceof Promise) return result.then((late) => (outputOf(late), stringifyJson(value)), schemaFails)
      outputOf(result)
      return stringifyJson(value)
    },
  })
}

/** A schema says no by its issues. One that throws was kept from looking, such as by a database that is away, so another
 *  attempt may help. */
function schemaFailed(cause: unknown): HoldfastError {
  const options = { cause, retriable: true }
  return new HoldfastError('MESSAGE_INVALID', 'the schema failed while it validated a value', options)
}

function schemaFails(cause: unknown): never {
  throw schemaFailed(cause)
}

function outputOf(result: SchemaResult<unknown>): unknown {
  if (result.issues === undefined) return result.value
  const cause = new SchemaMismatch(result.issues)
  throw new HoldfastError('MESSAGE_INVALID', `the value does not satisfy its schema: ${cause.message}`, { cause })
}

function decodeUtf8(value: Uint8Array, decoder: TextDecoder): string {
  try {
    return decoder.decode(value)
  } catch {
    throw new HoldfastError('MESSAGE_INVALID', `expected UTF-8, got ${value.length} bytes that are not`)
  }
}

function parseJson(value: Uint8Array | null): unknown {
  if (value === null) return null
  const written = decodeUtf8(value, jsonDecoder)
  try {
    return JSON.parse(written)
  } catch (error) {
    // The parser's own words quote the body, which must not reach a log; only the position is passed on.
    const position = /at position \d+/.exec(String(error))?.[0]
    const place = position === undefined ? '' : ` (it breaks ${position})`
    throw new HoldfastError('MESSAGE_INVALID', `expected JSON, got ${value.length} bytes that are not${place}`)
  }
}

function stringifyJson(value: unknown): Uint8Array | null {
  if (value === null) return null
  let written: string | undefined
  try {
    written = JSON.stringify(value)
  } catch (cause) {
    throw new HoldfastError('MESSAGE_INVALID', 'the value cannot be written as JSON', { cause })
  }
  if (written !== undefined) return encoder.encode(written)
  throw new HoldfastError('MESSAGE_INVALID', `the value cannot be written as JSON: got ${kindOf(value)}`)
}

function kindOf(value: unknown): string {
  return value === null ? 'null' : Array.isArray(value) ? 'an array' : typeof value
}
