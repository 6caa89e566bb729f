/** Reads the headers of records in delay and dead-letter topics, as `docs/reference/wire-names.md` describes them. Written a
 *  second time on purpose: a decoder that the judge shared with Holdfast could not find Holdfast wrong. */
import { type HandedOff } from './evidence.ts'

/** As kafkajs gives them: a name that occurs twice has a list. */
export type GivenHeaders = Readonly<Record<string, Buffer | string | readonly (Buffer | string)[] | undefined>>

type Told = Pick<HandedOff, 'source' | 'attempts' | 'dueEpochMs' | 'delayMs' | 'error'>

export function readOwnHeaders(headers: GivenHeaders): Told {
  const topic = text('src-topic')
  const partition = whole('src-partition')
  const offset = whole('src-offset')
  const group = text('src-group')
  const isComplete = topic !== null && partition !== null && offset !== null && group !== null
  const kind = [text('error-class'), text('error-code')].filter((part) => part !== null).join(' ')
  return {
    source: isComplete ? { topic, partition, offset, group } : null,
    attempts: whole('attempt'),
    dueEpochMs: whole('due'),
    delayMs: whole('delay'),
    error: `${kind === '' ? 'an error without a name' : kind}: ${text('error-message') ?? 'it says nothing'}`,
  }

  function text(name: string): string | null {
    const value = headers[`holdfast-${name}`]
    // Twice is not what the page says: then nothing is known.
    return typeof value === 'string' ? value : Buffer.isBuffer(value) ? value.toString('utf8') : null
  }

  function whole(name: string): number | null {
    const written = text(name)
    const number = Number(written)
    return written !== null && /^\d+$/.test(written) && Number.isSafeInteger(number) ? number : null
  }
}
