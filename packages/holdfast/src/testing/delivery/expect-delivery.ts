/** `expectDelivery`: the user's own handlers under seeded faults, in virtual time. Many runs, each drawn from its
 *  own seed; the first that breaks a guarantee or the user's check is made as short as it can be and told as a
 *  story. */

import type { Holdfast } from '../../index.ts'
import { describeThrown, SettingsError } from '../../model/errors.ts'
import { DeliveryError, type DeliveryFailure } from './delivery-error.ts'
import { feedOf } from './feed.ts'
import { guarantees, noDeadLetters } from './guarantees.ts'
import { type DeliveryOptions, type DeliverySettings, deliverySettings } from './options.ts'
import { type DeliveryFault, type DeliveryPlan, deliveryFaults, drawPlan, simplerPlans } from './plan.ts'
import type { DeliveryRun, DeliveryScene } from './run.ts'
import { shrink } from './shrink.ts'
import type { DeliveryStage } from './stage.ts'
import { storyOf } from './story.ts'

/** What the runs came to, if nothing was wrong. */
export type DeliveryReport = {
  readonly runs: number
  /** Handled messages in all runs, and how often one of them was handled although it had been done before. */
  readonly messages: number
  readonly repeated: number
  /** How often each fault really happened. */
  readonly faults: { readonly [F in DeliveryFault]: number }
}

type Broken = Pick<DeliveryFailure, 'guarantee' | 'what'> & { readonly cause: unknown }
type Failed<In, D> = Broken & { readonly run: DeliveryRun<In, D> }

/** Most runs that are spent on making a failure shorter. One that gets stuck takes its time for each of them. */
const shrinkTriesMax = { ends: 150, isStuck: 50 }
const reasonCharactersMax = 600

/** Runs an app under faults, again and again, and holds each run against what Holdfast promises (at least once, order,
 *  no early retry, contiguous commits, bounded duplicates) and against `check`. Nothing waits for real time.
 *
 *  `app` builds one app for the Kafka that it is given, and does not start it. It is called for each machine of each
 *  run, so what it makes is what a process has in its memory: a crash loses it. What must survive comes from
 *  `downstream`.
 *
 *  Rejects with a DeliveryError that tells the shortest failing story found, with a SettingsError for options that
 *  make no sense, and with whatever the app's own settings are refused with. */
export async function expectDelivery<In, Out, D = undefined>(
  app: (stage: DeliveryStage<D>) => Holdfast | Promise<Holdfast>,
  options: DeliveryOptions<In, Out, D>,
): Promise<DeliveryReport> {
  const settings = deliverySettings(app, options)
  const scene = await sceneOf(app, settings)
  const terms = { records: settings.messages.length, faults: settings.faults }
  const total = { runs: 0, messages: 0, repeated: 0, faults: noFaults() }
  for (let index = 0; index < settings.runs; index++) {
    const plan = drawPlan(settings.seed + index, terms)
    // One run at a time: the story of the first failure is the one to tell.
    const failed = await play(plan, scene, settings, total)
    if (failed !== null) throw await errorOf(plan, failed, scene, settings)
  }
  return total
}

async function sceneOf<In, Out, D>(
  build: (stage: DeliveryStage<D>) => Holdfast | Promise<Holdfast>,
  settings: DeliverySettings<In, Out, D>,
): Promise<DeliveryScene<In, D>> {
  const { topic, messages, partitions, topics, newDownstream, limitMs } = settings
  // What an app loads when it starts; virtual time would pass while it waits for the disk.
  await import('../../runtime/running-app.ts')
  const { filtered } = await import('../../runtime/attempts.ts')
  return {
    build,
    newDownstream,
    topic: topic.name,
    feed: await feedOf(topic, messages, partitions),
    topics: { ...topics, [topic.name]: partitions },
    limitMs,
    filtered,
    nextLife,
  }
}

let lives = 0
/** Over all calls in this process, since modules stay loaded for as long. */
function nextLife(): string {
  return `life-${(lives += 1)}`
}

