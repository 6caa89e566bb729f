/** Compiles the schema tables into a reader and a writer for each API, version and direction.
 *
 *  Decoding is strict: bytes left over, lengths beyond the frame and nulls where none are allowed end in a
 *  `MalformedFrame`. Encoding is lenient only towards what a version does not carry: such fields are not written. */

import { type FieldSpec, type Fields, type ParsedSpec, parseSpec } from './schema.ts'
import { MalformedFrame, WireReader, WireWriter } from './wire.ts'

type Value = unknown
type Message = Record<string, Value>

type FieldCodec = {
  readonly name: string
  readonly isPresent: boolean
  readonly tag: number | undefined
  /** A fresh default; arrays must not be shared between messages. */
  readonly absent: () => Value
  read(reader: WireReader): Value
  write(writer: WireWriter, value: Value): void
}

export type MessageCodec = {
  read(reader: WireReader): object
  write(writer: WireWriter, message: object): void
  /** A copy in which every field is there, as if the message had travelled. */
  complete(message: object): object
}

const nilUuid = '00000000-0000-0000-0000-000000000000'

/** How one version lays out values; the same for all fields of a message. */
type Layout = { readonly version: number; readonly isFlexible: boolean }

export function compileMessage(fields: Fields, version: number, isFlexible: boolean): MessageCodec {
  const codec = compileStruct(fields, { version, isFlexible })
  const complete = compileCompletion(fields)
  return {
    read: (reader) => {
      const message = codec.read(reader)
      if (reader.remaining !== 0) throw new MalformedFrame(`${reader.remaining} bytes follow after the message`)
      return message
    },
    write: codec.write,
    complete: (message) => complete(message as Message),
  }
}

type StructCodec = { read(reader: WireReader): Message; write(writer: WireWriter, value: object): void }

function compileStruct(fields: Fields, layout: Layout): StructCodec {
  const codecs = Object.entries(fields).map(([name, spec]) => compileField(name, spec, layout))
  const plain = codecs.filter((field) => field.tag === undefined && field.isPresent)
  const tagged = codecs.filter((field) => field.tag !== undefined && field.isPresent)
  const byTag = new Map(tagged.map((field) => [field.tag, field]))
  const unread = codecs.filter((field) => field.tag !== undefined || !field.isPresent)
  return {
    read: (reader) => {
      const message: Message = {}
      for (const field of plain) message[field.name] = field.read(reader)
      for (const field of unread) message[field.name] = field.absent()
      if (layout.isFlexible) readTaggedFields(reader, byTag, message)
      return message
    },
    write: (writer, value) => {
      const message = value as Message
      for (const field of plain) {
        const given = message[field.name]
        field.write(writer, given === undefined ? field.absent() : given)
      }
      if (layout.isFlexible) writeTaggedFields(writer, tagged, message)
    },
  }
}

function readTaggedFields(
  reader: WireReader,
  byTag: ReadonlyMap<number | undefined, FieldCodec>,
  message: Message,
): void {
  const count = reader.unsignedVarint()
  for (let index = 0; index < count; index++) {
    const field = byTag.get(reader.unsignedVarint())
    const payload = reader.bytes(reader.unsignedVarint())
    if (field === undefined) continue
    const payloadReader = new WireReader(payload)
    message[field.name] = field.read(payloadReader)
    if (payloadReader.remaining !== 0) throw new MalformedFrame(`tagged field ${field.name} is longer than its value`)
  }
}

function writeTaggedFields(writer: WireWriter, tagged: readonly FieldCodec[], message: Message): void {
  const changed = tagged.filter((field) => !isDefault(message[field.name], field.absent()))
  writer.unsignedVarint(changed.length)
  for (const field of changed) {
    const payload = new WireWriter()
    field.write(payload, message[field.name])
    writer.unsignedVarint(field.tag ?? 0)
    writer.unsignedVarint(payload.length)
    writer.bytes(payload.result())
  }
}

function isDefault(value: Value, absent: Value): boolean {
  if (value === undefined || value === absent) return true
  return Array.isArray(value) && Array.isArray(absent) && value.length === 0
}

function compileField(name: string, field: FieldSpec, layout: Layout): FieldCodec {
  const isComposite = typeof field !== 'string'
  const spec = parseSpec(isComposite ? field[0] : field)
  const inner = isComposite ? compileStruct(field[1], layout) : undefined
  const isPresent = layout.version >= spec.versions.from && layout.version <= spec.versions.to
  const shape = { spec, layout, allowsNull: spec.isNullable && layout.version >= spec.nullableFrom }
  const value =
    spec.type === 'struct'
      ? structCodec(inner as ValueCodec, shape)
      : spec.type === 'array' || spec.isArrayOfScalars
        ? arrayCodec(inner ?? scalarCodec(spec.type, { ...shape, allowsNull: false }), shape)
        : scalarCodec(spec.type, shape)
  return {
    name,
    isPresent,
    tag: spec.tag,
    absent: () => absentValue(spec),
    read: (reader) => value.read(reader),
    write: (writer, given) => value.write(writer, given as never),
  }
}

