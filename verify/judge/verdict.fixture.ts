/** A run that kept its promises, made by hand, and how to change it: each test breaks one promise of it. */
import {
  type AttemptRow,
  type Evidence,
  type HandedOff,
  type OffsetSample,
  type SourceRow,
  type TopicRecord,
} from './evidence.ts'
import { judge, type Verdict } from './verdict.ts'

export const topic = 'strikes'
export const group = 'totals'
export const delayTopic = 'totals.strikes.retry.2s'
export const deadTopic = 'totals.strikes.dlq'

/** Four strikes on two partitions; row 4 has an undocumented damage code. A key is an airport. */
export const rows: readonly SourceRow[] = [
  { id: 1, airport: 'OAK', isDocumented: true, isDamaging: false, costDollars: 0 },
  { id: 2, airport: 'OAK', isDocumented: true, isDamaging: true, costDollars: 250 },
  { id: 3, airport: 'DCA', isDocumented: true, isDamaging: false, costDollars: 0 },
  { id: 4, airport: 'OAK', isDocumented: false, isDamaging: true, costDollars: 9 },
]

function strike(partition: number, offset: number, key: string, id: number): TopicRecord {
  return { partition, offset, key, value: JSON.stringify({ id }), id }
}

export const records: readonly TopicRecord[] = [
  strike(0, 0, 'OAK', 1),
  strike(0, 1, 'OAK', 2),
  strike(0, 2, 'OAK', 4),
  strike(1, 0, 'DCA', 3),
]

export type Script = readonly (readonly [
  time: number,
  partition: number,
  offset: number,
  attempt: number,
  outcome: AttemptRow['outcome'],
])[]

/** Row 2 fails once; rows 1 and 3 run at the same time. */
export const script: Script = [
  [10, 0, 0, 1, 'started'],
  [11, 1, 0, 1, 'started'],
  [14, 0, 0, 1, 'done'],
  [15, 0, 1, 1, 'started'],
  [16, 1, 0, 1, 'done'],
  [20, 0, 1, 1, 'failed'],
  [30, 0, 1, 2, 'started'],
  [35, 0, 1, 2, 'done'],
]

export function played(steps: Script, process = 1): AttemptRow[] {
  return steps.map(([time, partition, offset, attempt, outcome]) => {
    return { time, process, topic, partition, offset, key: null, attempt, outcome }
  })
}

/** The dead letter of row 4. */
export const deadLetter: HandedOff = {
  kind: 'dead',
  topic: deadTopic,
  partition: 0,
  offset: 0,
  key: 'OAK',
  value: JSON.stringify({ id: 4 }),
  storedEpochMs: 5_016,
  source: { topic, partition: 0, offset: 2, group },
  attempts: 1,
  dueEpochMs: null,
  delayMs: null,
  error: 'MessageInvalid: damage',
}

/** Row 2 in the delay topic, after its second attempt. */
export const hop: HandedOff = {
  ...deadLetter,
  kind: 'delay',
  topic: delayTopic,
  value: JSON.stringify({ id: 2 }),
  storedEpochMs: 5_040,
  source: { topic, partition: 0, offset: 1, group },
  attempts: 2,
  dueEpochMs: 7_036,
  delayMs: 2_000,
  error: 'Refused: 503',
}

export function look(
  ms: number,
  committed: OffsetSample['committed'],
  own: Partial<Pick<OffsetSample, 'ownCommitted' | 'ownEnds'>> = {},
): OffsetSample {
  const { ownCommitted = {}, ownEnds = {} } = own
  return { askedMs: ms, answeredMs: ms + 1, committed, ownCommitted, ownEnds }
}

const oneDead = { ownEnds: { [`${deadTopic}/0`]: 1 } }

export const samples: readonly OffsetSample[] = [
  look(4, {}),
  look(17, { 0: 1, 1: 1 }, oneDead),
  look(40, { 0: 3, 1: 1 }, oneDead),
]

export function evidence(change: Partial<Evidence> = {}): Evidence {
  return {
    topic,
    group,
    order: 'key',
    retrying: 'overtake',
    leastWaitsMs: [],
    rows,
    records,
    endOffsets: new Map([
      [0, 3],
      [1, 1],
    ]),
    attemptRows: played(script),
    samples,
    totals: {
      appliedIds: new Set([1, 2, 3]),
      byAirport: new Map([
        ['OAK', { strikes: 2, damaging: 1, costDollars: 250 }],
        ['DCA', { strikes: 1, damaging: 0, costDollars: 0 }],
      ]),
    },
    handedOff: [deadLetter],
    ...change,
  }
}

/** The script without the steps at these times, and with others in their place. */
export function changed(without: readonly number[], added: Script = []): Partial<Evidence> {
  return { attemptRows: played([...script.filter(([time]) => !without.includes(time)), ...added]) }
}

export function verdictOn(change: Partial<Evidence>): Verdict {
  return judge(evidence(change))
}

/** The same run, in which row 2 fails once more and goes through the delay topic: absent there at 38, stored by 51, due from
 *  2,035 on. Row 5, of the same airport, passes it meanwhile. */
export function withHop(change: Partial<Evidence> = {}): Partial<Evidence> {
  const { totals } = evidence()
  const waiting = { ownEnds: { [`${deadTopic}/0`]: 1, [`${delayTopic}/0`]: 1 } }
  return {
    rows: [...rows, { id: 5, airport: 'OAK', isDocumented: true, isDamaging: false, costDollars: 1 }],
    records: [...records, strike(0, 3, 'OAK', 5)],
    endOffsets: new Map([
      [0, 4],
      [1, 1],
    ]),
    attemptRows: hopScript(),
    handedOff: [deadLetter, hop],
    samples: [
      ...samples.slice(0, 2),
      look(38, { 0: 1, 1: 1 }, oneDead),
      look(50, { 0: 4, 1: 1 }, { ...waiting, ownCommitted: { [`${delayTopic}/0`]: 0 } }),
      look(2_060, { 0: 4, 1: 1 }, { ...waiting, ownCommitted: { [`${delayTopic}/0`]: 1 } }),
    ],
    totals: {
      appliedIds: new Set([1, 2, 3, 5]),
      byAirport: new Map([...totals.byAirport, ['OAK', { strikes: 3, damaging: 1, costDollars: 251 }]]),
    },
    ...change,
  }
}

/** What `withHop` plays, without the steps at these times, and with others in their place. */
export function hopScript(without: readonly number[] = [], added: Script = []): AttemptRow[] {
  const steps: Script = [
    ...script.slice(0, -1),
    [35, 0, 1, 2, 'failed'],
    [43, 0, 3, 1, 'started'],
    [46, 0, 3, 1, 'done'],
    [2_045, 0, 1, 3, 'started'],
    [2_050, 0, 1, 3, 'done'],
  ]
  return played([...steps.filter(([time]) => !without.includes(time)), ...added])
}
