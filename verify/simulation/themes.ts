/** Histories with a theme: a plan that was drawn at large is bent towards one situation that chance alone seldom makes, such
 *  as a pause that outlives a rebalance, or a stop in the middle of slow work. What is not named stays as it was drawn. A
 *  theme makes a situation likely, it judges nothing: laws are never told of it. */

import { perfectNetwork, type SeededRandom } from 'holdfast/testing'
import { type Visit } from './crowd-plan.ts'
import { type Incident } from './incident-plan.ts'
import { type HandlerPlan } from './load-plan.ts'
import { type Plan } from './plan.ts'
import { termsOf } from './terms.ts'

/** Of the small histories: more records would make it longer without showing more of its theme. */
const themedShare = 0.75

/** `atWorkMs`: the second member has been at work for a while. The first one is gone by then. */
type Theme = (plan: Plan, random: SeededRandom, atWorkMs: number) => Bent

type Bent = Partial<Plan> & { readonly isCalm?: boolean; readonly drainAtStopMs?: number }

/** What is left of the session of a member that crashed, and the join of the next one. */
const takeOverMs = 6_500

/** The plan, or the plan under one theme. */
export function underTheme(plan: Plan, random: SeededRandom): Plan {
  const isThemed = random.chance(themedShare)
  const name = random.pick(Object.keys(themes))
  const theme = themes[name]
  if (!isThemed || theme === undefined || plan.size !== 'small') return plan
  return amended(plan, theme, random.stream(name))
}

function amended(plan: Plan, theme: Theme, random: SeededRandom): Plan {
  const soon = { crashAtMs: random.integer(300, 1_500), restartAfterMs: 0, handoverAtMs: null }
  const atWorkMs = soon.crashAtMs + takeOverMs + random.integer(0, 1_500)
  const { isCalm = false, drainAtStopMs: drainMs, ...changes } = theme({ ...plan, ...soon }, random, atWorkMs)
  const changed = { ...plan, ...soon, isSent: false, ...changes }
  const { crashAtMs, restartAfterMs, incidents } = changed
  const lastMs = Math.max(...incidents.map((incident) => incident.atMs + ('forMs' in incident ? incident.forMs : 0)), 0)
  const healAtMs = Math.max(changed.healAtMs, crashAtMs + restartAfterMs, lastMs)
  const drainAtRevokeMs = isCalm ? 3_000 : plan.terms.drainAtRevokeMs
  const drainAtStopMs = drainMs ?? (isCalm ? 20_000 : plan.terms.drainAtStopMs)
  return { ...changed, healAtMs, terms: termsOf(changed, { drainAtRevokeMs, drainAtStopMs, isCalm }) }
}

/** Everything is there when the first member comes, so that there is work to do at every later moment. */
function thereFromTheStart(plan: Plan): Plan['batches'] {
  return plan.batches.map((batch) => ({ ...batch, atMs: 0 }))
}

function oneByOne(plan: Plan): Plan['batches'] {
  return plan.batches.flatMap((batch) => batch.records.map((record) => ({ ...batch, records: [record] })))
}

/** No attempt hangs or is told to end: it takes its time. */
function slow(latencyMaxMs: number, fails: number): HandlerPlan {
  return { latencyMaxMs, sync: 0, fails, hangs: 0, ignoresAbort: 0 }
}

function calm(plan: Plan, random: SeededRandom): Bent {
  return {
    isCalm: true,
    batches: thereFromTheStart(plan),
    network: {
      ...perfectNetwork,
      latencyMs: random.pick([
        [0, 2],
        [1, 30],
      ]),
    },
    incidents: [],
    bufferedRecords: 256,
  }
}

/** Every other key comes once or twice. */
function withBusyKey(batches: Plan['batches'], random: SeededRandom): Plan['batches'] {
  return batches.map((batch) => ({
    ...batch,
    records: batch.records.map((record) => ({
      ...record,
      key: random.chance(0.4) ? 'busy' : `k${random.integer(1, 200)}`,
    })),
  }))
}

/** What was drawn may happen too. */
function besides(plan: Plan, random: SeededRandom, incidents: readonly Incident[]): readonly Incident[] {
  return random.chance(0.5) ? [...plan.incidents, ...incidents] : incidents
}

