/** Every figure of the judge, on histories made by hand: a run that kept its promises, and one change to it for each way of
 *  breaking them. */
import { describe, expect, test } from 'vitest'
import { type AttemptRow, type Evidence, type OffsetSample, type SourceRow, type TopicRecord } from './evidence.ts'
import { judge, type Verdict } from './verdict.ts'

/** Four strikes on two partitions; row 4 has an undocumented damage code. A key is an airport. */
const rows: readonly SourceRow[] = [
  { id: 1, airport: 'OAK', isDocumented: true, isDamaging: false, costDollars: 0 },
  { id: 2, airport: 'OAK', isDocumented: true, isDamaging: true, costDollars: 250 },
  { id: 3, airport: 'DCA', isDocumented: true, isDamaging: false, costDollars: 0 },
  { id: 4, airport: 'OAK', isDocumented: false, isDamaging: true, costDollars: 9 },
]
const records: readonly TopicRecord[] = [
  { partition: 0, offset: 0, key: 'OAK', id: 1 },
  { partition: 0, offset: 1, key: 'OAK', id: 2 },
  { partition: 0, offset: 2, key: 'OAK', id: 4 },
  { partition: 1, offset: 0, key: 'DCA', id: 3 },
]

type Script = readonly (readonly [
  time: number,
  partition: number,
  offset: number,
  attempt: number,
  outcome: AttemptRow['outcome'],
])[]

/** Row 2 fails once; rows 1 and 3 run at the same time. */
const script: Script = [
  [1, 0, 2, 0, 'filtered'],
  [10, 0, 0, 1, 'started'],
  [11, 1, 0, 1, 'started'],
  [14, 0, 0, 1, 'done'],
  [15, 0, 1, 1, 'started'],
  [16, 1, 0, 1, 'done'],
  [20, 0, 1, 1, 'failed'],
  [30, 0, 1, 2, 'started'],
  [35, 0, 1, 2, 'done'],
]

function played(steps: Script, process = 1): AttemptRow[] {
  return steps.map(([time, partition, offset, attempt, outcome]) => {
    return { time, process, topic: 'strikes', partition, offset, key: null, attempt, outcome }
  })
}

const samples: readonly OffsetSample[] = [
  { askedMs: 4, answeredMs: 5, committed: {} },
  { askedMs: 17, answeredMs: 18, committed: { 0: 1, 1: 1 } },
  { askedMs: 40, answeredMs: 41, committed: { 0: 3, 1: 1 } },
]

function evidence(change: Partial<Evidence> = {}): Evidence {
  return {
    order: 'key',
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
    handedOff: { retried: 0, deadLettered: 0 },
    ...change,
  }
}

/** The script without the steps at these times, and with others in their place. */
function changed(without: readonly number[], added: Script = []): Partial<Evidence> {
  return { attemptRows: played([...script.filter(([time]) => !without.includes(time)), ...added]) }
}

function verdictOn(change: Partial<Evidence>): Verdict {
  return judge(evidence(change))
}

test('a run that kept its promises has all its figures and the agreement of the judge', () => {
  expect(judge(evidence())).toEqual({
    rows: 4,
    produced: 4,
    done: 3,
    filtered: 1,
    retriedInPlace: 1,
    retriedByTopic: 0,
    deadLettered: 0,
    duplicates: 0,
    lost: 0,
    orderViolations: 0,
    earlyRetries: 0,
    commitsPastUnfinished: 0,
    commitsBackwards: 0,
    uncommitted: 0,
    totalsMatch: true,
    maxInFlight: 2,
    elapsedMs: 25,
    samples: 3,
    agrees: true,
    problems: [],
  })
})

test('records in retry and dead-letter topics are counted', () => {
  const verdict = verdictOn({ handedOff: { retried: 7, deadLettered: 2 } })
  expect(verdict).toMatchObject({ retriedByTopic: 7, deadLettered: 2 })
})

describe('lost', () => {
  test('a row that never reached the topic is lost', () => {
    const verdict = verdictOn({ records: records.slice(0, 3), endOffsets: new Map([[0, 3]]), ...changed([11, 16]) })
    expect(verdict).toMatchObject({ lost: 1, produced: 3, agrees: false })
    expect(verdict.problems).toContain('row 3 is lost: it is not in the topic')
  })

  test('a record whose attempts all failed is lost', () => {
    const verdict = verdictOn(changed([30, 35]))
    expect(verdict).toMatchObject({ lost: 1, done: 2, agrees: false })
  })

  test('a record whose handler never settled is lost', () => {
    expect(verdictOn(changed([35]))).toMatchObject({ lost: 1, agrees: false })
  })

  test('a record that nobody attempted is lost, also when its offset was committed', () => {
    expect(verdictOn(changed([11, 16]))).toMatchObject({ lost: 1, commitsPastUnfinished: 1, agrees: false })
  })

  test('a record that should have been filtered, but was not even looked at, is lost', () => {
    expect(verdictOn(changed([1]))).toMatchObject({ lost: 1, filtered: 0, agrees: false })
  })

  test('a record that was filtered although its damage code is documented is lost', () => {
    const verdict = verdictOn(changed([11, 16], [[2, 1, 0, 0, 'filtered']]))
    expect(verdict).toMatchObject({ lost: 1, filtered: 2, agrees: false })
  })

  test('a record that counts as done without an effect in the database is lost', () => {
    const totals = { ...evidence().totals, appliedIds: new Set([1, 2]) }
    expect(verdictOn({ totals })).toMatchObject({ lost: 1, done: 3, agrees: false })
  })
})

