/** One handler for each kind of message in a topic: `byType({ paid: …, created: … })`. The compiler sees to it that every
 *  kind has one; what arrives all the same and is of no known kind is a record that no attempt can help. */
import { NonRetriableError, type SettingsIssue } from '../model/errors.ts'
import type { Message } from '../model/message.ts'
import { noteFlaw } from './definition-flaws.ts'
import { nearestName } from './nearest-name.ts'
import type { Handler, HandlerContext } from './record-handler.ts'
import { shown } from './shown.ts'

/** The names that the member of a union may have in its field `By`. */
type TypeOf<T, By extends string> = T extends { readonly [field in By]: infer Type extends string | number }
  ? Type
  : never

/** The members of a union that may be called `Type`. */
type OfType<T, By extends string, Type> = T extends { readonly [field in By]: infer Own }
  ? Type extends Own
    ? T
    : never
  : never

/** The names of the fields that the members of a union have. */
type FieldOf<T> = T extends unknown ? keyof T : never

/** A handler for each kind of message. */
export type TypeHandlers<T, By extends string = 'type'> = {
  readonly [Type in TypeOf<T, By>]: Handler<OfType<T, By, Type>>
}

export type ByTypeOptions<T, By extends string = 'type'> = {
  /** The field that tells the kind. @default 'type' */
  readonly by?: (By & FieldOf<T>) | undefined
  /** For every other kind, known to the compiler or not. @default such a message cannot be handled and becomes a dead letter */
  readonly otherwise?: Handler<T> | undefined
}

/** A handler that hands each message to the one for its type. Every type must have one, unless `otherwise` is given. */
export function byType<T, By extends string = 'type'>(
  handlers: Partial<TypeHandlers<T, By>>,
  options: ByTypeOptions<T, By> & { readonly otherwise: Handler<T> },
): Handler<T>
export function byType<T, By extends string = 'type'>(
  handlers: TypeHandlers<T, By>,
  options?: Pick<ByTypeOptions<T, By>, 'by'>,
): Handler<T>
export function byType(handlers: unknown, options: unknown = {}): Handler<unknown> {
  const { by = 'type', otherwise, ...others } = isObject(options) ? options : {}
  const entries = isObject(handlers) ? Object.entries(handlers).filter(([, handler]) => handler !== undefined) : []
  // A map, because a type comes from whoever sends: `constructor` must not find what every object has.
  const byName = new Map(entries as [string, Handler<unknown>][])
  const handle = (message: Message<unknown>, context: HandlerContext): unknown => {
    const { value } = message
    const type = isObject(value) ? value[by as string] : undefined
    const handler = typeof type === 'string' || typeof type === 'number' ? byName.get(String(type)) : undefined
    if (handler !== undefined) return handler(message, context)
    if (typeof otherwise === 'function') return (otherwise as Handler<unknown>)(message, context)
    throw new NonRetriableError(unknownType(String(by), type, byName))
  }
  for (const flaw of flaws(handlers, options, { by, otherwise, others }, entries)) noteFlaw(handle, flaw)
  return handle
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

function unknownType(by: string, type: unknown, handlers: ReadonlyMap<string, unknown>): string {
  return `expected ${by} to be one of ${[...handlers.keys()].join(', ')}, got ${shown(type)}`
}

type Given = {
  readonly by: unknown
  readonly otherwise: unknown
  readonly others: Readonly<Record<string, unknown>>
}

function flaws(
  handlers: unknown,
  options: unknown,
  { by, otherwise, others }: Given,
  entries: readonly (readonly [string, unknown])[],
): SettingsIssue[] {
  const issues: SettingsIssue[] = []
  const report = (option: string, problem: string, remedy: string): void =>
    void issues.push({ option, problem, remedy })
  if (!isObject(handlers)) {
    report('byType(handlers)', `expected an object with handlers, got ${shown(handlers)}`, example)
  } else if (entries.length === 0) {
    report('byType(handlers)', 'expected at least one handler, got none', example)
  }
  for (const [type, handler] of entries) {
    if (typeof handler === 'function') continue
    report(`byType(handlers).${type}`, `expected a function, got ${shown(handler)}`, example)
  }
  if (!isObject(options)) report('byType(…, options)', `expected an object, got ${shown(options)}`, exampleOfOptions)
  if (typeof by !== 'string' || by === '') report('byType(…).by', `expected a name, got ${shown(by)}`, exampleOfOptions)
  if (otherwise !== undefined && typeof otherwise !== 'function') {
    report('byType(…).otherwise', `expected a function, got ${shown(otherwise)}`, exampleOfOptions)
  }
  for (const option of Object.keys(others)) {
    const meant = nearestName(option, ['by', 'otherwise'])
    report(
      `byType(…).${option}`,
      'there is no such option',
      meant === undefined ? exampleOfOptions : `Did you mean ${meant}?`,
    )
  }
  return issues
}

const example = 'Write for example `byType({ paid: async (message) => { … } })`.'
const exampleOfOptions = "Write for example `{ by: 'kind', otherwise: (message) => { … } }`."
