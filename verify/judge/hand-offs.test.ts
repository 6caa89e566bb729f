/** What the judge makes of records that were handed off: to delay topics, and to the dead letters. */
import { describe, expect, test } from 'vitest'
import { type Evidence, type HandedOff, type OffsetSample } from './evidence.ts'
import { readOwnHeaders } from './own-headers.ts'
import {
  changed,
  deadLetter,
  deadTopic,
  delayTopic,
  hop,
  hopScript,
  look,
  played,
  verdictOn,
  withHop,
} from './verdict.fixture.ts'

const delayLog = `${delayTopic}/0`
const stored = { [`${deadTopic}/0`]: 1, [delayLog]: 1 }

/** The looks of `withHop`, with some in place of others. */
function looking(change: Readonly<Record<number, OffsetSample>>): Partial<Evidence> {
  const before = withHop().samples ?? []
  return withHop({ samples: before.map((sample, index) => change[index] ?? sample) })
}

test('a record that comes back from a delay topic in time keeps every promise', () => {
  expect(verdictOn(withHop())).toMatchObject({
    done: 4,
    lost: 0,
    retriedInPlace: 1,
    retriedByTopic: 1,
    deadLettered: 1,
    duplicates: 0,
    orderViolations: 0,
    earlyRetries: 0,
    commitsPastUnfinished: 0,
    uncommitted: 0,
    agrees: true,
    problems: [],
  })
})

describe('lost', () => {
  test('a record that waits in a delay topic for ever is lost', () => {
    const verdict = verdictOn(withHop({ attemptRows: hopScript([2_045, 2_050]) }))
    expect(verdict).toMatchObject({ lost: 1, retriedByTopic: 0, agrees: false })
  })

  test('a record that counts as handed off, but is in no topic, is lost, and its commit came too early', () => {
    const verdict = verdictOn(withHop({ handedOff: [deadLetter], attemptRows: hopScript([2_045, 2_050]) }))
    expect(verdict).toMatchObject({ lost: 1, agrees: false })
    expect(verdict.commitsPastUnfinished).toBeGreaterThan(0)
  })
})

describe('early retries', () => {
  test('an attempt that starts before the record has waited since its failure is early', () => {
    const early = hopScript([2_045], [[2_030, 0, 1, 3, 'started']])
    const verdict = verdictOn(withHop({ attemptRows: early }))
    expect(verdict).toMatchObject({ earlyRetries: 1, agrees: false })
    expect(verdict.problems).toEqual([
      'attempt 3 of 0:1 started 1995 ms after attempt 2 had failed, 2000 ms were to pass',
    ])
  })

  test('the due time of the header counts when it is later than the delay', () => {
    const handedOff = [deadLetter, { ...hop, dueEpochMs: hop.storedEpochMs + 2_500 }]
    expect(verdictOn(withHop({ handedOff }))).toMatchObject({ earlyRetries: 1, agrees: false })
  })

  test('a retry may be made by another process than the attempt before it', () => {
    const attemptRows = [
      ...hopScript([2_045, 2_050]),
      ...played(
        [
          [2_045, 0, 1, 3, 'started'],
          [2_050, 0, 1, 3, 'done'],
        ],
        2,
      ),
    ]
    expect(verdictOn(withHop({ attemptRows }))).toMatchObject({ earlyRetries: 0, agrees: true })
  })

  test('an attempt that a crash had repeated counts from the first time', () => {
    const again = played(
      [
        [36, 0, 1, 2, 'started'],
        [60, 0, 1, 2, 'failed'],
      ],
      2,
    )
    expect(verdictOn(withHop({ attemptRows: [...hopScript(), ...again] })).earlyRetries).toBe(0)
  })

  test('a wait in place is as long as was promised', () => {
    expect(verdictOn({ leastWaitsMs: [10] })).toMatchObject({ earlyRetries: 0, agrees: true })
    expect(verdictOn({ leastWaitsMs: [13] })).toMatchObject({ earlyRetries: 1, agrees: false })
  })
})

