/** The consumer of the demo: keeps running totals per airport against a slow and unreliable downstream. A program of its
 *  own, started by `main.ts` with its setup as JSON, because a consumer that shares a process with its judge, its
 *  producer and its broker proves little; for a while there are two of them. It joins when it is called, reports as one
 *  line of JSON at a time and ends cleanly on SIGTERM. */
import { once } from 'node:events'
import { join } from 'node:path'
import { createHoldfast } from 'holdfast'
import { AttemptLog } from './attempt-log.ts'
import { called } from './call.ts'
import { type ConsumerReport, type ConsumerSetup } from './consumer-report.ts'
import { callDownstream, delaysMs, foresee, inPlaceWaitsMs } from './downstream.ts'
import { Outage } from './outage.ts'
import { strikesTopic } from './strikes.ts'
import { Totals } from './totals.ts'

const reportEveryMs = 100
/** Members hear of a newcomer at their next heartbeat, and it gets its partitions when all have heard; the usual three
 *  seconds would be long in a run of twenty. */
const heartbeatMs = 300

const setup = JSON.parse(process.argv[2] ?? 'null') as ConsumerSetup
const attempts = new AttemptLog(setup.folder)
const totals = new Totals(join(setup.folder, 'totals.sqlite'))
const outage = new Outage(setup.folder)

const app = createHoldfast({
  kafka: setup.brokers,
  group: setup.group,
  protocol: 'cooperative',
  topics: 'create',
  heartbeatInterval: heartbeatMs,
  log: false,
})
const consumer = app.consume(
  strikesTopic(setup.topic),
  {
    order: setup.order,
    concurrency: setup.concurrency,
    whileRetrying: setup.retrying,
    retry: { inPlace: inPlaceWaitsMs, delays: delaysMs },
    deadLetters: true,
  },
  (message, { attempt, signal }) =>
    attempts.around(message, attempt, async () => {
      await callDownstream(foresee(setup.seed, message.value.id, attempt), outage.isOn, signal)
      totals.add(message.value)
    }),
)

app.on('group.joined', ({ generation }) => report({ type: 'joined', generation }))
/** A newcomer is a member first and gets its partitions when the others have given them back. */
const owning = Promise.withResolvers<void>()
app.on('partition.assigned', ({ at }) => {
  owning.resolve()
  if (at.topic === setup.topic) report({ type: 'assigned', partition: at.partition })
})
app.on('partition.revoked', ({ at, abandoned }) => {
  if (at.topic === setup.topic) report({ type: 'revoked', partition: at.partition, unfinished: abandoned })
})
app.on('group.lost', ({ reason }) => report({ type: 'trouble', text: `the group was lost: ${reason}` }))
app.on('connection.failed', ({ node, reason }) => report({ type: 'trouble', text: `${node}: ${reason}` }))
app.on('commit.failed', ({ reason }) => report({ type: 'trouble', text: `a commit failed: ${reason}` }))
app.on('partition.blocked', ({ at, offset, error }) => {
  report({ type: 'trouble', text: `partition ${at.partition} stands still at offset ${offset}: ${error.message}` })
})

const askedToStop = new AbortController()
process.once('SIGTERM', () => askedToStop.abort())
// Ctrl-C reaches every process of the terminal, but only the demo decides when its consumers stop.
process.on('SIGINT', () => undefined)

report({ type: 'loaded' })
await called(setup.folder, setup.name, askedToStop.signal)
if (!askedToStop.signal.aborted) await work()
const { clean, uncommitted, abandoned } = await app.stop()
reportStatus()
report({ type: 'stopped', clean, uncommitted, abandoned })
outage.close()
totals.close()
attempts.close()

/** Resolves when it was asked to stop; rejects if the app cannot go on. */
async function work(): Promise<void> {
  await app.start()
  const stopping = askedToStop.signal.aborted ? Promise.resolve() : once(askedToStop.signal, 'abort')
  const over = Promise.race([stopping, app.closed])
  await Promise.race([owning.promise, over])
  report({ type: 'ready' })
  const reporting = setInterval(reportStatus, reportEveryMs)
  await over.finally(() => clearInterval(reporting))
}

function reportStatus(): void {
  const status = consumer.status()
  if (status !== null) report({ type: 'status', status })
}

function report(line: ConsumerReport): void {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}
