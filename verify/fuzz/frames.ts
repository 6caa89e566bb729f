/** Sends mutated frames into the embedded broker and says how each ended. Two ways: into the core by the function that the
 *  sockets call, which is fast, and over real sockets, where lengths lie and bytes arrive in pieces.
 *
 *  A frame may be answered, be told malformed, or end its connection. It may wait, as a long poll does, if it ends with its
 *  connection. All else is a failure: another error, an answer that its own codec cannot read, a connection that hangs. */

import { once } from 'node:events'
import { connect } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'

import { BrokerCore, ConnectionClosed, type CoreConnection, EmbeddedKafka } from '../../packages/broker/src/index.ts'
import { apiByKey, codecOf, isFlexible, isServed } from '../../packages/broker/src/protocol/apis.ts'
import { MalformedFrame, WireReader } from '../../packages/broker/src/protocol/wire.ts'
import { answerFrame } from '../../packages/broker/src/server/frame-service.ts'
import { everyMessageKind, pick, seededRandom } from '../../packages/broker/src/testing/random-messages.ts'
import { VirtualClock } from '../../packages/broker/src/testing/virtual-clock.ts'
import { mutated, validFrame } from './mutations.ts'

export const outcomes = ['answered', 'unanswered', 'malformed', 'closed', 'waited'] as const
export type Outcome = (typeof outcomes)[number]
export type Failure = { readonly seed: number; readonly index: number; readonly frame: string; readonly reason: string }
export type FuzzResult = {
  readonly frames: number
  readonly tally: Readonly<Record<Outcome, number>>
  readonly failures: readonly Failure[]
}

export type FuzzOptions = { readonly frames: number; readonly seed: number }

/** State grows with accepted requests, and a fresh broker is cheap. */
const framesPerBroker = 500
/** Every so many brokers demand that clients sign in. */
const saslEvery = 5
const failuresMax = 20
/** Only a broker that hangs is so slow. */
const hangMs = 20_000
const requests = everyMessageKind().filter(({ direction }) => direction === 'request')
const topics = { orders: 2, g: 1 }
const sasl = { users: { u: 'p' }, mechanisms: ['PLAIN', 'SCRAM-SHA-256', 'OAUTHBEARER'] } as const

class Tally {
  readonly counts: Record<Outcome, number> = { answered: 0, unanswered: 0, malformed: 0, closed: 0, waited: 0 }
  readonly failures: Failure[] = []

  fail(seed: number, index: number, frame: Buffer, error: unknown): void {
    if (this.failures.length >= failuresMax) return
    const reason = error instanceof Error ? (error.stack ?? error.message) : String(error)
    this.failures.push({ seed, index, frame: frame.toString('hex'), reason })
  }

  result(frames: number): FuzzResult {
    return { frames, tally: this.counts, failures: this.failures }
  }
}

export async function fuzzCore({ frames, seed }: FuzzOptions): Promise<FuzzResult> {
  const tally = new Tally()
  const random = seededRandom(seed)
  for (let index = 0, broker = 0; index < frames; broker++) {
    const wantsSasl = broker % saslEvery === saslEvery - 1
    const clock = new VirtualClock(seed + broker)
    const brokers = [{ nodeId: 1, host: '127.0.0.1', port: 9_092 }]
    const core = new BrokerCore({ brokers, clock, topics, autoCreateTopics: true, sasl: wantsSasl ? sasl : undefined })
    for (let sent = 0; sent < framesPerBroker && index < frames; sent++, index++) {
      const frame = mutated(validFrame(pick(requests, random), random), random)
      const connection = core.connect(1, 'fuzz')
      if (wantsSasl) await shakeHands(core, connection, random)
      try {
        tally.counts[await endOf(frame, core, connection)]++
      } catch (error) {
        tally.fail(seed, index, frame, error)
      }
      connection.disconnect()
    }
    core.close()
  }
  return tally.result(frames)
}

