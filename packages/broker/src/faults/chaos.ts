/** Random faults that repeat with their seed. What happens to the n-th request of an API depends on the seed, the API and n,
 *  and on nothing else: the same seed makes the same decisions, however the requests of different APIs interleave.
 *
 *  Only what a client must survive anyway: errors that Kafka calls retriable, answers that come late or not at all,
 *  connections that end. */

import type { BrokerCore } from '../core/broker-core.ts'
import type { BrokerClock } from '../core/clock.ts'
import { type ApiName, apiNames } from '../protocol/apis.ts'
import { type ErrorName, errorNumbers } from './error-names.ts'
import { expectApi, expectMs, expectOption, expectOptions, expectWhole, refuseArgument } from './expectations.ts'
import type { FaultContext, FaultDecision } from './intercepts.ts'

export type ChaosKind = 'error' | 'delay' | 'dropBeforeApply' | 'dropAfterApply'

export type ChaosOptions = {
  /** Repeats the decisions. 0 to 2³²−1. @default drawn from the clock's chance, and shown in every failure */
  readonly seed?: number | undefined
  /** How many of the requests it hits, 0 to 1. @default 0.05 */
  readonly rate?: number | undefined
  /** @default all that a running client sends: records, groups, offsets, metadata, coordinators */
  readonly apis?: readonly ApiName[] | undefined
  /** @default all of them */
  readonly kinds?: readonly ChaosKind[] | undefined
  /** The longest delay, in milliseconds. @default 100 */
  readonly delayMsMax?: number | undefined
  /** When it has hit this many requests it leaves the rest alone. @default no limit */
  readonly hitsMax?: number | undefined
}

export type ChaosHit = {
  readonly api: ApiName
  /** The how-manieth request of this API it was, from 1 on. */
  readonly nth: number
  readonly kind: ChaosKind
  /** The error, the delay in milliseconds, or nothing. */
  readonly detail: ErrorName | number | undefined
}

export type Chaos = {
  readonly seed: number
  /** What it did, in order. */
  readonly hits: readonly ChaosHit[]
  remove(): void
  [Symbol.dispose](): void
}

const coordinatorErrors: readonly ErrorName[] = ['COORDINATOR_NOT_AVAILABLE', 'COORDINATOR_LOAD_IN_PROGRESS']
const leaderErrors: readonly ErrorName[] = ['NOT_LEADER_OR_FOLLOWER']
const retriable: Readonly<Partial<Record<string, readonly ErrorName[]>>> = {
  Produce: [...leaderErrors, 'REQUEST_TIMED_OUT', 'NOT_ENOUGH_REPLICAS'],
  Fetch: leaderErrors,
  ListOffsets: leaderErrors,
  Metadata: ['LEADER_NOT_AVAILABLE'],
  FindCoordinator: ['COORDINATOR_NOT_AVAILABLE'],
  JoinGroup: coordinatorErrors,
  SyncGroup: coordinatorErrors,
  Heartbeat: coordinatorErrors,
  OffsetCommit: coordinatorErrors,
  OffsetFetch: coordinatorErrors,
  InitProducerId: coordinatorErrors,
  AddPartitionsToTxn: coordinatorErrors,
  AddOffsetsToTxn: coordinatorErrors,
  TxnOffsetCommit: coordinatorErrors,
  EndTxn: coordinatorErrors,
  ConsumerGroupHeartbeat: coordinatorErrors,
}
const kindsAll: readonly ChaosKind[] = ['error', 'delay', 'dropBeforeApply', 'dropAfterApply']
const seedMax = 2 ** 32 - 1

/** Throws a `BrokerError` for options that make no sense. */
export function addChaos(core: BrokerCore, clock: BrokerClock, options: ChaosOptions): Chaos {
  expectOptions('chaos', options, ['seed', 'rate', 'apis', 'kinds', 'delayMsMax', 'hitsMax'])
  const { seed = Math.floor(clock.random() * seedMax), rate = 0.05, delayMsMax = 100, kinds = kindsAll } = options
  const { apis = apiNames.filter((api) => retriable[api] !== undefined), hitsMax } = options
  expectWhole('seed', seed, { min: 0, max: seedMax })
  if (!(rate >= 0 && rate <= 1))
    refuseArgument('rate to be 0 to 1', rate, 'Pass a share of the requests, such as 0.05.')
  expectMs('delayMsMax', delayMsMax)
  if (hitsMax !== undefined) expectWhole('hitsMax', hitsMax, { min: 0 })
  for (const kind of kinds) expectOption('kinds', kind, kindsAll)
  if (kinds.length === 0) refuseArgument('at least one of the kinds', kinds, `They are ${kindsAll.join(', ')}.`)

  const hits: ChaosHit[] = []
  const removers = apis.map((api) => {
    expectApi(api)
    let nth = 0
    return core.intercept(api, (request: object, context: FaultContext) => {
      const hit = decide({ seed, rate, delayMsMax, kinds }, api, ++nth)
      if (hit === undefined || hits.length >= (hitsMax ?? Infinity)) return undefined
      hits.push(hit)
      return perform(hit, { core, clock, request, context })
    })
  })
  const remove = (): void => {
    for (const each of removers) each()
  }
  return { seed, hits, remove, [Symbol.dispose]: remove }
}

type Odds = {
  readonly seed: number
  readonly rate: number
  readonly delayMsMax: number
  readonly kinds: readonly ChaosKind[]
}

/** The decision about one request, from the seed alone. */
export function decide(odds: Odds, api: ApiName, nth: number): ChaosHit | undefined {
  const chance = chanceFrom(odds.seed, api, nth)
  if (chance() >= odds.rate) return undefined
  const errors = retriable[api] ?? []
  const possible = odds.kinds.filter((kind) => kind !== 'error' || errors.length > 0)
  const kind = possible[Math.floor(chance() * possible.length)]
  if (kind === undefined) return undefined
  const drawn = chance()
  const detail =
    kind === 'error'
      ? errors[Math.floor(drawn * errors.length)]
      : kind === 'delay'
        ? Math.floor(drawn * odds.delayMsMax)
        : undefined
  return { api, nth, kind, detail }
}

type Hit = {
  readonly core: BrokerCore
  readonly clock: BrokerClock
  readonly request: object
  readonly context: FaultContext
}

function perform(hit: ChaosHit, { core, clock, request, context }: Hit): FaultDecision | Promise<FaultDecision> {
  switch (hit.kind) {
    case 'error':
      return core.errorAnswer(hit.api, request, context, errorNumbers[hit.detail as ErrorName])
    case 'delay':
      return new Promise((resolve) => void clock.setTimer(hit.detail as number, () => resolve(undefined)))
    case 'dropBeforeApply':
      return 'close'
    case 'dropAfterApply':
      return 'applyThenDrop'
  }
}

/** Numbers in [0, 1) that follow from what is given: FNV-1a over it, then Mulberry32. */
function chanceFrom(seed: number, api: string, nth: number): () => number {
  let state = seed ^ 0x811c9dc5
  for (const char of `${api} ${nth}`) state = Math.imul(state ^ char.charCodeAt(0), 0x01000193)
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