describe('order', () => {
  test('a record that was not handed off yet holds its followers', () => {
    const attemptRows = hopScript([43], [[37, 0, 3, 1, 'started']])
    const verdict = verdictOn(withHop({ attemptRows }))
    expect(verdict).toMatchObject({ orderViolations: 1, agrees: false })
    expect(verdict.problems).toEqual(['attempt 1 of 0:3 started before offset 1 of its lane was finished'])
  })

  test('a record that was not even due to be handed off holds its followers, also while nobody looks', () => {
    const attemptRows = hopScript(
      [43, 46],
      [
        [25, 0, 3, 1, 'started'],
        [28, 0, 3, 1, 'done'],
      ],
    )
    const samples = (withHop().samples ?? []).filter(({ askedMs }) => askedMs !== 38)
    expect(verdictOn(withHop({ attemptRows, samples }))).toMatchObject({ orderViolations: 1, agrees: false })
  })

  test('a record that did not die yet holds its followers', () => {
    const late = { ...deadLetter, offset: 1 }
    const verdict = verdictOn(withHop({ handedOff: [late, hop] }))
    expect(verdict.problems).toContain('attempt 1 of 0:3 started before offset 2 of its lane was finished')
  })

  test('nobody may pass a record while its lane waits for it', () => {
    const verdict = verdictOn(withHop({ retrying: 'block' }))
    expect(verdict).toMatchObject({ orderViolations: 1, agrees: false })
    expect(verdict.problems).toEqual([`0:1 went to ${delayTopic} although its lane had to wait for it`])
  })

  test('attempts of one lane of a delay topic do not overlap in one process', () => {
    const also: HandedOff = { ...hop, offset: 1, value: '{"id":5}', source: { ...hop.source!, offset: 3 }, attempts: 1 }
    const attemptRows = hopScript(
      [46],
      [
        [46, 0, 3, 1, 'failed'],
        [2_047, 0, 3, 2, 'started'],
        [2_048, 0, 3, 2, 'done'],
      ],
    )
    const verdict = verdictOn(withHop({ attemptRows, handedOff: [deadLetter, hop, also] }))
    expect(verdict.problems).toContain('attempt 2 of 0:3 started while another attempt of its lane was running')
  })

  test('an attempt after a delay topic runs beside those of the lane that the record left', () => {
    const attemptRows = hopScript([46], [[2_060, 0, 3, 1, 'done']])
    expect(verdictOn(withHop({ attemptRows })).orderViolations).toBe(0)
  })
})

describe('commits', () => {
  test('a commit may pass a record that is stored in a delay topic by then, and no sooner', () => {
    expect(verdictOn(looking({ 2: look(38, { 0: 2, 1: 1 }, { ownEnds: stored }) })).commitsPastUnfinished).toBe(0)
    expect(verdictOn(looking({ 2: look(38, { 0: 2, 1: 1 }) }))).toMatchObject({
      commitsPastUnfinished: 1,
      agrees: false,
    })
  })

  test('a commit in a delay topic passes nothing that waits there', () => {
    const verdict = verdictOn(
      looking({ 3: look(50, { 0: 4, 1: 1 }, { ownEnds: stored, ownCommitted: { [delayLog]: 1 } }) }),
    )
    expect(verdict).toMatchObject({ commitsPastUnfinished: 1, agrees: false })
    expect(verdict.problems).toEqual([`${delayLog} was committed at 1 while offset 0 was not finished`])
  })

  test('a commit in a delay topic may pass what is stored further on', () => {
    const further = { ...hop, offset: 1, attempts: 3, storedEpochMs: 7_050, dueEpochMs: 9_050 }
    const verdict = verdictOn(
      withHop({
        attemptRows: hopScript(
          [2_050],
          [
            [2_050, 0, 1, 3, 'failed'],
            [4_060, 0, 1, 4, 'started'],
            [4_070, 0, 1, 4, 'done'],
          ],
        ),
        // However they lie in their topics.
        handedOff: [further, hop, deadLetter],
        samples: [
          ...(withHop().samples ?? []).slice(0, 4),
          look(2_060, { 0: 4, 1: 1 }, { ownEnds: { ...stored, [delayLog]: 2 }, ownCommitted: { [delayLog]: 1 } }),
          look(4_080, { 0: 4, 1: 1 }, { ownEnds: { ...stored, [delayLog]: 2 }, ownCommitted: { [delayLog]: 2 } }),
        ],
      }),
    )
    expect(verdict).toMatchObject({ retriedByTopic: 2, earlyRetries: 0, commitsPastUnfinished: 0, agrees: true })
  })

  test('a record of a delay topic above the last commit is uncommitted', () => {
    const verdict = verdictOn(looking({ 4: look(2_060, { 0: 4, 1: 1 }, { ownEnds: stored }) }))
    expect(verdict).toMatchObject({ uncommitted: 1, agrees: false })
  })

  test('a commit in a delay topic never goes back', () => {
    const back = look(2_070, { 0: 4, 1: 1 }, { ownEnds: stored, ownCommitted: { [delayLog]: 0 } })
    const samples = withHop().samples ?? []
    const verdict = verdictOn(withHop({ samples: [...samples, back, ...samples.slice(-1)] }))
    expect(verdict).toMatchObject({ commitsBackwards: 1, agrees: false })
  })
})