async function shakeHands(core: BrokerCore, connection: CoreConnection, random: () => number): Promise<void> {
  if (random() < 0.2) return
  await core.dispatch('SaslHandshake', pick([0, 1], random), { mechanism: pick(sasl.mechanisms, random) }, connection)
}

/** Rejects if the frame ended in no way that a frame may end. */
async function endOf(frame: Buffer, core: BrokerCore, connection: CoreConnection): Promise<Outcome> {
  const isRaw = connection.sasl?.expectsRawTokens === true
  const ended: Promise<Outcome> = answerFrame(frame, { core, connection, warn: () => {} }).then((answer) => {
    if (answer === undefined) return 'unanswered'
    if (!isRaw) checkAnswer(frame, answer)
    return 'answered'
  }, outcomeOf)
  const first = await Promise.race([ended, turn('waiting' as const)])
  if (first !== 'waiting') return first
  const second = await Promise.race([ended, turn('waiting' as const)])
  if (second !== 'waiting') return second
  connection.disconnect()
  const last = await Promise.race([ended, turn('waiting' as const)])
  if (last === 'waiting') throw new Error('it goes on after its connection has ended')
  return 'waited'
}

function outcomeOf(error: unknown): Outcome {
  if (error instanceof MalformedFrame) return 'malformed'
  if (error instanceof ConnectionClosed) return 'closed'
  throw error
}

/** Throws if the client could not read the answer. */
function checkAnswer(frame: Buffer, answer: Buffer): void {
  const [api, asked] = [apiByKey(frame.readInt16BE(0)), frame.readInt16BE(2)]
  if (api === undefined) throw new Error('an API that is not served was answered')
  const version = isServed(api, asked) ? asked : 0
  const reader = new WireReader(answer)
  if (reader.int32() !== answer.length - 4) throw new Error('the answer has another length than it says')
  if (reader.int32() !== frame.readInt32BE(4)) throw new Error('the answer has another correlation id')
  if (isFlexible(api, version) && api !== 'ApiVersions') reader.skipTaggedFields()
  codecOf(api, version, 'response').read(reader)
}

export async function fuzzSockets({ frames, seed }: FuzzOptions): Promise<FuzzResult> {
  const tally = new Tally()
  const random = seededRandom(seed)
  const warnings: string[] = []
  await using kafka = await EmbeddedKafka.start({ topics, warn: (message) => void warnings.push(message) })
  const port = Number(kafka.bootstrap.split(':')[1])
  for (let index = 0; index < frames; index++) {
    const frame = withLength(mutated(validFrame(pick(requests, random), random), random), random)
    try {
      tally.counts[await sendOver(port, frame, random)]++
      // `malformed` and the like are one line; a bug is a stack.
      const stack = warnings.splice(0).find((message) => message.includes('\n'))
      if (stack !== undefined) throw new Error(stack)
    } catch (error) {
      tally.fail(seed, index, frame, error)
    }
  }
  return tally.result(frames)
}

/** Puts a length in front, which now and then is not true. */
function withLength(frame: Buffer, random: () => number): Buffer {
  const length = Buffer.alloc(4)
  const lies = random() < 0.2
  length.writeInt32BE(lies ? pick([0, -1, 3, frame.length + 1, frame.length - 1, 2 ** 31 - 1], random) : frame.length)
  return Buffer.concat([length, frame])
}

/** Sends the bytes in two pieces, hangs up, and waits for the broker to do the same. */
async function sendOver(port: number, bytes: Buffer, random: () => number): Promise<Outcome> {
  const socket = connect(port, '127.0.0.1')
  socket.setNoDelay(true)
  socket.on('error', () => {})
  let hasAnswer = false
  socket.on('data', () => (hasAnswer = true))
  const closed = once(socket, 'close', { signal: AbortSignal.timeout(hangMs) })
  const middle = Math.floor(random() * bytes.length)
  socket.write(bytes.subarray(0, middle), () => socket.end(bytes.subarray(middle)))
  await closed
  return hasAnswer ? 'answered' : 'closed'
}
