/** `bench -- inflight`: 50,000 handlers at once. */
import { type Bench } from './bench.ts'
import { openBroker } from './brokers.ts'
import { interleaved, measure } from './children.ts'
import { check } from './result.ts'
import { medians } from './statistics.ts'

const handlersDefault = 50_000
/** More than one, because each partition may hold two MiB only. */
const partitions = 12
/** What a record in flight may cost, its handler's own promise left out. */
const bytesTarget = 1_024
/** As long as one turn of the owner loop may take, and as much again for handlers and collections. */
const pauseTargetMs = 50

export const inflight: Bench = {
  name: 'inflight',
  summary: '50,000 handlers in flight: bytes of each, and the pause when all end at once',
  usesBroker: true,
  run: async (options) => {
    const broker = await openBroker(options)
    try {
      const handlers = Math.min(options.records ?? handlersDefault, handlersDefault)
      const once = async (): ReturnType<typeof measure<'inflight'>> => {
        const topic = await broker.createTopic(partitions)
        const given = { bootstrap: broker.bootstrap, topic, partitions, handlers }
        return measure('inflight', given, { nodeFlags: ['--expose-gc'] })
      }
      const [found = []] = await interleaved([{ name: 'holdfast', measure: once }], options.rounds, 'inflight')
      const figures = medians(found)
      const checks = [
        check('bytes of a record in flight, without its handler', figures.bytesEach - figures.handlerBytesEach, {
          atMost: bytesTarget,
        }),
        check('longest pause while all end, ms', figures.longestPauseMs, { atMost: pauseTargetMs }),
      ]
      return { bench: 'inflight', on: broker.label, rounds: options.rounds, rows: [figures], checks }
    } finally {
      await broker.release()
    }
  },
}