describe('duplicates', () => {
  test('a record whose handler succeeded twice is a duplicate, whoever handled it', () => {
    const again = played(
      [
        [50, 1, 0, 1, 'started'],
        [51, 1, 0, 1, 'done'],
      ],
      2,
    )
    const verdict = verdictOn({ attemptRows: [...played(script), ...again] })
    expect(verdict).toMatchObject({ duplicates: 1, done: 3, agrees: false })
  })

  test('a record that was produced twice is not what was asked for', () => {
    const twice = [...records, { partition: 1, offset: 1, key: 'DCA', id: 3 }]
    const steps: Script = [
      [50, 1, 1, 1, 'started'],
      [51, 1, 1, 1, 'done'],
    ]
    const verdict = verdictOn({ records: twice, ...changed([], steps) })
    expect(verdict).toMatchObject({ produced: 5, agrees: false })
    expect(verdict.problems).toContain('the topic has a record at 1:1 (row 3) that was not asked for')
  })
})

describe('order', () => {
  const overtaking: Script = [
    [12, 0, 1, 1, 'started'],
    [13, 0, 1, 1, 'failed'],
  ]

  test('an attempt that starts while another of its lane runs breaks the order', () => {
    expect(verdictOn(changed([15, 20], overtaking))).toMatchObject({ orderViolations: 1, agrees: false })
  })

  test('an attempt that starts before a lower offset of its lane is finished breaks the order', () => {
    const early: Script = [
      [8, 0, 1, 1, 'started'],
      [9, 0, 1, 1, 'failed'],
    ]
    expect(verdictOn(changed([15, 20], early))).toMatchObject({ orderViolations: 1, agrees: false })
  })

  test('a failed attempt does not let the next record of its lane start', () => {
    const steps: Script = [
      [14, 0, 0, 1, 'failed'],
      [40, 0, 0, 2, 'started'],
      [41, 0, 0, 2, 'done'],
    ]
    expect(verdictOn(changed([14], steps)).orderViolations).toBe(2)
  })

  test('a filtered record holds nobody back', () => {
    const swapped = records.map((record) => (record.offset === 2 ? { ...record, offset: -1 } : record))
    expect(verdictOn({ records: swapped, ...changed([1], [[1, 0, -1, 0, 'filtered']]) }).orderViolations).toBe(0)
  })

  test('a filtered record does not count as the end of the attempt that runs beside it', () => {
    const change = changed([1, 15, 20], [[11, 0, 2, 0, 'filtered'], ...overtaking])
    expect(verdictOn(change).problems).toContain(
      'attempt 1 of 0:1 started while another attempt of its lane was running',
    )
  })

  test('records of different keys may overlap, unless the partition is the lane', () => {
    const otherKey = records.map((record) => (record.id === 2 ? { ...record, key: 'SJC' } : record))
    const change = { records: otherKey, ...changed([15, 20], overtaking) }
    expect(verdictOn(change).orderViolations).toBe(0)
    expect(verdictOn({ ...change, order: 'partition' }).orderViolations).toBe(1)
  })

  test('records without a key have no order among each other', () => {
    const keyless = records.map((record) => ({ ...record, key: null }))
    expect(verdictOn({ records: keyless, ...changed([15, 20], overtaking) }).orderViolations).toBe(0)
  })

  test('an empty key is a key', () => {
    const empty = records.map((record) => ({ ...record, key: '' }))
    expect(verdictOn({ records: empty, ...changed([15, 20], overtaking) }).orderViolations).toBe(1)
  })

  test('without order, two attempts of one record still never overlap', () => {
    const change = changed([15, 20], overtaking)
    expect(verdictOn({ order: 'none', ...change }).orderViolations).toBe(0)
    const twice: Script = [
      [32, 0, 1, 3, 'started'],
      [33, 0, 1, 3, 'failed'],
    ]
    expect(verdictOn({ order: 'none', ...changed([], twice) }).orderViolations).toBe(1)
  })

  test('a record that another process left unfinished may run while that process is dead', () => {
    const killed = played([[9, 0, 0, 1, 'started']], 2)
    expect(verdictOn({ attemptRows: [...killed, ...played(script)] }).orderViolations).toBe(0)
  })
})

