/** Fetch and Produce with record data as plain bytes: the library's own would decode every record at once, without checking
 *  a checksum, and could not send the same batch twice. Requests of Fetch and answers of Produce are still the library's. */

import * as client from '@platformatic/kafka'
import { decodeFetchAnswer } from '../fetch-answer.ts'
import type { ProduceRequest } from '../port.ts'
import type { ClientApi } from './exchange.ts'

type FetchCodec = { readonly createRequest: client.RequestCreator }
type ProduceCodec = { readonly parseResponse: client.ResponseParser<unknown> }

/** The first versions with compact lengths and tagged fields. */
const flexibleFetch = 12
const flexibleProduce = 9

const codecs = client as unknown as Readonly<Record<string, FetchCodec & ProduceCodec>>

export function fetchApi(version: number): ClientApi | undefined {
  const codec = codecs[`fetchV${version}`]
  if (codec === undefined) return undefined
  const isFlexible = version >= flexibleFetch
  const parse: client.ResponseParser<unknown> = (_id, _key, _version, reader) =>
    decodeFetchAnswer(reader.buffer.buffer, version)
  return client.createAPI(1, version, codec.createRequest, parse, isFlexible, isFlexible)
}

export function produceApi(version: number): ClientApi | undefined {
  const codec = codecs[`produceV${version}`]
  if (codec === undefined) return undefined
  const isFlexible = version >= flexibleProduce
  const create = (
    transactionalId: string | null,
    acks: number,
    timeoutMs: number,
    topics: ProduceRequest['topics'],
  ): client.Writer => {
    const writer = client.Writer.create()
      .appendString(transactionalId, isFlexible)
      .appendInt16(acks)
      .appendInt32(timeoutMs)
    writer.appendArray(
      [...topics],
      (topicWriter, { name, partitions }) => {
        topicWriter.appendString(name, isFlexible).appendArray(
          [...partitions],
          (partitionWriter, { index, records }) => {
            partitionWriter.appendInt32(index)
            if (isFlexible) partitionWriter.appendUnsignedVarInt(records.length + 1)
            else partitionWriter.appendInt32(records.length)
            partitionWriter.append(records)
          },
          isFlexible,
          isFlexible,
        )
      },
      isFlexible,
      isFlexible,
    )
    return isFlexible ? writer.appendTaggedFields() : writer
  }
  return client.createAPI(0, version, create, codec.parseResponse, isFlexible, isFlexible)
}
