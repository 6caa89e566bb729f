/** The broker's codec against the one of @platformatic/kafka, which shares nothing with it: requests that the library wrote
 *  are read here, and answers that were written here are read by the library, in every version that both know. */

import * as client from '@platformatic/kafka'
import { describe, expect, test } from 'vitest'

import { type ApiName, apiNames, codecOf, schemas, servedVersions } from '../../packages/broker/src/protocol/apis.ts'
import { type Fields, parseSpec } from '../../packages/broker/src/protocol/schema.ts'
import { WireReader, WireWriter } from '../../packages/broker/src/protocol/wire.ts'
import { type MessageKind, randomMessage, seededRandom } from '../../packages/broker/src/testing/random-messages.ts'

const runs = 10

type ForeignApi = {
  createRequest(...args: unknown[]): { readonly buffer: Buffer }
  parseResponse(correlationId: number, apiKey: number, apiVersion: number, reader: client.Reader): object
}

/** What the library calls by another name than the protocol guide. */
const names: Readonly<Record<string, string>> = {
  replica: 'replicaId',
  generationId: 'generationIdOrMemberEpoch',
  forgottenTopicsData: 'forgottenTopics',
  coordinatorKeys: 'keys',
}

/** Requests whose functions take something else than the fields of the message, or which leave some of them out. */
const otherRequests: readonly RegExp[] = [
  /^Produce /, // takes records and makes the batches
  /^Fetch ([4-9]|1[0-2])$/, // takes topics by id in every version
  /^OffsetForLeaderEpoch /, // names the fields of its topics otherwise
  /^OffsetFetch [1-7]$/, // takes groups in every version
  /^FindCoordinator [0-3]$/, // takes a list of keys in every version
  /^DeleteTopics [1-5]$/, // takes topics with ids in every version
  /^Metadata 1[01]$/, // leaves out the ids of topics
  /^LeaveGroup [0-2]$/, // takes a list of members in every version
  /^AddPartitionsToTxn [0-3]$/, // takes a list of transactions in every version
  /^ListTransactions [01]$/, // takes a pattern in every version
]

/** Answers that the library rearranges. */
const otherResponses: readonly RegExp[] = [
  /^FindCoordinator [0-3]$/, // always a list
  /^AddPartitionsToTxn [0-3]$/, // always by transaction
  /^Produce [89]$|^Produce 1[01]$/, // record errors are thrown
]

function foreignApi(api: ApiName, version: number): ForeignApi | undefined {
  const name = `${api[0]?.toLowerCase()}${api.slice(1)}V${version}`
  return (client as unknown as Record<string, ForeignApi | undefined>)[name]
}

function parametersOf(api: ForeignApi): readonly string[] {
  const listed = /\(([^)]*)\)/.exec(api.createRequest.toString())?.[1] ?? ''
  const plain = listed.split(',').map((each) => each.replace(/=.*/, '').trim().replace(/^_+/, ''))
  return plain.filter((name) => name !== '')
}

/** The library takes 64-bit numbers as bigints only. */
function withBigInts(fields: Fields, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((each) => withBigInts(fields, each))
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return value
  const entries = Object.entries(value).map(([name, each]) => {
    const field = fields[name] ?? ''
    if (typeof field !== 'string') return [name, withBigInts(field[1], each)] as const
    const isLong = parseSpec(field).type === 'int64'
    return [name, isLong && typeof each === 'number' ? BigInt(each) : each] as const
  })
  return Object.fromEntries(entries)
}

/** Every scalar by its path. */
function leaves(value: unknown, path = '', found = new Map<string, unknown>()): Map<string, unknown> {
  if (Buffer.isBuffer(value)) found.set(path, value.toString('hex'))
  else if (typeof value !== 'object' || value === null)
    found.set(path, typeof value === 'bigint' ? Number(value) : value)
  else {
    const entries = value instanceof Map ? [...value] : Object.entries(value)
    for (const [name, each] of entries) leaves(each, `${path}/${String(name)}`, found)
  }
  return found
}

