/** How plans and accounts travel between processes and into files: as JSON, which has no word for infinity; terms have. */

const infinity = '∞'

export function toText(value: unknown, indent?: number): string {
  return JSON.stringify(value, (_key, each: unknown) => (each === Infinity ? infinity : each), indent)
}

export function fromText(text: string): unknown {
  return JSON.parse(text, (_key, each: unknown) => (each === infinity ? Infinity : each))
}

/** What a worker says before anything else. */
export const readyWord = 'ready'
