/** Makes the frames that the fuzzer sends: valid requests of every API by the schema tables, with names that exist, and then
 *  what goes wrong with bytes: flipped, cut, inserted, repeated, and numbers that lie about lengths. */

import { encodeBatch } from '../../packages/broker/src/log/record-batch.ts'
import { codecOf, isFlexible, schemas } from '../../packages/broker/src/protocol/apis.ts'
import { WireWriter } from '../../packages/broker/src/protocol/wire.ts'
import {
  type MessageKind,
  pick,
  randomBytes,
  randomMessage,
} from '../../packages/broker/src/testing/random-messages.ts'

type Random = () => number

/** Numbers that lengths, counts and versions are replaced by. */
const lyingInts = [0, 1, -1, -2, 2, 127, 128, 255, 32_767, -32_768, 65_535, 2 ** 24, 2 ** 31 - 1, -(2 ** 31)]
/** How many mutations a frame gets: mostly one, since a second one often hides what the first would have found. */
const mutationCounts = [1, 1, 1, 1, 2, 3]

/** A request with its header and without its length. Every tenth is a message by the tables and nothing more, so that values
 *  are wild; the others name what exists, so that they get past the first look. */
export function validFrame(kind: MessageKind, random: Random): Buffer {
  const { api, version } = kind
  const isWild = random() < 0.1
  const message = randomMessage(kind, {
    random,
    scalar: isWild ? undefined : (name, type) => known(name, type, random),
  })
  const writer = new WireWriter()
  writer.int16(schemas[api].key)
  writer.int16(version)
  writer.int32(Math.floor(random() * 2 ** 31))
  writer.string('fuzz', false)
  if (isFlexible(api, version)) writer.unsignedVarint(0)
  codecOf(api, version, 'request').write(writer, message)
  return Buffer.from(writer.result())
}

/** A value that means something to the broker under test; undefined where any will do. */
function known(name: string, type: string, random: Random): unknown {
  if (type === 'string') return knownText(name, random)
  if (type === 'bytes') return knownBytes(name, random)
  // The ends of the range: what is stored now may be told back later.
  if (type === 'int64' && random() < 0.1) return pick([2 ** 63, -(2 ** 63)], random)
  return type.startsWith('int') ? knownNumber(name, random) : undefined
}

function knownText(name: string, random: Random): string | undefined {
  if (/^(topic|name|topicName|topicNames|key|keys|resourceName)$/.test(name))
    return pick(['orders', 'g', 'made', '1'], random)
  if (/^(groupId|groupsNames|groupIds|groups)$/.test(name)) return pick(['g', 'h'], random)
  if (/^(memberId|groupInstanceId|transactionalId)$/.test(name)) return pick(['', 'm', 't'], random)
  return name === 'mechanism' ? pick(['PLAIN', 'SCRAM-SHA-256', 'OAUTHBEARER', 'x'], random) : undefined
}

function knownNumber(name: string, random: Random): number | undefined {
  if (/partition|index/i.test(name)) return pick([0, 0, 1, 2, -1], random)
  if (/^(numPartitions|count)$/.test(name)) return pick([1, 2, 5, 0, -1], random)
  if (/offset/i.test(name)) return pick([0, 0, 1, 3, -1, -2], random)
  if (/epoch|generation|sequence/i.test(name)) return pick([0, 0, 1, -1, -2], random)
  if (/TimeoutMs$|WaitMs$/.test(name)) return pick([0, 10, 10_000], random)
  return name === 'acks' ? pick([-1, 1, 0, 2], random) : undefined
}

function knownBytes(name: string, random: Random): Buffer | undefined {
  if (name === 'authBytes') return pick([Buffer.from('\0u\0p'), Buffer.from('n,,n=u,r=x'), Buffer.alloc(0)], random)
  if (name === 'records') {
    const record = { key: 'k', value: 'v'.repeat(Math.floor(random() * 40)), headers: [{ key: 'h', value: 'x' }] }
    return encodeBatch(
      Array.from({ length: 1 + Math.floor(random() * 3) }, () => record),
      { nowMs: 0 },
    )
  }
  return undefined
}

export function mutated(frame: Buffer, random: Random): Buffer {
  let bytes = frame
  const count = pick(mutationCounts, random)
  for (let index = 0; index < count; index++) bytes = pick(mutations, random)(bytes, random)
  return bytes
}

type Mutation = (bytes: Buffer, random: Random) => Buffer

function position(bytes: Buffer, random: Random): number {
  return Math.floor(random() * (bytes.length + 1))
}

const flipBit: Mutation = (bytes, random) => {
  if (bytes.length === 0) return bytes
  const copy = Buffer.from(bytes)
  const at = Math.floor(random() * copy.length)
  copy[at] = (copy[at] as number) ^ (1 << Math.floor(random() * 8))
  return copy
}

const overwriteByte: Mutation = (bytes, random) => {
  if (bytes.length === 0) return bytes
  const copy = Buffer.from(bytes)
  copy[Math.floor(random() * copy.length)] = pick([0, 1, 0x7f, 0x80, 0xff], random)
  return copy
}

/** Lengths are two or four bytes wherever they are not varints. */
const lie: Mutation = (bytes, random) => {
  const size = pick([2, 4] as const, random)
  if (bytes.length < size) return bytes
  const copy = Buffer.from(bytes)
  const at = Math.floor(random() * (copy.length - size + 1))
  const value = pick(lyingInts, random)
  if (size === 2) copy.writeInt16BE((value << 16) >> 16, at)
  else copy.writeInt32BE(value | 0, at)
  return copy
}

const truncate: Mutation = (bytes, random) => bytes.subarray(0, position(bytes, random))

const insert: Mutation = (bytes, random) => {
  const at = position(bytes, random)
  const inserted = randomBytes(1 + Math.floor(random() * 9), random)
  return Buffer.concat([bytes.subarray(0, at), inserted, bytes.subarray(at)])
}

const remove: Mutation = (bytes, random) => {
  const at = position(bytes, random)
  return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + Math.floor(random() * 6))])
}

const repeat: Mutation = (bytes, random) => {
  const at = position(bytes, random)
  const part = bytes.subarray(at, at + 1 + Math.floor(random() * 60))
  return Buffer.concat([bytes.subarray(0, at), part, part, bytes.subarray(at + part.length)])
}

/** Another API or version with the same body. */
const relabel: Mutation = (bytes, random) => {
  if (bytes.length < 4) return bytes
  const copy = Buffer.from(bytes)
  copy.writeInt16BE(Math.floor(random() * 80), 0)
  copy.writeInt16BE(Math.floor(random() * 14), 2)
  return copy
}

const mutations: readonly Mutation[] = [
  flipBit,
  flipBit,
  flipBit,
  overwriteByte,
  overwriteByte,
  lie,
  lie,
  truncate,
  insert,
  remove,
  repeat,
  relabel,
]
