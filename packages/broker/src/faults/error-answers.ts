/** Decides where an API carries an error: the answer that refuses a request with one code.
 *
 *  Most of it follows from the schema. The code goes to the outermost place that has one: the whole answer, else each topic,
 *  partition or group that the request names. The exceptions are Fetch, whose outermost place is for its session only and
 *  whose requests may name nothing because the session knows, and Metadata, which may ask for all topics. */

import { fetchScope } from '../apis/fetch-scope.ts'
import { metadata } from '../apis/03-metadata.ts'
import type { HandlerContext } from '../core/broker-state.ts'
import type { CoreConnection } from '../core/connection.ts'
import { type ApiName, type RequestOf, type ResponseOf, schemas } from '../protocol/apis.ts'
import { type Fields, parseSpec } from '../protocol/schema.ts'

type Message = Record<string, unknown>

/** What names an element: it is copied from the request, under whichever of the names the answer uses. */
const identities: readonly (readonly string[])[] = [
  ['name', 'topic', 'topicName'],
  ['topicId'],
  ['partitionIndex', 'partition', 'index'],
  ['groupId'],
  ['memberId'],
  ['groupInstanceId'],
  ['resourceType'],
  ['resourceName'],
  ['transactionalId'],
  ['key'],
]
const errorFields = ['errorCode', 'partitionErrorCode']
/** Kafka says −1 where an offset is unknown, and 0 is a real one. */
const unknownOffset = ['committedOffset', 'baseOffset', 'endOffset', 'offset', 'lowWatermark', 'highWatermark']
/** These are about the session of a Fetch; every other code is about a partition. */
const sessionCodes: readonly number[] = [70, 71, 106]

/** What a fault knows of a request. */
export type RefusedContext = Pick<HandlerContext, 'broker' | 'nodeId' | 'version'>

export function errorAnswer(api: ApiName, request: object, context: RefusedContext, code: number): object {
  const { response } = schemas[api] as { response: Fields }
  if (api === 'Metadata') return refusedMetadata(request as RequestOf<'Metadata'>, context, code)
  if (api === 'Fetch' && !sessionCodes.includes(code)) return refusedFetch(request as RequestOf<'Fetch'>, context, code)
  return element(response, request, context.version, code)
}

/** Puts a code into an answer that was made as always: what the request did is done, and the client hears of an error. */
export function withError(api: ApiName, version: number, answer: object, code: number): object {
  const { response } = schemas[api] as { response: Fields }
  const inner = api === 'Fetch' && !sessionCodes.includes(code) ? { ...response, errorCode: 'int16 99' } : response
  return overwritten(inner, answer as Message, version, code)
}

function overwritten(fields: Fields, answer: Message, version: number, code: number): Message {
  const own = errorFieldOf(fields, version)
  if (own !== undefined) return { ...answer, [own]: code }
  const made: Message = { ...answer }
  for (const [name, inner] of arraysWithErrors(fields, version)) {
    made[name] = (answer[name] as readonly Message[] | null)?.map((each) => overwritten(inner, each, version, code))
  }
  return made
}

function refusedMetadata(request: RequestOf<'Metadata'>, context: RefusedContext, code: number): object {
  const asked = { ...request, allowAutoTopicCreation: false }
  const answer = metadata(asked, context as HandlerContext) as ResponseOf<'Metadata'>
  return { ...answer, topics: answer.topics.map((topic) => ({ ...topic, errorCode: code, partitions: [] })) }
}

/** Goes on with the session, so that the client and the broker still agree about it afterwards. */
function refusedFetch(request: RequestOf<'Fetch'>, context: RefusedContext, code: number): object {
  const scope = fetchScope(request, { ...context, connection: undefined as unknown as CoreConnection })
  if (typeof scope === 'number') return { errorCode: scope, sessionId: 0, responses: [] }
  const topics = Map.groupBy(scope.wanted, ({ topic, topicId }) => `${topicId} ${topic}`)
  return {
    sessionId: scope.session?.id ?? 0,
    errorCode: 0,
    responses: [...topics.values()].map((partitions) => ({
      topic: partitions[0]?.topic,
      topicId: partitions[0]?.topicId,
      partitions: partitions.map((wanted) => {
        // After an error the next good answer is news, whatever it says.
        wanted.toldHighWatermark = -1
        return { partitionIndex: wanted.partition, errorCode: code, highWatermark: -1, records: Buffer.alloc(0) }
      }),
    })),
  }
}

/** One structure of the answer, refused: with the code, or with its arrays refused one by one. */
function element(fields: Fields, asked: unknown, version: number, code: number): Message {
  const made: Message = {}
  for (const [name, field] of Object.entries(fields)) {
    if (typeof field !== 'string' || !travels(field, version)) continue
    if (unknownOffset.includes(name)) made[name] = -1
    const identity = identityIn(asked, name)
    if (identity !== undefined) made[name] = identity
  }
  const own = errorFieldOf(fields, version)
  if (own !== undefined) return { ...made, [own]: code }
  for (const [name, inner] of arraysWithErrors(fields, version)) {
    made[name] = askedFor(name, asked as Message).map((each) => element(inner, each, version, code))
  }
  return made
}

/** The name of what was asked for. Some requests list bare names or numbers: those fill any identity of an element. */
function identityIn(asked: unknown, name: string): unknown {
  const synonyms = identities.find((names) => names.includes(name))
  if (synonyms === undefined || asked === null) return undefined
  if (typeof asked !== 'object') {
    const isNumber = synonyms.includes('partitionIndex')
    return (typeof asked === 'number') === isNumber ? asked : undefined
  }
  return synonyms.map((each) => (asked as Message)[each]).find((value) => value !== undefined)
}

/** What the request lists for an array of the answer: the array of the same name, else the first that holds anything. */
function askedFor(name: string, asked: Message): readonly unknown[] {
  const same = asked[name]
  if (Array.isArray(same) && same.length > 0) return same
  return (Object.values(asked).find((value) => Array.isArray(value) && value.length > 0) as unknown[] | undefined) ?? []
}

function errorFieldOf(fields: Fields, version: number): string | undefined {
  return errorFields.find((name) => typeof fields[name] === 'string' && travels(fields[name], version))
}

function* arraysWithErrors(fields: Fields, version: number): Generator<readonly [string, Fields]> {
  for (const [name, field] of Object.entries(fields)) {
    if (typeof field === 'string' || !field[0].startsWith('array') || !travels(field[0], version)) continue
    const inner = field[1]
    const holdsError = errorFieldOf(inner, version) !== undefined || [...arraysWithErrors(inner, version)].length > 0
    if (holdsError) yield [name, inner]
  }
}

function travels(spec: string, version: number): boolean {
  const { from, to } = parseSpec(spec).versions
  return version >= from && version <= to
}
