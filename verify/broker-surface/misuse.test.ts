/** Whatever is passed in wrongly is told at the call: a code, what was expected, what came, and what to do. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { BrokerError, type BrokerErrorCode, EmbeddedKafka } from '../../packages/broker/src/index.ts'

let kafka: EmbeddedKafka

beforeAll(async () => {
  kafka = await EmbeddedKafka.start({ topics: { orders: 2 } })
})

afterAll(() => kafka.stop({ unusedFaults: 'allow' }))

/** As JavaScript would call it: the compiler refuses most of these. */
const wrong = (value: unknown): never => value as never

type Row = readonly [
  what: string,
  call: (broker: EmbeddedKafka) => unknown,
  code: BrokerErrorCode,
  /** What the message says was expected, or came. */
  said: string,
]

const rows: readonly Row[] = [
  [
    'fail: no such API',
    (k) => k.fail(wrong('OffsetComit'), { code: 27 }),
    'UNKNOWN_API',
    `Did you mean 'OffsetCommit'?`,
  ],
  ['fail: an API that is no string', (k) => k.fail(wrong(8), { code: 27 }), 'UNKNOWN_API', 'got 8'],
  ['fail: no such error', (k) => k.fail('Fetch', { code: wrong('NOT_LEADR') }), 'UNKNOWN_ERROR_NAME', 'NOT_LEADER'],
  ['fail: an error number that is none', (k) => k.fail('Fetch', { code: 4711 }), 'UNKNOWN_ERROR_NAME', 'got 4711'],
  ['fail: the code of success', (k) => k.fail('Fetch', { code: 0 }), 'UNKNOWN_ERROR_NAME', 'got 0'],
  ['fail: neither code nor drop', (k) => k.fail('Fetch', wrong({})), 'INVALID_ARGUMENT', 'either a code or a drop'],
  ['fail: code and drop', (k) => k.fail('Fetch', wrong({ code: 6, drop: 'never' })), 'INVALID_ARGUMENT', 'either'],
  ['fail: no options', (k) => k.fail('Fetch', wrong(undefined)), 'INVALID_ARGUMENT', 'got undefined'],
  ['fail: a drop that is none', (k) => k.fail('Fetch', { drop: wrong('after') }), 'INVALID_ARGUMENT', `'afterApply'`],
  ['fail: an option that is none', (k) => k.fail('Fetch', wrong({ code: 6, time: 2 })), 'INVALID_ARGUMENT', `'times'`],
  ['fail: no times', (k) => k.fail('Fetch', { code: 6, times: 0 }), 'INVALID_ARGUMENT', 'times'],
  ['fail: where is no function', (k) => k.fail('Fetch', { code: 6, where: wrong('x') }), 'INVALID_ARGUMENT', 'where'],
  ['fail: no such node', (k) => k.fail('Fetch', { code: 6, node: 9 }), 'UNKNOWN_NODE', 'There are 1'],
  ['fail: an empty client', (k) => k.fail('Fetch', { code: 6, clientId: '' }), 'INVALID_ARGUMENT', 'client'],
  ['fail: an empty group', (k) => k.fail('Fetch', { code: 6, group: '' }), 'INVALID_ARGUMENT', 'group'],
  ['delay: no such API', (k) => k.delay(wrong('fetch'), 1), 'UNKNOWN_API', `'Fetch'`],
  ['delay: a negative time', (k) => k.delay('Fetch', -1), 'INVALID_ARGUMENT', 'got -1'],
  ['delay: no time', (k) => k.delay('Fetch', wrong('1s')), 'INVALID_ARGUMENT', `'1s'`],
  ['delay: an option that is none', (k) => k.delay('Fetch', 1, wrong({ ms: 1 })), 'INVALID_ARGUMENT', `'ms'`],
  ['hold: no such API', (k) => k.hold(wrong('Commit')), 'UNKNOWN_API', 'Commit'],
  ['hold: a timeout that is none', (k) => k.hold('Fetch', { timeoutMs: NaN }), 'INVALID_ARGUMENT', 'timeoutMs'],
  ['intercept: no such API', (k) => k.intercept(wrong('x'), () => undefined), 'UNKNOWN_API', `'x'`],
  ['intercept: no function', (k) => k.intercept('Fetch', wrong({})), 'INVALID_ARGUMENT', 'function'],
  ['throttle: no name', (k) => k.throttle('', 1), 'INVALID_ARGUMENT', 'name'],
  ['throttle: no time', (k) => k.throttle('app', 0), 'INVALID_ARGUMENT', 'throttle time'],
  ['fetchLimit: no bytes', (k) => k.fetchLimit({ bytes: 0 }), 'INVALID_ARGUMENT', 'bytes'],
  ['fetchLimit: no options', (k) => k.fetchLimit(wrong(1024)), 'INVALID_ARGUMENT', 'got 1024'],
  ['chaos: a rate above 1', (k) => k.chaos({ rate: 5 }), 'INVALID_ARGUMENT', 'rate'],
  ['chaos: a seed that is none', (k) => k.chaos({ seed: -1 }), 'INVALID_ARGUMENT', 'seed'],
  ['chaos: no such kind', (k) => k.chaos({ kinds: [wrong('drop')] }), 'INVALID_ARGUMENT', 'dropBeforeApply'],
  ['chaos: no kinds', (k) => k.chaos({ kinds: [] }), 'INVALID_ARGUMENT', 'at least one'],
  ['chaos: no such API', (k) => k.chaos({ apis: [wrong('x')] }), 'UNKNOWN_API', `'x'`],
  ['chaos: an option that is none', (k) => k.chaos(wrong({ sed: 1 })), 'INVALID_ARGUMENT', `'seed'`],
  ['waitForAssignment: no group', (k) => k.waitForAssignment(''), 'INVALID_ARGUMENT', 'group'],
  ['waitForAssignment: no members', (k) => k.waitForAssignment('g', { members: 0 }), 'INVALID_ARGUMENT', 'members'],
  ['waitForAssignment: no time', (k) => k.waitForAssignment('g', { timeoutMs: -5 }), 'INVALID_ARGUMENT', 'timeoutMs'],
  ['waitForCommit: no such topic', (k) => k.waitForCommit('g', 'order', { 0: 1 }), 'UNKNOWN_TOPIC', 'There are orders'],
  ['waitForCommit: no such partition', (k) => k.waitForCommit('g', 'orders', { 2: 1 }), 'UNKNOWN_PARTITION', '0 to 1'],
  ['waitForCommit: no offsets', (k) => k.waitForCommit('g', 'orders', {}), 'INVALID_ARGUMENT', '{ 0: 42 }'],
  [
    'waitForCommit: an offset that is none',
    (k) => k.waitForCommit('g', 'orders', { 0: -1 }),
    'INVALID_ARGUMENT',
    'offset',
  ],
  ['waitForLag: no group', (k) => k.waitForLag(wrong(undefined), 0), 'INVALID_ARGUMENT', 'group'],
  ['waitForLag: no lag', (k) => k.waitForLag('g', -1), 'INVALID_ARGUMENT', 'lag'],
  ['waitForRecords: no such topic', (k) => k.waitForRecords('order', 1), 'UNKNOWN_TOPIC', `'order'`],
  ['waitForRecords: no count', (k) => k.waitForRecords('orders', 0), 'INVALID_ARGUMENT', 'count'],
  ['waitUntil: no function', (k) => k.waitUntil('x', wrong(true)), 'INVALID_ARGUMENT', 'function'],
  ['moveLeader: no such partition', (k) => k.moveLeader('orders', 7, 1), 'UNKNOWN_PARTITION', 'got 7'],
  ['moveLeader: no such node', (k) => k.moveLeader('orders', 0, 2), 'UNKNOWN_NODE', 'got 2'],
  ['moveCoordinator: no group', (k) => k.moveCoordinator('', 1), 'INVALID_ARGUMENT', 'group'],
  ['moveCoordinator: no such node', (k) => k.moveCoordinator('g', 2), 'UNKNOWN_NODE', 'got 2'],
  ['node: no such node', (k) => k.node(0), 'UNKNOWN_NODE', 'got 0'],
  [
    'cutConnections: an option that is none',
    (k) => k.cutConnections(wrong({ client: 'a' })),
    'INVALID_ARGUMENT',
    'clientId',
  ],
  ['cutConnections: no such node', (k) => k.cutConnections({ node: 2 }), 'UNKNOWN_NODE', 'got 2'],
  ['expireMember: no such group', (k) => k.expireMember('nobody', 'm'), 'UNKNOWN_GROUP', 'waitForAssignment'],
  ['triggerRebalance: no such group', (k) => k.triggerRebalance('nobody'), 'UNKNOWN_GROUP', `'nobody'`],
  ['deleteRecordsBefore: no such topic', (k) => k.deleteRecordsBefore('x', 0, 1), 'UNKNOWN_TOPIC', `'x'`],
  ['compact: no such topic', (k) => k.compact('x'), 'UNKNOWN_TOPIC', `'x'`],
  ['compact: a topic that keeps everything', (k) => k.compact('orders'), 'INVALID_ARGUMENT', 'cleanup.policy'],
  ['deleteRecordsBefore: no offset', (k) => k.deleteRecordsBefore('orders', 0, -1), 'INVALID_ARGUMENT', 'offset'],
  ['append: no such partition', (k) => k.append('orders', 2, []), 'UNKNOWN_PARTITION', 'got 2'],
  ['createTopic: it exists', (k) => k.createTopic('orders'), 'INVALID_ARGUMENT', 'already exists'],
  ['createTopic: no name', (k) => k.createTopic('a b'), 'INVALID_ARGUMENT', 'cannot be created'],
  ['records: no such topic', (k) => k.records('x'), 'UNKNOWN_TOPIC', `'x'`],
  ['records: no such partition', (k) => k.records('orders', -1), 'UNKNOWN_PARTITION', 'got -1'],
  ['committed: no such topic', (k) => k.committed('g', 'x'), 'UNKNOWN_TOPIC', `'x'`],
  ['committed: no group', (k) => k.committed(''), 'INVALID_ARGUMENT', 'group'],
  ['group: no group', (k) => k.group(''), 'INVALID_ARGUMENT', 'group'],
  ['history: no such API', (k) => k.history.filter({ api: wrong('x') }), 'UNKNOWN_API', `'x'`],
  ['history: an option that is none', (k) => k.history.filter(wrong({ key: 8 })), 'INVALID_ARGUMENT', `'key'`],
  ['history: no lines', (k) => k.history.text(0), 'INVALID_ARGUMENT', 'entriesMax'],
  ['clock: the machine’s', (k) => k.clock.advance(1), 'CLOCK_NOT_MANUAL', `clock: 'manual'`],
  ['stop: a word that is none', (k) => k.stop({ unusedFaults: wrong('ignore') }), 'INVALID_ARGUMENT', `'allow'`],
  ['start: no brokers', () => EmbeddedKafka.start({ brokers: 0 }), 'INVALID_ARGUMENT', 'brokers'],
  ['start: too many brokers', () => EmbeddedKafka.start({ brokers: 101 }), 'INVALID_ARGUMENT', '1 to 100'],
  ['start: too few ports', () => EmbeddedKafka.start({ brokers: 2, ports: [0] }), 'INVALID_ARGUMENT', '2 ports'],
  ['start: a port that is none', () => EmbeddedKafka.start({ ports: [70_000] }), 'INVALID_ARGUMENT', 'port'],
  ['start: no such profile', () => EmbeddedKafka.start({ profile: wrong('slow') }), 'INVALID_ARGUMENT', `'realistic'`],
  ['start: no such clock', () => EmbeddedKafka.start({ clock: wrong('virtual') }), 'INVALID_ARGUMENT', `'manual'`],
  ['start: an option that is none', () => EmbeddedKafka.start(wrong({ topic: {} })), 'INVALID_ARGUMENT', `'topics'`],
  [
    'start: a topic that is full at once',
    () => EmbeddedKafka.start({ topicBytesMax: 0 }),
    'INVALID_ARGUMENT',
    'topicBytesMax',
  ],
  ['start: a frame of nothing', () => EmbeddedKafka.start({ frameBytesMax: 0 }), 'INVALID_ARGUMENT', 'frameBytesMax'],
  ['start: warn is no function', () => EmbeddedKafka.start({ warn: wrong('console') }), 'INVALID_ARGUMENT', 'warn'],
]

