/** All benchmarks, in the order in which they are shown. */
import { type Bench } from './bench.ts'
import { broker } from './broker.ts'
import { commits } from './commits.ts'
import { guard } from './guard.ts'
import { hot } from './hot.ts'
import { inflight } from './inflight.ts'
import { io } from './io.ts'
import { map } from './map.ts'
import { send } from './send.ts'
import { sim } from './sim.ts'
import { skew } from './skew.ts'
import { slow } from './slow.ts'
import { start } from './start.ts'
import { tax } from './tax.ts'

export const benches: readonly Bench[] = [
  tax,
  io,
  hot,
  skew,
  slow,
  map,
  commits,
  inflight,
  start,
  send,
  broker,
  sim,
  guard,
]
