/** The metadata of an offset commit (R10): which records above the committed offset are finished, and which wait for
 *  another attempt. It is written so that a reader can tell for which topic, offset and leader epoch it was made, and
 *  whether it is undamaged; whether it may still be believed is decided by the caller (R10), who must compare all three.
 *
 *  Text: `hf1`, a letter for the form of the map, and sealed bits: topic id (128), committed offset, leader epoch + 1,
 *  parked entries, map. The topic id is written whole and not as a digest: 14 characters of 4,096 are a small price for
 *  never taking one topic for another, and the id can be shown. Of a text that is too long, the lowest part is kept. */
import { CompletionMap, type LedgerWalk, planMap, readMap } from './completion-map.ts'
import type { RunsForm } from './runs-code.ts'
import { numberBits, SevenBitReader, SevenBitWriter } from './seven-bit-text.ts'

/** The version of the format is part of it: a reader ignores those that it does not know. */
const versionPrefix = 'hf1'
const noMap = 'n'
const letters: Readonly<Record<RunsForm, string>> = { unfinishedGaps: 'u', finishedGaps: 'f', runs: 'r' }
const formsByLetter = new Map<string, RunsForm | null>([
  [noMap, null],
  ['u', 'unfinishedGaps'],
  ['f', 'finishedGaps'],
  ['r', 'runs'],
])
const prefixLength = versionPrefix.length + noMap.length
/** The broker's default of `offset.metadata.max.bytes`, which counts UTF-16 units. */
const lengthMaxDefault = 4_096
const topicIdBits = 128
const wordBits = 32
/** A few dozen records wait in place at a time; more of them would take the room of the map. */
const parkedMax = 64
const numbersPerParked = 3
const dueUnitMs = 100
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const nilUuid = '00000000-0000-0000-0000-000000000000'

/** A record that waits for its next attempt. */
export type ParkedRecord = {
  readonly offset: number
  readonly attempt: number
  /** When the attempt is due, in milliseconds since 1970; written in tenths of a second, rounded up. What is overdue when it
   *  is written is due at once. */
  readonly dueAtMs: number
}

/** As it is read back. */
export type ReadParkedRecord = ParkedRecord & {
  /** How long it had yet to wait when this was written. A reader that is sure of nothing about clocks knows that it need not
   *  wait longer. */
  readonly waitMs: number
}

export type CommitMetadataInput = LedgerWalk & {
  readonly topicId: string
  /** −1 when it is not known. */
  readonly leaderEpoch: number
  /** When this is written, in milliseconds since 1970. */
  readonly writtenAtMs: number
  /** In any order. */
  readonly parked: readonly ParkedRecord[]
}

export type CommitMetadata = {
  readonly ok: true
  /** The topic, the offset and the epoch for which the rest was written. */
  readonly topicId: string
  readonly committedOffset: number
  readonly leaderEpoch: number
  readonly finished: CompletionMap
  /** Ascending by offset. */
  readonly parked: readonly ReadParkedRecord[]
}

/** `none`: no text. `foreign`: not written in this format. `damaged`: not what was written. */
export type NoCommitMetadata = { readonly ok: false; readonly reason: 'none' | 'foreign' | 'damaged' }

/** The id of zeros says that a broker knows no ids. */
export function isTopicId(text: string): boolean {
  return uuid.test(text) && text !== nilUuid
}

/** Text of at most `lengthMax` characters of seven bits. Empty when there is nothing to say, when not even the start of it
 *  fits, and when the topic has no id: nobody could believe it then. The same input gives the same text. Throws if the
 *  input contradicts itself. */
export function encodeCommitMetadata(
  input: CommitMetadataInput,
  { lengthMax = lengthMaxDefault }: { readonly lengthMax?: number } = {},
): string {
  const { topicId, committedOffset, leaderEpoch } = input
  const words = wordsOf(topicId)
  if (words === null) return ''
  const headBits = topicIdBits + numberBits(committedOffset) + numberBits(leaderEpoch + 1)
  const room = SevenBitWriter.room(prefixLength, lengthMax) - headBits
  const parked = parkedNumbers(input, room)
  const map = planMap(input, room - bitsOf(parked))
  if (map === null && parked.length === 1) return ''
  const text = new SevenBitWriter(versionPrefix + (map === null ? noMap : letters[map.form]), lengthMax)
  for (const word of words) text.write(word, wordBits)
  for (const number of [committedOffset, leaderEpoch + 1, ...parked]) text.writeNumber(number)
  map?.write(text)
  return text.seal()
}