test.each(rows)('%s', async (_what, call, code, said) => {
  const failure: unknown = await Promise.resolve()
    .then(() => call(kafka))
    .then(
      () => undefined,
      (error: unknown) => error,
    )
  expect(failure).toBeInstanceOf(BrokerError)
  expect(failure).toMatchObject({ code, message: expect.stringContaining(said), remedy: expect.stringMatching(/\S/) })
  expect((failure as BrokerError).message).toMatch(new RegExp(`^${code}: `))
})

describe('a member that is none, and a group without members', () => {
  test('are told with those that there are', async () => {
    const connection = kafka.core.connect(1, 'c')
    const join = { groupId: 'g', sessionTimeoutMs: 10_000, protocolType: 'consumer', protocols: [{ name: 'range' }] }
    const { memberId } = await kafka.core.handle(1, 'JoinGroup', 3, join, connection)
    expect(() => kafka.expireMember('g', 'x')).toThrow(memberId)
    kafka.expireMember('g', memberId)
    expect(() => kafka.triggerRebalance('g')).toThrow('UNKNOWN_MEMBER')
  })
})

test('every public method has a row', () => {
  const methods = Object.getOwnPropertyNames(EmbeddedKafka.prototype).filter((name) => name !== 'constructor')
  const withoutArguments = ['dump', 'applyRetention']
  const covered = new Set(rows.map(([what]) => what.split(':')[0]))
  expect(methods.filter((name) => !covered.has(name) && !withoutArguments.includes(name))).toEqual([])
})