/** Fields of requests that the library never fills. */
const unsaid = ['clusterId', 'replicaId', 'replicaState', 'logStartOffset', 'replicaDirectoryId', 'retentionTimeMs']
/** Records must be batches to be read, and nobody is told of the other. */
const unread = ['records', 'topicConfigErrorCode']

/** An answer with errors is thrown by the library, and so is a type of groups that it does not know. */
function harmless(name: string): unknown {
  return /errorCode$/i.test(name) ? 0 : name === 'groupType' || name === 'typesFilter' ? 'classic' : undefined
}

function writtenHere({ api, version, direction }: MessageKind, message: object): Buffer {
  const writer = new WireWriter()
  codecOf(api, version, direction).write(writer, message)
  return Buffer.from(writer.result())
}

function expectRequestRead(kind: MessageKind, foreign: ForeignApi, message: object): void {
  const { api, version } = kind
  const whole = codecOf(api, version, 'request').complete(message)
  const given = withBigInts(schemas[api].request, whole) as Record<string, unknown>
  const args = parametersOf(foreign).map((name) => given[name in given ? name : (names[name] ?? name)])
  const bytes = Buffer.from(foreign.createRequest(...args).buffer)
  expect(codecOf(api, version, 'request').read(new WireReader(bytes)), `${api} ${version}`).toEqual(whole)
}

function expectAnswerRead(kind: MessageKind, foreign: ForeignApi, message: object): void {
  const { api, version } = kind
  const reader = client.Reader.from(writtenHere(kind, message))
  const read = leaves(foreign.parseResponse(1, schemas[api].key, version, reader))
  const wrong = [...leaves(message)].filter(([path, value]) => {
    const renamed = path.replace('/partitions/', '/partitionResponses/').replace(/\/topic$/, '/topicId')
    return read.get(path) !== value && read.get(renamed) !== value
  })
  expect(wrong, `${api} ${version}`).toEqual([])
}

function without(hidden: readonly string[], value: unknown): unknown {
  if (Array.isArray(value)) return value.map((each) => without(hidden, each))
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => !hidden.includes(name))
      .map(([name, each]) => [name, without(hidden, each)]),
  )
}

function kindsOf(api: ApiName, direction: 'request' | 'response'): { kind: MessageKind; foreign: ForeignApi }[] {
  const others = direction === 'request' ? otherRequests : otherResponses
  const { min, max } = servedVersions(api)
  return Array.from({ length: max - min + 1 }, (_, index) => min + index).flatMap((version) => {
    const foreign = foreignApi(api, version)
    const isOther = others.some((pattern) => pattern.test(`${api} ${version}`))
    return foreign === undefined || isOther ? [] : [{ kind: { api, version, direction }, foreign }]
  })
}

describe('requests of the library are read as they were meant', () => {
  test.each(apiNames.filter((api) => kindsOf(api, 'request').length > 0))('%s', (api) => {
    const random = seededRandom(schemas[api].key)
    for (const { kind, foreign } of kindsOf(api, 'request')) {
      for (let run = 0; run < runs; run++) {
        expectRequestRead(kind, foreign, without(unsaid, randomMessage(kind, { random, scalar: harmless })) as object)
      }
    }
  })
})

describe('answers are read by the library as they were meant', () => {
  test.each(apiNames.filter((api) => kindsOf(api, 'response').length > 0))('%s', (api) => {
    const random = seededRandom(schemas[api].key)
    for (const { kind, foreign } of kindsOf(api, 'response')) {
      for (let run = 0; run < runs; run++) {
        const message = without(unread, randomMessage(kind, { random, scalar: harmless })) as object
        expectAnswerRead(kind, foreign, message)
      }
    }
  })
})

test('most of what is served is compared', () => {
  const compared = apiNames.flatMap((api) => [...kindsOf(api, 'request'), ...kindsOf(api, 'response')])
  const served = apiNames.reduce((sum, api) => sum + 2 * (servedVersions(api).max - servedVersions(api).min + 1), 0)
  expect(compared.length / served).toBeGreaterThan(0.75)
})