/** Null if the run was as it should be. */
async function play<In, Out, D>(
  plan: DeliveryPlan,
  scene: DeliveryScene<In, D>,
  settings: DeliverySettings<In, Out, D>,
  total?: Total,
): Promise<Failed<In, D> | null> {
  // Needs the broker, which whoever only imports `holdfast/testing` may not have.
  const { runDelivery } = await import('./run.ts')
  const run = await runDelivery(plan, scene)
  if (run.readings.length === 0) throw nothingIsRead(scene.topic)
  if (!run.usesFaulty && settings.wanted.some((fault) => fault.endsWith('Downstream'))) throw nothingIsFaulty()
  if (total !== undefined) count(total, run)
  const broken = await brokenIn(run, settings)
  return broken === null ? null : { ...broken, run }
}

async function brokenIn<In, Out, D>(
  run: DeliveryRun<In, D>,
  { allowsDeadLetters, check }: DeliverySettings<In, Out, D>,
): Promise<Broken | null> {
  for (const guarantee of allowsDeadLetters ? guarantees : [...guarantees, noDeadLetters]) {
    const [what] = guarantee.broken(run)
    if (what !== undefined) return { guarantee: guarantee.name, what, cause: undefined }
  }
  const { downstream, sent, valuesIn } = run
  try {
    await check({ downstream, sent, valuesIn })
    return null
  } catch (error) {
    return { guarantee: 'your check', what: describeThrown(error, reasonCharactersMax), cause: error }
  }
}

async function errorOf<In, Out, D>(
  plan: DeliveryPlan,
  failed: Failed<In, D>,
  scene: DeliveryScene<In, D>,
  settings: DeliverySettings<In, Out, D>,
): Promise<DeliveryError> {
  const fails = async (candidate: DeliveryPlan): Promise<Failed<In, D> | null> => {
    const found = await play(candidate, scene, settings)
    return found?.guarantee === failed.guarantee ? found : null
  }
  const again = await fails(plan)
  const shrunk = await shrink(plan, again ?? failed, {
    passes: simplerPlans.map(
      (pass) =>
        (each, { run }) =>
          pass(each, run.faulted),
    ),
    fails,
    // What does not even fail twice with the same seed cannot be made shorter.
    triesMax: again === null ? 0 : shrinkTriesMax[failed.guarantee === 'everything ends' ? 'isStuck' : 'ends'],
  })
  const { guarantee, what, cause, run } = shrunk.result
  const messages = `${shrunk.plan.sendings.length} of ${plan.sendings.length} messages`
  const incidents = `${shrunk.plan.incidents.length} of ${plan.incidents.length} incidents`
  const found =
    again === null
      ? 'The same seed did not fail again: your code draws by chance, or waits for something that is not virtual.'
      : `The shortest story found: ${messages}, ${incidents}, after ${shrunk.tried} tries to make it shorter.`
  return new DeliveryError({ guarantee, what, cause, seed: plan.seed, story: storyOf(run.events), found })
}

type Total = { runs: number; messages: number; repeated: number; faults: { [F in DeliveryFault]: number } }

function noFaults(): { [F in DeliveryFault]: number } {
  return { crash: 0, rebalance: 0, failingDownstream: 0, hangingDownstream: 0, network: 0 }
}

function count<In, D>(total: Total, { sent, events, faults }: DeliveryRun<In, D>): void {
  const done = new Set<string>()
  total.runs += 1
  total.messages += sent.length
  for (const event of events) {
    if (event.kind !== 'ended' || event.result !== 'done') continue
    const name = `${event.group} ${event.topic} ${event.partition}/${event.offset}`
    if (done.has(name)) total.repeated += 1
    done.add(name)
  }
  for (const fault of deliveryFaults) total.faults[fault] += faults[fault]
}

function nothingIsRead(topic: string): SettingsError {
  return new SettingsError([
    {
      option: 'expectDelivery(app, …)',
      problem: `expected an app that consumes ${topic} from the Kafka it was given, got one that reads nothing there`,
      remedy: 'Pass the kafka of the stage to createHoldfast, and call consume before you return the app.',
    },
  ])
}

function nothingIsFaulty(): SettingsError {
  return new SettingsError([
    {
      option: 'expectDelivery.faults',
      problem: 'expected calls of the downstream that can fail, got none: nothing was made with faulty()',
      remedy: 'Wrap what your handler calls: ({ kafka, downstream, faulty }) => app(kafka, faulty(downstream.charge)).',
    },
  ])
}