type ValueCodec = { read(reader: WireReader): Value; write(writer: WireWriter, value: never): void }
type Shape = { readonly spec: ParsedSpec; readonly layout: Layout; readonly allowsNull: boolean }

function arrayCodec(element: ValueCodec, { layout, allowsNull }: Shape): ValueCodec {
  return {
    read: (reader) => {
      const length = reader.lengthInt32(layout.isFlexible)
      if (length < 0) return nullOrMalformed(allowsNull, 'an array')
      // No element is shorter than one byte, so a longer array cannot be in the frame.
      if (length > reader.remaining) throw new MalformedFrame(`an array of ${length} elements is beyond the frame`)
      const values: Value[] = []
      for (let index = 0; index < length; index++) values.push(element.read(reader))
      return values
    },
    write: (writer, values: readonly Value[] | null) => {
      if (values === null && allowsNull) return writer.lengthInt32(-1, layout.isFlexible)
      const present = values ?? []
      writer.lengthInt32(present.length, layout.isFlexible)
      for (const value of present) element.write(writer, value as never)
    },
  }
}

/** A nullable structure that is not tagged begins with a byte: −1 is null, 1 announces its fields. */
function structCodec(inner: ValueCodec, { spec, allowsNull }: Shape): ValueCodec {
  if (!spec.isNullable || spec.tag !== undefined) return inner
  return {
    read: (reader) => (reader.int8() < 0 ? nullOrMalformed(allowsNull, 'a structure') : inner.read(reader)),
    write: (writer, value: object | null) => {
      writer.int8(value === null ? -1 : 1)
      if (value !== null) inner.write(writer, value as never)
    },
  }
}

function nullOrMalformed(allowsNull: boolean, what: string): null {
  if (!allowsNull) throw new MalformedFrame(`${what} is null where this version allows no null`)
  return null
}

function scalarCodec(type: string, { layout, allowsNull }: Shape): ValueCodec {
  switch (type) {
    case 'bool':
      return { read: (reader) => reader.bool(), write: (writer, value: boolean) => writer.bool(value) }
    case 'int8':
      return { read: (reader) => reader.int8(), write: (writer, value: number) => writer.int8(value) }
    case 'int16':
      return { read: (reader) => reader.int16(), write: (writer, value: number) => writer.int16(value) }
    case 'int32':
      return { read: (reader) => reader.int32(), write: (writer, value: number) => writer.int32(value) }
    case 'int64':
      return { read: (reader) => reader.int64(), write: (writer, value: number) => writer.int64(value) }
    case 'uuid':
      return { read: (reader) => reader.uuid(), write: (writer, value: string) => writer.uuid(value) }
    case 'string':
      return {
        read: (reader) => {
          const length = reader.lengthInt16(layout.isFlexible)
          return length < 0 ? nullOrMalformed(allowsNull, 'a string') : reader.utf8(length)
        },
        write: (writer, value: string | null) => {
          if (value === null && allowsNull) writer.lengthInt16(-1, layout.isFlexible)
          else writer.string(value ?? '', layout.isFlexible)
        },
      }
    case 'bytes':
      return {
        read: (reader) => {
          const length = reader.lengthInt32(layout.isFlexible)
          return length < 0 ? nullOrMalformed(allowsNull, 'a byte string') : reader.bytes(length)
        },
        write: (writer, value: Uint8Array | null) => {
          if (value === null && allowsNull) return writer.lengthInt32(-1, layout.isFlexible)
          writer.lengthInt32(value?.length ?? 0, layout.isFlexible)
          if (value !== null) writer.bytes(value)
        },
      }
    default:
      throw new SyntaxError(`'${type}' is not a type of the protocol`)
  }
}

function absentValue(spec: ParsedSpec): Value {
  if (spec.type === 'struct') return null
  const text = spec.defaultText
  if (text === 'null') return null
  if (spec.isNullable) return null
  if (spec.type === 'array' || spec.isArrayOfScalars) return []
  switch (spec.type) {
    case 'bool':
      return text === 'true'
    case 'string':
      return text === undefined || text === 'empty' ? '' : text
    case 'uuid':
      return nilUuid
    case 'bytes':
      return Buffer.alloc(0)
    default:
      return Number(text ?? 0)
  }
}

type Completion = (message: Message) => Message

function compileCompletion(fields: Fields): Completion {
  const slots = Object.entries(fields).map(([name, field]) => {
    const spec = parseSpec(typeof field === 'string' ? field : field[0])
    return { name, spec, inner: typeof field === 'string' ? undefined : compileCompletion(field[1]) }
  })
  return (message) => {
    const complete: Message = {}
    for (const { name, spec, inner } of slots) {
      const value = message[name]
      if (value === undefined) complete[name] = absentValue(spec)
      else if (inner === undefined || value === null) complete[name] = value
      else if (Array.isArray(value)) complete[name] = value.map((element) => inner(element as Message))
      else complete[name] = inner(value as Message)
    }
    return complete
  }
}
