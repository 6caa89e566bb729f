/** What the helpers for test runners share: a broker for a test or for all tests of a suite, stopped at the end, and its
 *  history shown when a test has failed. Knows no runner. */

import { BrokerError } from '../broker-error.ts'
import { EmbeddedKafka } from '../embedded-kafka.ts'
import type { EmbeddedKafkaOptions } from '../embedded-options.ts'

export type KafkaForTests = EmbeddedKafkaOptions & {
  /** `test`: every test has a broker of its own · `suite`: all tests of the suite share one. @default 'test' */
  readonly per?: 'test' | 'suite' | undefined
  /** How many of the newest entries of the history are shown when a test has failed; 0 shows none. @default 50 */
  readonly historyShown?: number | undefined
  /** Where they are shown. @default console.error */
  readonly show?: ((text: string) => void) | undefined
}

/** The broker of the test that runs. Throws outside of one. */
export type CurrentKafka = () => EmbeddedKafka

/** The hooks of a runner. `hasFailed` is asked after a test, before anything is stopped. */
export type RunnerHooks<Context> = {
  readonly beforeAll: (hook: () => Promise<void>) => void
  readonly beforeEach: (hook: () => Promise<void>) => void
  readonly afterEach: (hook: (context: Context) => Promise<void>) => void
  readonly afterAll: (hook: () => Promise<void>) => void
  readonly hasFailed: (context: Context) => boolean
}

export function kafkaForTests<Context>(options: KafkaForTests, hooks: RunnerHooks<Context>): CurrentKafka {
  const { per = 'test', historyShown = 50, show = (text) => console.error(text), ...rest } = options
  let kafka: EmbeddedKafka | undefined
  let hasFailed = false
  const start = async (): Promise<void> => {
    kafka = await EmbeddedKafka.start(rest)
    hasFailed = false
  }
  const stop = async (): Promise<void> => {
    const stopping = kafka
    kafka = undefined
    // The failure of the test is what its author must see; a fault that was not met because of it explains nothing.
    await stopping?.stop(hasFailed ? { unusedFaults: 'allow' } : {})
  }
  if (per === 'suite') hooks.beforeAll(start)
  else hooks.beforeEach(start)
  hooks.afterEach(async (context) => {
    if (hooks.hasFailed(context)) {
      hasFailed = true
      if (kafka !== undefined && historyShown > 0) show(whatHappened(kafka, historyShown))
    }
    if (per === 'test') await stop()
  })
  if (per === 'suite') hooks.afterAll(stop)
  return () => {
    if (kafka !== undefined) return kafka
    throw new BrokerError('NO_BROKER_YET', 'the broker was asked for outside of a test', {
      remedy: 'Call kafka() in a test, or in a hook that is set after embeddedKafka() was called.',
    })
  }
}

function whatHappened(kafka: EmbeddedKafka, historyShown: number): string {
  return `The broker of the test that failed:\n${kafka.dump()}\n\n${kafka.history.text(historyShown)}`
}