function series(count: number, fromMs: number, everyMs: number, make: (atMs: number) => Incident): Incident[] {
  return Array.from({ length: count }, (_, index) => make(fromMs + index * everyMs))
}

/** Requests that come within a second from then on, or so long, wait. */
function slowly(api: SlowAnswers['api'], atMs: number, heldMs: number, forMs = 1_000): Incident {
  return { kind: 'slowAnswers', api, atMs, forMs, heldMs }
}

type SlowAnswers = Extract<Incident, { readonly kind: 'slowAnswers' }>

const themes: Readonly<Record<string, Theme>> = {
  /** A rebalance meets attempts that need long. */
  slowRevoke: (plan, random, atWorkMs) => ({
    ...calm(plan, random),
    order: random.pick(['key', 'partition', 'none']),
    concurrency: random.pick([5, 16]),
    handler: slow(random.pick([900, 1_800]), random.pick([0, 0.05])),
    visits: guestAt(atWorkMs + random.integer(0, 3_000), random.integer(2_500, 8_000)),
  }),

  /** A clean stop meets attempts that need long, and a busy key whose drain needs longer than a session. */
  slowStop: (plan, random, atWorkMs) => ({
    ...calm(plan, random),
    batches: withBusyKey(thereFromTheStart(plan), random),
    order: 'key',
    concurrency: random.pick([5, 16]),
    handler: slow(random.pick([900, 1_800]), random.pick([0, 0.05])),
    handoverAtMs: atWorkMs + random.integer(0, 4_000),
    visits: [],
  }),

  /** A user pauses for long; meanwhile partitions change hands, and what pauses for retries begins and ends. */
  longPause: (plan, random, atWorkMs) => {
    const fromMs = atWorkMs + random.integer(0, 1_000)
    return {
      batches: thereFromTheStart(plan),
      concurrency: random.pick([2, 5]),
      handler: slow(random.pick([100, 400]), 0.4),
      incidents: besides(plan, random, [
        { atMs: fromMs - random.integer(200, 1_500), kind: 'produceRefused', code: 29, forMs: 3_000 },
        { atMs: fromMs, kind: 'userPause', forMs: random.integer(6_000, 12_000) },
        ...series(random.integer(0, 2), fromMs + 1_500, 3_000, (atMs) => ({ atMs, kind: 'memberExpired' })),
      ]),
    }
  },

  /** The group forgets members while their attempts run, and gives them back the same partitions. */
  forgottenAtWork: (plan, random, atWorkMs) => ({
    batches: thereFromTheStart(plan),
    network: { ...plan.network, latencyMs: [0, 2] },
    order: random.pick(['key', 'partition', 'none']),
    concurrency: random.pick([1, 2, 5]),
    bufferedRecords: 256,
    handler: { ...slow(random.pick([600, 1_800]), random.pick([0.2, 0.5])), ignoresAbort: random.pick([0.05, 0.3]) },
    incidents: besides(
      plan,
      random,
      series(random.integer(3, 6), atWorkMs, random.pick([1_100, 1_100, 1_900, 3_500]), (atMs) => ({
        atMs,
        kind: 'memberExpired',
      })),
    ),
  }),

  /** Of two members with plenty to do, one hears of nothing for longer than its session lasts. */
  isolatedAtWork: (plan, random, atWorkMs) => ({
    batches: thereFromTheStart(plan),
    network: { ...plan.network, latencyMs: [0, 2] },
    concurrency: random.pick([1, 2]),
    bufferedRecords: 256,
    handler: slow(random.pick([600, 1_200]), random.pick([0, 0.1])),
    visits: guestAt(random.integer(500, atWorkMs), random.integer(20_000, 27_000)),
    incidents: besides(plan, random, [
      { atMs: atWorkMs + random.integer(1_000, 4_000), kind: 'isolated', forMs: random.integer(7_000, 14_000) },
    ]),
  }),

  /** Commits are refused for a while in which members stop or rebalance in the middle of their work. */
  refusedCommits: (plan, random, atWorkMs) => {
    const handoverAtMs = atWorkMs + random.integer(500, 3_000)
    const atMs = handoverAtMs - random.integer(0, 2_500)
    const code = random.pick([14, 15, 16, 27, 27])
    return {
      batches: thereFromTheStart(plan),
      network: {
        ...perfectNetwork,
        latencyMs: random.pick([
          [0, 0],
          [0, 2],
          [1, 30],
        ]),
      },
      concurrency: random.pick([2, 5, 16]),
      handler: slow(random.pick([100, 400]), 0),
      handoverAtMs: random.chance(0.8) ? handoverAtMs : null,
      incidents: [{ atMs, kind: 'commitRefused', code, forMs: random.integer(2_000, 9_000) }],
    }
  },

  /** Attempts are told to end by a stop that does not wait for them. */
  hastyStop: (plan, random, atWorkMs) => ({
    ...calm(plan, random),
    drainAtStopMs: 200,
    handler: { ...slow(400, 0.1), hangs: 0.3 },
    concurrency: random.pick([2, 5]),
    handoverAtMs: atWorkMs + random.integer(0, 4_000),
    visits: [],
  }),

  /** The group forgets a member in the middle of its stop. */
  fencedStop: (plan, random, atWorkMs) => {
    const handoverAtMs = atWorkMs + random.integer(500, 3_000)
    return {
      batches: thereFromTheStart(plan),
      network: { ...perfectNetwork, latencyMs: [0, 2] },
      concurrency: random.pick([2, 5, 16]),
      bufferedRecords: 256,
      drainAtStopMs: 20_000,
      handler: slow(random.pick([400, 1_500]), random.pick([0, 0.2])),
      handoverAtMs,
      visits: [],
      incidents: [{ atMs: handoverAtMs + random.integer(-300, 300), kind: 'memberExpired' }],
    }
  },

  /** Records wait in place for seconds, while their partitions change hands. */
  longWaits: (plan, random, atWorkMs) => ({
    ...calm(plan, random),
    network: {
      ...perfectNetwork,
      latencyMs: random.pick([
        [0, 2],
        [5, 150],
      ]),
    },
    concurrency: random.pick([2, 5, 16]),
    handler: slow(50, 0.5),
    retries: { ...plan.retries, inPlaceMs: [6_000, 9_000], attemptsMax: 3 + plan.retries.delaysMs.length },
    handoverAtMs: atWorkMs + random.integer(0, 3_000),
    visits: random.chance(0.5) ? guestAt(atWorkMs + random.integer(0, 4_000), 3_000) : [],
  }),

  /** The same, and calendars are set meanwhile. */
  longWaitsByWrongClocks: (plan, random, atWorkMs) => ({
    batches: thereFromTheStart(plan),
    concurrency: random.pick([2, 5, 16]),
    handler: slow(50, 0.5),
    retries: { ...plan.retries, inPlaceMs: [6_000, 9_000], attemptsMax: 3 + plan.retries.delaysMs.length },
    handoverAtMs: atWorkMs + random.integer(1_000, 3_000),
    incidents: series(2, atWorkMs - random.integer(0, 1_000), 3_000, (atMs) => ({ atMs, kind: 'calendarJump' })),
  }),

  /** Partitions go to another member and come back while answers of the old ownership are still on their way. */
  regained: (plan, random, atWorkMs) => ({
    protocol: 'cooperative',
    partitions: 4,
    batches: oneByOne(plan).map((batch, index) => ({
      ...batch,
      partition: index % 4,
      atMs: index % 3 === 0 ? atWorkMs + random.integer(0, 5_000) : 0,
    })),
    network: { ...perfectNetwork, latencyMs: [0, 2] },
    concurrency: random.pick([1, 2]),
    bufferedRecords: 256,
    handler: slow(random.pick([600, 1_500]), 0),
    visits: guestAt(atWorkMs, random.integer(2_000, 3_000)),
    incidents: besides(plan, random, [slowly('Fetch', atWorkMs + random.integer(0, 1_500), 5_000)]),
  }),

  /** Topics of ours take nothing until the faults end, or take it and tell nobody. */
  outageOfOurs: (plan, random) => {
    // Before the second member hands the first record off.
    const atMs = plan.crashAtMs + random.integer(3_000, 5_000)
    const forMs = random.integer(9_000, 12_000)
    return {
      batches: thereFromTheStart(plan),
      concurrency: random.pick([5, 16]),
      handler: slow(random.pick([0, 50]), 0.4),
      visits: [],
      healAtMs: atMs + forMs,
      incidents: besides(
        plan,
        random,
        random.chance(0.5)
          ? [{ atMs, kind: 'produceAmbiguous', forMs }]
          : [{ atMs, kind: 'produceRefused', code: random.pick([5, 7, 19, 19, 29]), forMs }],
      ),
    }
  },

  /** Little room for records that wait in delay topics. */
  smallRoom: (plan, random) => ({
    partitions: 1,
    heldBytes: 1_048_576,
    ballastBytes: 4_096,
    partitionFetchBytes: 65_536,
    handler: slow(random.pick([0, 50]), 0.6),
    retries: {
      ...plan.retries,
      inPlaceMs: [],
      delaysMs: [500, 1_000, 2_000],
      bucketsMs: [],
      whileRetrying: 'overtake',
      attemptsMax: 4,
    },
    batches: thereFromTheStart(plan).map((batch) => ({ ...batch, partition: 0 })),
  }),

  /** One broker that is away for a moment, and nothing else that would make a member look again. */
  quietFailures: (plan, random, atWorkMs) => ({
    brokers: 1,
    handler: slow(random.pick([0, 50]), 0),
    network: {
      ...perfectNetwork,
      latencyMs: random.pick([
        [0, 2],
        [1, 30],
      ]),
    },
    visits: [],
    incidents: series(random.integer(1, 3), atWorkMs, 2_500, (atMs) =>
      random.chance(0.5)
        ? slowly('Fetch', atMs, random.pick([6_500, 8_000]))
        : { atMs, kind: 'readError', api: 'Fetch', code: random.pick([3, 6, 74]), times: random.pick([1, 3]) },
    ),
  }),

  /** Where to start is answered late, by a node that is not the coordinator, and the group forgets who asked. */
  slowStarts: (plan, random, atWorkMs) => ({
    brokers: 3,
    partitions: 1,
    batches: oneByOne(plan).map((batch) => ({ ...batch, partition: 0, atMs: 0 })),
    network: { ...perfectNetwork, latencyMs: [0, 2] },
    order: random.pick(['key', 'none']),
    bufferedRecords: 256,
    handler: slow(1_800, 0.1),
    concurrency: random.pick([5, 16]),
    visits: [],
    incidents: besides(plan, random, [
      slowly('OffsetForLeaderEpoch', atWorkMs - 1_000, 3_500, 12_000),
      ...series(3, atWorkMs, 2_600, (atMs): Incident => ({ atMs, kind: 'memberExpired' })),
    ]),
  }),

  /** The coordinator is looked for while the group rebalances, and commits wait for what is found. */
  slowCoordinator: (plan, random, atWorkMs) => {
    const fromMs = atWorkMs
    return {
      brokers: 3,
      protocol: 'cooperative',
      batches: thereFromTheStart(plan),
      handler: slow(random.pick([50, 400]), 0),
      concurrency: random.pick([2, 5]),
      visits: guestAt(fromMs, random.integer(3_000, 8_000)),
      incidents: besides(
        plan,
        random,
        series(4, fromMs - 500, 2_000, (atMs) => ({
          atMs,
          kind: 'offsetsError' as const,
          api: 'OffsetCommit' as const,
          code: random.pick([14, 15, 16]),
          times: 1,
        })).flatMap((error): Incident[] => [error, slowly('FindCoordinator', error.atMs, 1_500)]),
      ),
    }
  },

  /** What the next owner inherits has gaps, and it reads only a few records before it must wait. */
  gapsInMarks: (plan, random) => {
    const crashAtMs = random.integer(2_500, 4_000)
    const fromMs = crashAtMs + takeOverMs - 1_500
    return {
      crashAtMs,
      partitions: 2,
      batches: oneByOne(plan).map((batch, index) => ({ ...batch, partition: index % 2, atMs: 0 })),
      order: random.pick(['key', 'none']),
      concurrency: 16,
      bufferedRecords: 256,
      partitionFetchBytes: 1_024,
      handler: { latencyMaxMs: 400, sync: 0, fails: 0, hangs: 0.02, ignoresAbort: 0.1 },
      visits: [],
      incidents: besides(plan, random, [
        slowly('Fetch', fromMs, 2_500, 12_000),
        ...series(2, fromMs + 5_000, 3_000, (atMs): Incident => ({ atMs, kind: 'memberExpired' })),
      ]),
    }
  },
}

/** The only one. */
function guestAt(fromMs: number, forMs: number): readonly Visit[] {
  return [{ name: 'g', fromMs, toMs: fromMs + forMs, leaves: 'cleanly' }]
}
