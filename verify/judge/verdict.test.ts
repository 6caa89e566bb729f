/** Every figure of the judge, on histories made by hand: a run that kept its promises, and one change to it for each way of
 *  breaking them. */
import { describe, expect, test } from 'vitest'
import { type OffsetSample } from './evidence.ts'
import { changed, evidence, look, played, records, samples, type Script, script, verdictOn } from './verdict.fixture.ts'
import { judge } from './verdict.ts'

test('a run that kept its promises has all its figures and the agreement of the judge', () => {
  expect(judge(evidence())).toEqual({
    rows: 4,
    produced: 4,
    done: 3,
    filtered: 0,
    retriedInPlace: 1,
    retriedByTopic: 0,
    deadLettered: 1,
    deathReasons: [{ reason: 'MessageInvalid: damage', count: 1 }],
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
    doneByProcess: { 1: 3 },
    agrees: true,
    problems: [],
  })
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

  test('a record that should have died, but of which nobody knows, is lost', () => {
    expect(verdictOn({ handedOff: [] })).toMatchObject({ lost: 1, deadLettered: 0, agrees: false })
  })

  test('a record that was filtered although its damage code is documented is lost', () => {
    const verdict = verdictOn(changed([11, 16], [[2, 1, 0, 0, 'filtered']]))
    expect(verdict).toMatchObject({ lost: 1, filtered: 1, agrees: false })
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
    const twice = [...records, { ...records[3]!, offset: 1 }]
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
    const change = { records: swapped, handedOff: [], ...changed([], [[1, 0, -1, 0, 'filtered']]) }
    expect(verdictOn(change).orderViolations).toBe(0)
  })

  test('a filtered record does not count as the end of the attempt that runs beside it', () => {
    const change = changed([15, 20], [[11, 0, 2, 0, 'filtered'], ...overtaking])
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
  test('a retry that starts before the attempt before it has failed is early, by however little', () => {
    const steps: Script = [
      [19, 0, 1, 2, 'started'],
      [21, 0, 1, 2, 'done'],
    ]
    const verdict = verdictOn(changed([30, 35], steps))
    expect(verdict).toMatchObject({ earlyRetries: 1, agrees: false })
    expect(verdict.problems).toContain('attempt 2 of 0:1 started before attempt 1 had failed')
  })

  test('a second attempt without a first one is early', () => {
    const steps: Script = [
      [11, 1, 0, 2, 'started'],
      [16, 1, 0, 2, 'done'],
    ]
    const verdict = verdictOn(changed([11, 16], steps))
    expect(verdict).toMatchObject({ earlyRetries: 1, agrees: false })
    expect(verdict.problems).toContain('attempt 2 of 1:0 started before attempt 1 had failed')
  })
})

describe('commits', () => {
  test('a commit that was seen before everything below it was finished is one too many, however often it was seen', () => {
    const early: OffsetSample[] = [21, 25, 33].map((ms) => look(ms, { 0: 2, 1: 1 }))
    const verdict = verdictOn({ samples: [...samples.slice(0, 2), ...early, ...samples.slice(2)] })
    expect(verdict).toMatchObject({ commitsPastUnfinished: 1, agrees: false })
    expect(verdict.problems).toEqual(['partition 0 was committed at 2 while offset 1 was not finished'])
  })

  test('a record that is finished above a gap does not excuse a commit over the gap', () => {
    const gap = records.map((record) => (record.id === 2 ? { ...record, offset: 1_000_000 } : record))
    const far = look(18, { 0: 1_000_001, 1: 1 })
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
    const late = look(34, { 0: 3, 1: 1 }, samples[2])
    expect(late.answeredMs).toBe(35)
    expect(verdictOn({ samples: [late] }).commitsPastUnfinished).toBe(0)
  })

  test('a commit beyond the end of the topic covers records that do not exist yet', () => {
    const last = look(50, { 0: 4, 1: 1 }, samples[2])
    expect(verdictOn({ samples: [...samples, last] })).toMatchObject({ commitsPastUnfinished: 1, agrees: false })
  })

  test('a commit never goes back', () => {
    const back = look(50, { 0: 1, 1: 1 }, samples[2])
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
