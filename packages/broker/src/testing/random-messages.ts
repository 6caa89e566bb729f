/** Random messages by the schema tables, repeatable by their seed: for the laws of the codec, the fuzzer, and the comparison
 *  with another library's codec. What a version does not carry is left out. */

import { type ApiName, apiNames, isFlexible, schemas, servedVersions } from '../protocol/apis.ts'
import { type Fields, type FieldSpec, type ParsedSpec, parseSpec } from '../protocol/schema.ts'

export type Direction = 'request' | 'response'
export type MessageKind = { readonly api: ApiName; readonly version: number; readonly direction: Direction }

/** Every API in every version that is served, in both directions. */
export function everyMessageKind(): readonly MessageKind[] {
  return apiNames.flatMap((api) => {
    const { min, max } = servedVersions(api)
    const versions = Array.from({ length: max - min + 1 }, (_, index) => min + index)
    return versions.flatMap((version) =>
      (['request', 'response'] as const).map((direction) => ({ api, version, direction })),
    )
  })
}

export type RandomMessageOptions = {
  /** A number in [0, 1). */
  readonly random: () => number
  /** Takes the place of a random scalar; undefined leaves it random. */
  readonly scalar?: ((name: string, type: string) => unknown) | undefined
  /** Most elements of an array. @default 3 */
  readonly elementsMax?: number | undefined
  /** How often what may be null is null. @default 0.25 */
  readonly nullShare?: number | undefined
}

export function randomMessage({ api, version, direction }: MessageKind, options: RandomMessageOptions): object {
  const layout = { version, isFlexible: isFlexible(api, version) }
  return structOf(schemas[api][direction], layout, options)
}

/** Mulberry32. */
export function seededRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

type Layout = { readonly version: number; readonly isFlexible: boolean }

function structOf(fields: Fields, layout: Layout, options: RandomMessageOptions): object {
  const made: Record<string, unknown> = {}
  for (const [name, field] of Object.entries(fields)) {
    const spec = parseSpec(typeof field === 'string' ? field : field[0])
    if (travels(spec, layout)) made[name] = valueOf(name, field, spec, layout, options)
  }
  return made
}

function travels({ versions, tag }: ParsedSpec, { version, isFlexible: hasTags }: Layout): boolean {
  return version >= versions.from && version <= versions.to && (tag === undefined || hasTags)
}

function valueOf(
  name: string,
  field: FieldSpec,
  spec: ParsedSpec,
  layout: Layout,
  options: RandomMessageOptions,
): unknown {
  const { random, elementsMax = 3, nullShare = 0.25 } = options
  const mayBeNull = spec.isNullable && layout.version >= spec.nullableFrom
  if (mayBeNull && random() < nullShare) return null
  const one = (): unknown =>
    typeof field === 'string'
      ? (options.scalar?.(name, spec.type) ?? scalarOf(spec.type, random))
      : structOf(field[1], layout, options)
  if (spec.type !== 'array' && !spec.isArrayOfScalars) return one()
  return Array.from({ length: Math.floor(random() * (elementsMax + 1)) }, one)
}

const integerBits: Readonly<Record<string, number>> = { int8: 8, int16: 16, int32: 32, int64: 53 }
/** Around the powers of two at which a writer's buffer grows and a compact length takes one byte more. */
const lengthCenters = [0, 16, 64, 127, 256, 512, 1_024]

function scalarOf(type: string, random: () => number): unknown {
  const bits = integerBits[type]
  // Many magnitudes: most integers of the protocol are small, and a varint changes its length with each.
  if (bits !== undefined) return Math.trunc((random() - 0.5) * 2 ** (1 + Math.floor(random() * bits))) || 0
  switch (type) {
    case 'bool':
      return random() < 0.5
    case 'uuid':
      return randomBytes(16, random)
        .toString('hex')
        .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
    case 'bytes':
      return randomBytes(randomLength(random), random)
    default:
      return Array.from({ length: randomLength(random) }, () => pick(['a', 'b', '-', 'é', '€', '😀'], random)).join('')
  }
}

function randomLength(random: () => number): number {
  if (random() < 0.8) return Math.floor(random() * 12)
  return Math.max(0, pick(lengthCenters, random) - 4 + Math.floor(random() * 8))
}

export function randomBytes(length: number, random: () => number): Buffer {
  return Buffer.from(Array.from({ length }, () => Math.floor(random() * 256)))
}

export function pick<T>(from: readonly T[], random: () => number): T {
  return from[Math.floor(random() * from.length)] as T
}
