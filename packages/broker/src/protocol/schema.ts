/** The notation of the schema tables, and the TypeScript types that follow from it.
 *
 *  A message is an object of fields. A scalar field is a string:
 *
 *      'int32'                 in every version
 *      'string? 3+'            nullable, from version 3 on; also '0-3' and '2'
 *      'string? null 7+'       present always, but null only from version 7 on (before that null travels as empty)
 *      'int32[]? 1+'           an array of scalars
 *      'int64 4+ = -1'         what it is when it does not travel (else 0, false, '', [] or null); `= empty` is ''
 *      'int64 12+ tag 1 = -1'  a tagged field: travels only when it differs from its default
 *
 *  An array of structures or a structure is a pair: `['array? 1+', { … }]`, `['struct 12+ tag 0', { … }]`. A tagged
 *  structure is null when it is absent, and so may be a `struct?`.
 *
 *  `codec.ts` compiles these tables; nothing else interprets them. */

export type FieldSpec = string | readonly [spec: string, fields: Fields]
export type Fields = { readonly [name: string]: FieldSpec }

export type ApiSchema = {
  readonly key: number
  /** Lowest and highest version that is served. */
  readonly versions: readonly [number, number]
  /** From this version on strings and arrays are compact and structures end in tagged fields. */
  readonly flexibleFrom: number
  readonly request: Fields
  readonly response: Fields
}

type Primitives = {
  bool: boolean
  int8: number
  int16: number
  int32: number
  int64: number
  string: string
  uuid: string
  bytes: Buffer
}

type TypeWord<Spec extends string> = Spec extends `${infer Word} ${string}` ? Word : Spec
type Scalar<Word extends string> = Word extends `${infer Element}[]?`
  ? Scalar<Element>[] | null
  : Word extends `${infer Element}[]`
    ? Scalar<Element>[]
    : Word extends `${infer Inner}?`
      ? Scalar<Inner> | null
      : Word extends keyof Primitives
        ? Primitives[Word]
        : never
type Composite<Spec extends string, Inner> = Spec extends `array?${string}`
  ? Inner[] | null
  : Spec extends `array${string}`
    ? Inner[]
    : Inner | null

/** What a decoded message looks like: every field is there, whatever the version. */
export type Decoded<F extends Fields> = {
  -readonly [Name in keyof F]: F[Name] extends string
    ? Scalar<TypeWord<F[Name]>>
    : F[Name] extends readonly [infer Spec extends string, infer Inner extends Fields]
      ? Composite<Spec, Decoded<Inner>>
      : never
}

type WithDefault = `${string} = ${string}` | `${string} tag ${string}`
type OptionalNames<F extends Fields> = {
  [Name in keyof F]: F[Name] extends WithDefault | readonly [WithDefault, Fields] ? Name : never
}[keyof F]
type GivenField<S extends FieldSpec> = S extends string
  ? Scalar<TypeWord<S>>
  : S extends readonly [infer Spec extends string, infer Inner extends Fields]
    ? Composite<Spec, Given<Inner>>
    : never

/** What an encoder accepts: fields with a default may be left out. */
export type Given<F extends Fields> = {
  [Name in Exclude<keyof F, OptionalNames<F>>]: GivenField<F[Name]>
} & { [Name in OptionalNames<F>]?: GivenField<F[Name]> }

/** What a caller inside the process may pass: every field may be missing, nothing is changed. */
export type Loose<T> = T extends Uint8Array
  ? T
  : T extends readonly (infer Element)[]
    ? readonly Loose<Element>[]
    : T extends object
      ? { readonly [Name in keyof T]?: Loose<T[Name]> | undefined }
      : T

export type VersionRange = { readonly from: number; readonly to: number }

export type ParsedSpec = {
  /** A primitive, `array` or `struct`. */
  readonly type: string
  readonly isArrayOfScalars: boolean
  readonly isNullable: boolean
  readonly nullableFrom: number
  readonly versions: VersionRange
  readonly tag: number | undefined
  readonly defaultText: string | undefined
}

/** Throws on a typing error in a table; a test compiles every table in every version, so it cannot hide. */
export function parseSpec(spec: string): ParsedSpec {
  let parsed = parsedSpecs.get(spec)
  if (parsed === undefined) {
    parsed = parse(spec)
    parsedSpecs.set(spec, parsed)
  }
  return parsed
}

const parsedSpecs = new Map<string, ParsedSpec>()

function parse(spec: string): ParsedSpec {
  const match =
    /^(?<type>[a-z0-9]+)(?<list>\[\])?(?<nullable>\?)?(?: (?<from>\d+)(?:(?<open>\+)|-(?<to>\d+))?)?(?: null (?<nullFrom>\d+)\+)?(?: tag (?<tag>\d+))?(?: = (?<value>\S+))?$/.exec(
      spec,
    )
  if (match?.groups === undefined) throw new SyntaxError(`'${spec}' is not a field specification`)
  const { type = '', list, nullable, from, open, to, nullFrom, tag, value } = match.groups
  const lowest = Number(from ?? 0)
  return {
    type,
    isArrayOfScalars: list !== undefined,
    isNullable: nullable !== undefined,
    nullableFrom: Number(nullFrom ?? 0),
    versions: { from: lowest, to: from === undefined || open !== undefined ? Infinity : Number(to ?? lowest) },
    tag: tag === undefined ? undefined : Number(tag),
    defaultText: value,
  }
}
