/** Decides what headers tell about whatever a handler threw: class, code, message and stack, each bounded. Anything may be
 *  thrown, also what cannot be looked at, so nothing here may throw. Where the texts are written is left to
 *  `handed-off.ts`. */
import { describeThrown } from './errors.ts'

/** Null where nothing is known. */
export type Failure = {
  readonly class: string | null
  readonly code: string | null
  readonly message: string | null
  readonly stack: string | null
}

export const unknownFailure: Failure = Object.freeze({ class: null, code: null, message: null, stack: null })

/** Bytes of UTF-8. Together with the other headers they stay far below the 64 KiB that our topics add to the size limit of
 *  their source. */
export const nameBytesMax = 256
export const messageBytesMax = 1_024
export const stackBytesMax = 2_048

/** What there is to tell about a thrown value. Never throws. */
export function failureOf(thrown: unknown): Failure {
  if (!isError(thrown)) {
    return { ...unknownFailure, class: classOf(thrown), message: cutText(describeThrown(thrown), messageBytesMax) }
  }
  const message = textOf(thrown, 'message')
  const stack = textOf(thrown, 'stack')
  return {
    class: classOf(thrown),
    code: codeOf(thrown),
    message: message === null ? null : cutText(message, messageBytesMax),
    stack: stack === null ? null : cutLines(stack, stackBytesMax),
  }
}

/** The longest beginning of at most so many bytes of UTF-8, never half a character. */
export function cutText(text: string, bytesMax: number): string {
  // A unit of UTF-16 takes at least a byte, so what lies beyond needs no encoding.
  const bytes = Buffer.from(text.slice(0, bytesMax + 1))
  if (bytes.length <= bytesMax) return bytes.toString()
  let end = bytesMax
  while (end > 0 && ((bytes[end] as number) & 0xc0) === 0x80) end--
  return bytes.toString('utf8', 0, end)
}

/** The same, up to the end of a line if there is one: half a frame names a place that does not exist. */
function cutLines(text: string, bytesMax: number): string {
  const cut = cutText(text, bytesMax)
  if (cut.length === text.length) return cut
  const end = cut.lastIndexOf('\n')
  return end > 0 ? cut.slice(0, end) : cut
}

function classOf(thrown: unknown): string | null {
  if (!isError(thrown)) return typeof thrown
  const name = textOf(thrown, 'name')
  // Many classes never set `name`; the constructor then says more than "Error" does.
  const made = name === null || name === 'Error' ? textOf(propertyOf(thrown, 'constructor'), 'name') : null
  const found = made === null || made === '' ? name : made
  return found === null || found === '' ? 'Error' : cutText(found, nameBytesMax)
}

function codeOf(thrown: object): string | null {
  const code = propertyOf(thrown, 'code')
  if (typeof code === 'number' && Number.isFinite(code)) return String(code)
  return typeof code === 'string' && code !== '' ? cutText(code, nameBytesMax) : null
}

function textOf(owner: unknown, name: string): string | null {
  const text = propertyOf(owner, name)
  return typeof text === 'string' ? text : null
}

function propertyOf(owner: unknown, name: string): unknown {
  try {
    return (owner as Record<string, unknown>)[name]
  } catch {
    // A getter of the user's may throw; then there is nothing to tell.
    return undefined
  }
}

function isError(thrown: unknown): thrown is Error {
  try {
    return thrown instanceof Error
  } catch {
    // A proxy may refuse even this.
    return false
  }
}
