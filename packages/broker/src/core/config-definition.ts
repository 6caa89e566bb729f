/** What a configuration value may be, and how Kafka writes it. Which settings exist is decided by the tables of topics,
 *  brokers and groups; where a value comes from by `dynamic-configs.ts`. */

export type ConfigType = 'boolean' | 'string' | 'int' | 'short' | 'long' | 'double' | 'list' | 'class' | 'password'

export type ConfigDefinition = {
  readonly type: ConfigType
  /** Kafka's default; null where there is none. */
  readonly value: string | null
  /** The only values of a string, or the only elements of a list. */
  readonly allowed?: readonly string[]
  /** What a string must look like, and how Kafka says so. */
  readonly pattern?: { readonly matches: RegExp; readonly expected: string }
  readonly min?: number
  readonly max?: number
  /** A number outside the bounds that is legal all the same. */
  readonly except?: number
  /** Elements of a list are `*` alone, or partition and broker. */
  readonly isReplicaList?: boolean
  /** The broker setting that stands in where this one is not set. */
  readonly synonym?: string
}

/** A legal value as Kafka shows it, or the sentence that says why it is none. */
export type ParsedConfig = { readonly value: string } | { readonly problem: string }

const integerBits: Partial<Record<ConfigType, bigint>> = { short: 16n, int: 32n, long: 64n }
const javaDouble = /^[+-]?(?:NaN|Infinity|(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?[fd]?)$/i

/** Reads a value as Kafka does: space around it is dropped, numbers and booleans are written in one way. */
export function parseConfig(name: string, given: string, definition: ConfigDefinition): ParsedConfig {
  const text = given.trim()
  const invalid = (why: string): ParsedConfig => ({
    problem: `Invalid value ${given} for configuration ${name}: ${why}`,
  })
  switch (definition.type) {
    case 'boolean': {
      const value = text.toLowerCase()
      return value === 'true' || value === 'false' ? { value } : invalid('Expected value to be either true or false')
    }
    case 'list':
      return parseList(name, text, definition)
    case 'string':
    case 'class':
    case 'password':
      if (definition.pattern?.matches.test(text) === false) {
        const { expected } = definition.pattern
        return invalid(`Invalid value \`${given}\` for configuration ${name}. ${expected}`)
      }
      return definition.allowed?.includes(text) === false
        ? invalid(`String must be one of: ${definition.allowed.join(', ')}`)
        : { value: text }
    case 'double': {
      if (!javaDouble.test(text)) return invalid('Not a number of type DOUBLE')
      const number = Number(text.replace(/[fd]$/i, ''))
      const problem = boundsProblem(number, definition)
      return problem === undefined ? { value: javaDoubleText(number) } : invalid(problem)
    }
    case 'short':
    case 'int':
    case 'long': {
      const bits = integerBits[definition.type] as bigint
      const number = /^[+-]?\d+$/.test(text) ? BigInt(text.replace(/^\+/, '')) : undefined
      if (number === undefined || BigInt.asIntN(Number(bits), number) !== number) {
        return invalid(`Not a number of type ${definition.type.toUpperCase()}`)
      }
      const problem = boundsProblem(number, definition)
      return problem === undefined ? { value: String(number) } : invalid(problem)
    }
  }
}

/** The elements of a list value; an empty value has none. */
export function listOf(value: string): string[] {
  return value.trim() === '' ? [] : value.split(',').map((element) => element.trim())
}

function parseList(name: string, text: string, definition: ConfigDefinition): ParsedConfig {
  const elements = listOf(text)
  if (definition.isReplicaList === true) {
    const isLegal =
      text === '*' || elements.every((element, index) => /^\d+:\d+$/.test(element) || isTrailing(elements, index))
    if (isLegal) return { value: elements.filter((element) => element !== '').join(',') }
    const format = `[partitionId]:[brokerId],[partitionId]:[brokerId],...`
    const expected = `${name} must be the literal '*' or a list of replicas in the following format: ${format}`
    return { problem: `Invalid value [${elements.join(', ')}] for configuration ${name}: ${expected}` }
  }
  if (definition.allowed !== undefined) {
    const { allowed } = definition
    if (elements.includes('')) return { problem: `Configuration '${name}' values must not be empty.` }
    const stranger = elements.find((element) => !allowed.includes(element))
    if (stranger !== undefined) {
      const expected = `String must be one of: ${allowed.toSorted().join(', ')}`
      return { problem: `Invalid value ${stranger} for configuration ${name}: ${expected}` }
    }
  }
  return { value: elements.join(',') }
}

function isTrailing(elements: readonly string[], index: number): boolean {
  return index > 0 && index === elements.length - 1 && elements[index] === ''
}

function boundsProblem(number: number | bigint, { min, max, except }: ConfigDefinition): string | undefined {
  if (except !== undefined) {
    const isInside = number >= (min ?? -Infinity) && number <= (max ?? Infinity)
    if (isInside || Number(number) === except) return undefined
    return `Value must be between ${min} and ${max} or equal to ${except}`
  }
  if (min !== undefined && number < min) return `Value must be at least ${min}`
  if (max !== undefined && number > max) return `Value must be no more than ${max}`
  return undefined
}

/** Java writes 1 as `1.0`. */
function javaDoubleText(number: number): string {
  return Number.isInteger(number) ? number.toFixed(1) : String(number)
}
