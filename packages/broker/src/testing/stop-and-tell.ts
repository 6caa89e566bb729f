/** What the helpers for test runners share: a broker for a test or for all tests of a suite, stopped at the end, and its
 *  history shown when a test has failed. Knows no runner. */

import { BrokerError } from '../broker-error.ts'
import { EmbeddedKafka } from '../embedded-kafka.ts'
import { type EmbeddedKafkaOptions } from '../embedded-options.ts'

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

/** How a runner calls back. `hasFailed` is asked after the test, before the broker is stopped. */
export type RunnerHooks<Context> = {
  readonly before: (per: 'test' | 'suite', start: () => Promise<void>) => void
  readonly afterTest: (look: (context: Context) => void) => void
  readonly after: (per: 'test' | 'suite', stop: () => Promise<void>) => void
  readonly hasFailed: (context: Context) => boolean
}

export function kafkaForTests<Context>(options: KafkaForTests, hooks: RunnerHooks<Context>): CurrentKafka {
  const { per = 'test', historyShown = 50, show = (text) => console.error(text), ...rest } = options
  let kafka: EmbeddedKafka | undefined
  let hasFailed = false
  hooks.before(per, async () => {
    kafka = await EmbeddedKafka.start(rest)
    hasFailed = false
  })
  // Runners call these in the opposite order, so the look comes first and the stop last.
  hooks.after(per, async () => {
    // The failure of the test is what its author must see; a fault that was not met because of it explains nothing.
    await kafka?.stop(hasFailed ? { unusedFaults: 'allow' } : {})
    kafka = undefined
  })
  hooks.afterTest((context) => {
    if (!hooks.hasFailed(context)) return
    hasFailed = true
    if (kafka === undefined || historyShown === 0) return
    show(`The broker of the test that failed:\n${kafka.dump()}\n\n${kafka.history.text(historyShown)}`)
  })
  return () => {
    if (kafka !== undefined) return kafka
    throw new BrokerError('NO_BROKER_YET', 'the broker was asked for outside of a test', {
      remedy: 'Call kafka() in a test or in a hook that comes after embeddedKafka().',
    })
  }
}
