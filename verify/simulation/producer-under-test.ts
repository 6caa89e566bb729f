/** A process that sends records to the source by the toolkit, again and again until they are told to be stored. Writes down
 *  what it asked for and what it was told; what is stored, the broker knows. */

import { createHoldfast, type Holdfast, SendError, topic } from 'holdfast'
import { type Machine } from 'holdfast/testing'
import { silentLogger } from './silent-logger.ts'
import { deliveryTimeoutMs } from './terms.ts'
import { bodyOf, sendIdHeader, topicName, type Trace } from './trace.ts'

/** As it is to be stored. */
export type Sendable = {
  /** Undefined: by its key, or by chance. */
  readonly partition: number | undefined
  readonly key: string | null
  readonly value: string | null
  readonly headers: readonly { readonly key: string; readonly value: string | null }[]
  readonly timestampMs: number
}

const retryMs = 500

const asItIs = {
  encode: (value: string | null): Uint8Array | null => (value === null ? null : Buffer.from(value)),
  decode: (value: Uint8Array | null): string | null => (value === null ? null : Buffer.from(value).toString()),
}
const source = topic(topicName, { value: asItIs })

export class ProducerUnderTest {
  readonly name: string
  readonly machine: Machine
  readonly #trace: Trace
  readonly #app: Holdfast
  readonly #started: Promise<void>
  readonly #underway = new Set<Promise<void>>()
  #sends = 0

  constructor(name: string, { trace, machine }: { readonly trace: Trace; readonly machine: Machine }) {
    this.name = name
    this.machine = machine
    this.#trace = trace
    this.#app = createHoldfast({
      kafka: {
        environment: {
          clock: machine.clock,
          bootstrap: machine.bootstrap,
          openPort: () => machine.openPort({ clientId: name }),
        },
      },
      profile: 'test',
      log: silentLogger,
      deliveryTimeout: deliveryTimeoutMs,
    })
    this.#started = this.#start()
  }

  /** Resolves at once; `settled` tells when all is stored. */
  send(record: Sendable): void {
    const sending = this.#send(record, ++this.#sends).finally(() => this.#underway.delete(sending))
    this.#underway.add(sending)
  }

  /** Everything that was asked for is stored. */
  async settled(): Promise<void> {
    await Promise.all(this.#underway)
  }

  async stop(): Promise<void> {
    await this.#app.stop()
  }

  async #start(): Promise<void> {
    for (;;) {
      try {
        return await this.#app.start()
      } catch (error) {
        this.#trace.add({ kind: 'said', machine: this.name, what: `start failed: ${String(error)}` })
        await this.#wait()
      }
    }
  }

  async #send(record: Sendable, number: number): Promise<void> {
    await this.#started
    for (let attempt = 1; !(await this.#isStored(record, `${number}/${attempt}`)); attempt++) await this.#wait()
  }

  async #isStored({ partition, key, value, timestampMs, ...record }: Sendable, id: string): Promise<boolean> {
    const { name: machine } = this
    const headers = [...record.headers, { key: sendIdHeader, value: id }]
    this.#trace.add({ kind: 'sendAsked', machine, id, key, body: bodyOf({ value, headers, timestampMs }) })
    try {
      const sent = await this.#app.send(source, { partition, key, value, headers, timestamp: timestampMs })
      this.#trace.add({
        kind: 'sendStored',
        machine,
        id,
        topic: sent.topic,
        partition: sent.partition,
        offset: sent.offset,
      })
      return true
    } catch (error) {
      const isAmbiguous = error instanceof SendError && error.ambiguous
      this.#trace.add({ kind: 'sendFailed', machine, id, isAmbiguous })
      return false
    }
  }

  #wait(): Promise<void> {
    return new Promise((resolve) => void this.machine.clock.setTimer(retryMs, resolve))
  }
}
