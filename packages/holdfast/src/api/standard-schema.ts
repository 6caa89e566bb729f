/** The part of Standard Schema v1 (standardschema.dev) that Holdfast uses, copied as the specification suggests, so that
 *  zod, valibot, arktype and others fit without a dependency on any of them. */

export type StandardSchema<In = unknown, Out = In> = {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => SchemaResult<Out> | Promise<SchemaResult<Out>>
    /** Exists for the compiler only. */
    readonly types?: { readonly input: In; readonly output: Out } | undefined
  }
}

export type SchemaResult<Out> =
  | { readonly value: Out; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] }

export type SchemaIssue = {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

/** What a schema takes: the form that is sent. */
export type InputOf<S extends StandardSchema> = NonNullable<S['~standard']['types']>['input']
/** What a schema gives: the form that handlers get. */
export type OutputOf<S extends StandardSchema> = NonNullable<S['~standard']['types']>['output']

/** Schema libraries differ in whether a schema is an object or a function (arktype). */
export function isStandardSchema(value: unknown): value is StandardSchema {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false
  const standard = (value as Partial<StandardSchema>)['~standard']
  return typeof standard === 'object' && standard !== null && typeof standard.validate === 'function'
}

/** Quoting more would make a log line that nobody reads. */
const quotedIssuesMax = 3

/** Why a value does not satisfy its schema; the cause of a MESSAGE_INVALID error. */
export class SchemaMismatch extends Error {
  override readonly name = 'SchemaMismatch'
  readonly issues: readonly SchemaIssue[]

  constructor(issues: readonly SchemaIssue[]) {
    const quoted = issues.slice(0, quotedIssuesMax).map(sentenceOf)
    const more = issues.length - quoted.length
    super(more > 0 ? `${quoted.join('; ')}; and ${more} more` : quoted.join('; '))
    this.issues = issues
  }
}

function sentenceOf({ message, path = [] }: SchemaIssue): string {
  const place = path.map((step) => String(typeof step === 'object' ? step.key : step)).join('.')
  return place === '' ? message : `${place}: ${message}`
}