/** Never throws, whatever the text is: metadata is written by anybody who may commit for the group. */
export function decodeCommitMetadata(text: string | null): CommitMetadata | NoCommitMetadata {
  if (text === null || text === '') return { ok: false, reason: 'none' }
  const form = text.startsWith(versionPrefix) ? formsByLetter.get(text.charAt(versionPrefix.length)) : undefined
  if (form === undefined) return { ok: false, reason: 'foreign' }
  const bits = SevenBitReader.open(text, prefixLength)
  if (bits === null) return { ok: false, reason: 'damaged' }
  const topicId = topicIdOf(Array.from({ length: topicIdBits / wordBits }, () => bits.read(wordBits)))
  const committedOffset = bits.readNumber()
  const leaderEpoch = bits.readNumber() - 1
  const parked = readParked(bits, committedOffset)
  const finished = form === null ? new CompletionMap([]) : readMap(bits, form, committedOffset)
  if (!bits.isAtEnd) return { ok: false, reason: 'damaged' }
  return { ok: true, topicId, committedOffset, leaderEpoch, finished, parked }
}

/** The lowest entries that fit half the room, so that a map never loses all of it to them, or all of it without a map:
 *  how many, the time of writing, then of each the offset above the one before, the attempt, and how long it has to wait. */
function parkedNumbers(input: CommitMetadataInput, room: number): readonly number[] {
  const { committedOffset, highestFinished } = input
  const lowest = input.parked.toSorted((a, b) => a.offset - b.offset).slice(0, parkedMax)
  if (lowest.length === 0) return [0]
  const written = Math.floor(input.writtenAtMs / dueUnitMs)
  const roomOfParked = highestFinished > committedOffset ? room / 2 : room
  const numbers: number[] = []
  let bits = bitsOf([lowest.length, written])
  let next = committedOffset
  for (const record of lowest) {
    if (record.offset < next) throw new RangeError(`expected parked offsets ≥ ${next}, each once, got ${record.offset}`)
    const entry = [record.offset - next, record.attempt, Math.max(0, dueUnits(record) - written)]
    bits += bitsOf(entry)
    if (bits > roomOfParked) break
    numbers.push(...entry)
    next = record.offset + 1
  }
  return numbers.length === 0 ? [0] : [numbers.length / numbersPerParked, written, ...numbers]
}

function readParked(text: SevenBitReader, committedOffset: number): ReadParkedRecord[] {
  const parked: ReadParkedRecord[] = []
  const count = text.readNumber()
  if (count > parkedMax) text.spoil()
  const writtenAtMs = count === 0 ? 0 : text.readNumber() * dueUnitMs
  let next = committedOffset
  while (parked.length < count && !text.isSpoiled) {
    const offset = next + text.readNumber()
    const attempt = text.readNumber()
    const waitMs = text.readNumber() * dueUnitMs
    const dueAtMs = writtenAtMs + waitMs
    if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(dueAtMs)) text.spoil()
    parked.push({ offset, attempt, dueAtMs, waitMs })
    next = offset + 1
  }
  return parked
}

/** Rounded up: an attempt may start late by a tenth of a second, never early. */
function dueUnits({ dueAtMs }: ParkedRecord): number {
  return Math.ceil(dueAtMs / dueUnitMs)
}

function bitsOf(numbers: readonly number[]): number {
  return numbers.reduce((bits, number) => bits + numberBits(number), 0)
}

/** Null unless it is a topic's id. */
function wordsOf(topicId: string): readonly number[] | null {
  if (!isTopicId(topicId)) return null
  return (
    topicId
      .replaceAll('-', '')
      .match(/.{8}/g)
      ?.map((word) => Number.parseInt(word, 16)) ?? null
  )
}

function topicIdOf(words: readonly number[]): string {
  const digits = words.map((word) => word.toString(16).padStart(8, '0')).join('')
  return [digits.slice(0, 8), digits.slice(8, 12), digits.slice(12, 16), digits.slice(16, 20), digits.slice(20)].join(
    '-',
  )
}
