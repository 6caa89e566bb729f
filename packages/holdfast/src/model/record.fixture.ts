/** Records as a fetch would give them, for tests. Parts longer than 63 bytes do not fit its lengths of one byte. */
import { type Header, KafkaRecord } from './record.ts'

export type RecordParts = {
  readonly key?: string | null
  readonly value?: string | null
  readonly headers?: readonly Header[]
}

export function recordOf({ key = null, value = null, headers = [] }: RecordParts): KafkaRecord {
  const length = (part: Uint8Array | null): number => (part === null ? 1 : part.length * 2)
  const keyBytes = Buffer.from(key ?? '')
  const valueBytes = Buffer.from(value ?? '')
  const headerBytes = headers.flatMap((header) => [
    Buffer.from([length(Buffer.from(header.key))]),
    Buffer.from(header.key),
    Buffer.from([length(header.value)]),
    header.value ?? Buffer.alloc(0),
  ])
  const bytes = Buffer.concat([keyBytes, valueBytes, Buffer.from([headers.length * 2]), ...headerBytes])
  return new KafkaRecord(41, 1_700_000_000_000, bytes.length, bytes, {
    keyStart: key === null ? -1 : 0,
    keyEnd: keyBytes.length,
    valueStart: value === null ? -1 : keyBytes.length,
    valueEnd: keyBytes.length + valueBytes.length,
    headersStart: keyBytes.length + valueBytes.length,
    end: bytes.length,
  })
}