describe('deaths', () => {
  test('a row that nobody expected to die refuses the agreement, and is not lost', () => {
    const died = {
      ...deadLetter,
      offset: 1,
      value: '{"id":2}',
      source: { ...deadLetter.source!, offset: 1 },
      attempts: 2,
    }
    const verdict = verdictOn({ ...changed([35]), handedOff: [deadLetter, died] })
    expect(verdict).toMatchObject({ lost: 0, deadLettered: 2, totalsMatch: true, agrees: false })
    expect(verdict.problems).toContain('row 2 should not have died: MessageInvalid: damage')
  })

  test('a row that dies twice refuses the agreement', () => {
    const verdict = verdictOn({ handedOff: [deadLetter, { ...deadLetter, offset: 1 }] })
    expect(verdict.problems).toEqual(['row 4 died 2 times'])
  })

  test('a row that was handled or filtered although it should have died refuses the agreement', () => {
    const handled = changed(
      [],
      [
        [36, 0, 2, 1, 'started'],
        [37, 0, 2, 1, 'done'],
      ],
    )
    expect(verdictOn(handled).problems).toContain('row 4 was handled although its damage code is not documented')
    const filtered = { ...changed([], [[36, 0, 2, 0, 'filtered']]), handedOff: [] }
    expect(verdictOn(filtered).problems).toContain('row 4 was filtered although it should have died')
  })

  test('reasons are counted, the most frequent first', () => {
    const letters = ['a', 'b', 'b'].map((error, offset) => ({ ...deadLetter, offset, error }))
    expect(verdictOn({ handedOff: letters }).deathReasons).toEqual([
      { reason: 'b', count: 2 },
      { reason: 'a', count: 1 },
    ])
  })
})

describe('hand-offs that cannot be what they say', () => {
  test.for<[string, Partial<HandedOff>, string]>([
    ['without a source', { source: null }, 'does not say where it comes from'],
    ['without attempts', { attempts: null }, 'does not say where it comes from'],
    ['from nowhere', { source: { ...deadLetter.source!, offset: 99 } }, 'says that it comes from strikes at 0:99'],
    ['of another topic', { source: { ...deadLetter.source!, topic: 'other' } }, 'says that it comes from other at 0:2'],
    ['of another group', { source: { ...deadLetter.source!, group: 'other' } }, 'of group other'],
    ['with another value', { value: '{"id":5}' }, 'has another key or value than 0:2'],
    ['with another key', { key: null }, 'has another key or value than 0:2'],
  ])('a record %s refuses the agreement', ([, change, sentence]) => {
    const verdict = verdictOn({ handedOff: [{ ...deadLetter, ...change }] })
    expect(verdict.agrees).toBe(false)
    expect(verdict.problems.join('\n')).toContain(sentence)
  })

  test('a handler that is told of a delay topic instead of the source refuses the agreement', () => {
    const attemptRows = hopScript().map((row) => (row.attempt === 3 ? { ...row, topic: delayTopic } : row))
    expect(verdictOn(withHop({ attemptRows })).problems).toContain(
      `handlers were told of records in ${delayTopic} instead of strikes`,
    )
  })
})

describe('the headers of our topics', () => {
  const headers = {
    'holdfast-attempt': Buffer.from('3'),
    'holdfast-due': Buffer.from('1700000000123'),
    'holdfast-delay': Buffer.from('2000'),
    'holdfast-src-topic': Buffer.from('strikes'),
    'holdfast-src-partition': Buffer.from('0'),
    'holdfast-src-offset': Buffer.from('17'),
    'holdfast-src-group': Buffer.from('totals'),
    'holdfast-error-class': Buffer.from('Refused'),
    'holdfast-error-code': Buffer.from('E503'),
    'holdfast-error-message': Buffer.from('später'),
    mine: Buffer.from('x'),
  }

  test('are read as text', () => {
    expect(readOwnHeaders(headers)).toEqual({
      source: { topic: 'strikes', partition: 0, offset: 17, group: 'totals' },
      attempts: 3,
      dueEpochMs: 1_700_000_000_123,
      delayMs: 2_000,
      error: 'Refused E503: später',
    })
  })

  test('tell nothing if they are missing, no numbers, or there twice', () => {
    const nothing = { source: null, attempts: null, dueEpochMs: null, delayMs: null }
    expect(readOwnHeaders({})).toMatchObject(nothing)
    expect(readOwnHeaders({ 'holdfast-attempt': '-1', 'holdfast-due': '1e3', 'holdfast-delay': '' })).toMatchObject(
      nothing,
    )
    expect(readOwnHeaders({ ...headers, 'holdfast-src-offset': [Buffer.from('1'), Buffer.from('2')] }).source).toBe(
      null,
    )
  })
})