describe('early retries', () => {
  test('a retry that starts before the attempt before it has failed is early', () => {
    const steps: Script = [
      [17, 0, 1, 2, 'started'],
      [19, 0, 1, 2, 'done'],
    ]
    expect(verdictOn(changed([30, 35], steps))).toMatchObject({ earlyRetries: 1, agrees: false })
  })

  test('a second attempt without a first one is early', () => {
    const steps: Script = [
      [11, 1, 0, 2, 'started'],
      [16, 1, 0, 2, 'done'],
    ]
    expect(verdictOn(changed([11, 16], steps))).toMatchObject({ earlyRetries: 1, agrees: false })
  })
})

describe('commits', () => {
  test('a commit that was seen before everything below it was finished is one too many, however often it was seen', () => {
    const early: OffsetSample[] = [21, 25, 36].map((ms) => ({ askedMs: ms, answeredMs: ms, committed: { 0: 2, 1: 1 } }))
    const verdict = verdictOn({ samples: [...samples.slice(0, 2), ...early, ...samples.slice(2)] })
    expect(verdict).toMatchObject({ commitsPastUnfinished: 1, agrees: false })
    expect(verdict.problems).toEqual(['partition 0 was committed at 2 while offset 1 was not finished'])
  })

  test('a record that is finished above a gap does not excuse a commit over the gap', () => {
    const gap = records.map((record) => (record.id === 2 ? { ...record, offset: 1_000_000 } : record))
    const far = { ...samples[2], askedMs: 18, answeredMs: 19, committed: { 0: 1_000_001, 1: 1 } }
    const verdict = verdictOn({
      records: gap,
      endOffsets: new Map([
        [0, 1_000_001],
        [1, 1],
      ]),
      attemptRows: played(script).map((row) => (row.offset === 1 ? { ...row, offset: 1_000_000 } : row)),
      samples: [far],
    })
    expect(verdict.commitsPastUnfinished).toBe(1)
  })

  test('a record that is handled again later was finished all the same', () => {
    const again: Script = [
      [50, 1, 0, 1, 'started'],
      [51, 1, 0, 1, 'done'],
    ]
    expect(verdictOn(changed([], again)).commitsPastUnfinished).toBe(0)
  })

  test('a commit may be as new as its answer, because it was true at some moment before', () => {
    const late = { askedMs: 34, answeredMs: 35, committed: { 0: 3, 1: 1 } }
    expect(verdictOn({ samples: [late] }).commitsPastUnfinished).toBe(0)
  })

  test('a commit beyond the end of the topic covers records that do not exist yet', () => {
    const last = { askedMs: 50, answeredMs: 51, committed: { 0: 4, 1: 1 } }
    expect(verdictOn({ samples: [...samples, last] })).toMatchObject({ commitsPastUnfinished: 1, agrees: false })
  })

  test('a commit never goes back', () => {
    const back = { askedMs: 50, answeredMs: 51, committed: { 0: 1, 1: 1 } }
    expect(verdictOn({ samples: [...samples, back, ...samples.slice(2)] })).toMatchObject({
      commitsBackwards: 1,
      uncommitted: 0,
      agrees: false,
    })
  })

  test('records above the last commit are counted and refuse the agreement', () => {
    expect(verdictOn({ samples: samples.slice(0, 2) })).toMatchObject({ uncommitted: 2, agrees: false })
  })

  test('a run of which no commit was seen proves nothing', () => {
    const verdict = verdictOn({ samples: samples.slice(0, 1) })
    expect(verdict.problems).toContain('no commit was ever seen, so nothing can be said about commits')
  })
})

describe('totals', () => {
  const { totals } = evidence()

  test('the totals of each airport must be those of the file, to the dollar', () => {
    const wrong = new Map([...totals.byAirport, ['OAK', { strikes: 2, damaging: 1, costDollars: 251 }]] as const)
    const verdict = verdictOn({ totals: { ...totals, byAirport: wrong } })
    expect(verdict).toMatchObject({ totalsMatch: false, agrees: false })
    expect(verdict.problems).toEqual([
      'the totals of OAK should be 2 strikes, 1 with damage, $250 and are 2 strikes, 1 with damage, $251',
    ])
  })

  test('an airport too many or too few does not match', () => {
    const extra = new Map([...totals.byAirport, ['SJC', { strikes: 1, damaging: 0, costDollars: 0 }]] as const)
    const missing = new Map([...totals.byAirport].slice(0, 1))
    expect(verdictOn({ totals: { ...totals, byAirport: extra } }).totalsMatch).toBe(false)
    expect(verdictOn({ totals: { ...totals, byAirport: missing } }).totalsMatch).toBe(false)
  })
})

describe('evidence that contradicts itself', () => {
  test('an attempt that ends without a start refuses the agreement', () => {
    const verdict = verdictOn(changed([30]))
    expect(verdict.agrees).toBe(false)
    expect(verdict.problems).toContain('attempt 2 of 0:1 ended without having started')
  })

  test('an attempt of a record that is not in the topic refuses the agreement', () => {
    const steps: Script = [
      [50, 1, 9, 1, 'started'],
      [51, 1, 9, 1, 'done'],
    ]
    expect(verdictOn(changed([], steps)).problems).toContain('1:9 was attempted but is not in the topic')
  })
})
