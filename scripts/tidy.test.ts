/** Each rule is seen to fail: a row plants one violation in an otherwise clean tree and names the message it must cause. */
import { expect, test } from 'vitest'
import { inspect, rules } from './tidy/rules.ts'
import { type PlantedDefect, type Source, type Tree } from './tidy/source.ts'

const src = 'packages/holdfast/src'

/** A small repository that no rule objects to. */
const clean: Readonly<Record<string, string>> = {
  [`${src}/model/offset.ts`]: 'export type Offset = number\n',
  [`${src}/engine/ledger.ts`]: "import { type Offset } from '../model/offset.ts'\nexport const first: Offset = 0\n",
  [`${src}/engine/ledger.test.ts`]: "import { test } from 'vitest'\ntest('a law', () => {})\n",
  [`${src}/observe/events.ts`]: 'export const events = []\n',
  [`${src}/kafka/port.ts`]: 'export type Port = { close(): void }\n',
  [`${src}/kafka/platformatic/calls.ts`]:
    "import { fetchV17 } from '@platformatic/kafka'\nexport const call = fetchV17\n",
  [`${src}/runtime/clock.ts`]: 'export const now = (): number => performance.now()\n',
  [`${src}/runtime/loop.ts`]: [
    "import { first } from '../engine/ledger.ts'",
    "export const open = async () => (await import('../kafka/open.ts')).open(first)",
    '',
  ].join('\n'),
  [`${src}/kafka/open.ts`]:
    "import { type Port } from './port.ts'\nexport const open = (_: number): Port | undefined => undefined\n",
  [`${src}/api/app.ts`]: "import { open } from '../runtime/loop.ts'\nexport const start = () => open()\n",
  [`${src}/index.ts`]: "export { start } from './api/app.ts'\n",
  [`${src}/testing/index.ts`]: "import { start } from '../index.ts'\nexport const kit = start\n",
  'packages/broker/src/log.ts': "import { Buffer } from 'node:buffer'\nexport const empty = Buffer.alloc(0)\n",
  'verify/judge/count.ts': "import { Kafka } from 'kafkajs'\nexport const client = Kafka\n",
  'examples/first.ts': "import { start } from 'holdfast'\nvoid start()\n",
  'ARCHITECTURE.md': ['packages/holdfast/src/', 'packages/broker/src/', 'verify/judge/', 'examples/']
    .concat(
      ['model', 'engine', 'observe', 'kafka', 'kafka/platformatic', 'runtime', 'api', 'testing'].map(
        (name) => `${src}/${name}/`,
      ),
    )
    .map((folder) => `- \`${folder}\`: what it holds\n`)
    .join(''),
  'README.md':
    "See [the map](ARCHITECTURE.md).\n\n```ts file=examples/first.ts\nimport { start } from 'holdfast'\nvoid start()\n```\n",
  'package-lock.json': JSON.stringify({
    packages: {
      'node_modules/tool': { optionalDependencies: { '@tool/linux': '1.0.0' } },
      'node_modules/@tool/linux': { resolved: 'https://registry.npmjs.org/@tool/linux/-/linux-1.0.0.tgz' },
    },
  }),
}

const sound: PlantedDefect = {
  id: 'late',
  file: `${src}/engine/ledger.ts`,
  find: 'first: Offset = 0',
  replace: 'first: Offset = 1',
  law: 'reading starts at the first offset',
}

function treeOf(changes: Readonly<Record<string, string>> = {}, rows: readonly PlantedDefect[] = [sound]): Tree {
  const sources: Source[] = Object.entries({ ...clean, ...changes }).map(([path, text]) => ({ path, text }))
  return { sources, planted: [{ path: 'verify/planted/defects.ts', rows }], privateHosts: ['packages.build.example'] }
}

function messages(tree: Tree): string[] {
  return inspect(tree).map(
    ({ rule, severity, path, line, message }) => `${severity} ${rule} ${path}:${line} ${message}`,
  )
}

type Violation = {
  readonly rule: string
  readonly law: string
  readonly plant: Readonly<Record<string, string>>
  readonly expected: RegExp
}

const lines = (count: number): string => 'export const open = 1\n' + '// filler\n'.repeat(count)
const longFunction = (count: number): string => `export function open(): void {\n${'  void 0\n'.repeat(count)}}\n`
const home = ['', 'home', 'someone', 'kafka'].join('/')
const privateUrl = ['http:', '', '10.1.2.3:4873', 'left-pad'].join('/')
const unfinished = ['TO', 'DO'].join('')

/** Each of these in one engine file is impure. */
const impure: readonly (readonly [source: string, named: string])[] = [
  ['export async function tick(): Foreign {}', 'async function'],
  ['export const tick = async () => {}', 'async function'],
  ['export const tick = (value: Promise<void>) => value', 'Promise'],
  ['export const tick = () => Date.now()', 'Date'],
  ['export const tick = () => Math.random()', 'Math.random'],
  ['export const tick = () => setTimeout(tick, 1)', 'setTimeout'],
  ['export const tick = () => queueMicrotask(tick)', 'queueMicrotask'],
  ['export const tick = () => performance.now()', 'performance'],
  ['export const tick = () => process.hrtime()', 'process'],
  ['export const tick = () => ({ fetch })', 'fetch'],
  ["export const tick = () => import('../model/offset.ts')", 'dynamic import'],
]

const forbiddenImports: readonly (readonly [path: string, source: string, expected: RegExp])[] = [
  [`${src}/model/a.ts`, "import { first } from '../engine/ledger.ts'", /model may not import engine/],
  [`${src}/engine/a.ts`, "import { open } from '../runtime/loop.ts'", /engine may not import runtime/],
  [`${src}/engine/a.ts`, "import { events } from '../observe/events.ts'", /types only from observe/],
  [`${src}/engine/a.ts`, "import { readFileSync } from 'node:fs'", /engine may not import node:fs/],
  [`${src}/engine/a.ts`, "import { z } from 'zod'", /engine may not import zod/],
  [`${src}/kafka/a.ts`, "import { first } from '../engine/ledger.ts'", /kafka may not import engine/],
  [`${src}/runtime/a.ts`, "import { start } from '../api/app.ts'", /runtime may not import api/],
  [`${src}/runtime/a.ts`, "import { Base } from '@platformatic/kafka'", /the Kafka client stays behind the port/],
  [`${src}/kafka/a.ts`, "import { call } from './platformatic/calls.ts'", /may load client by `import\(\)` only/],
  [`${src}/kafka/a.ts`, "import { Base } from '@platformatic/kafka'", /the Kafka client stays behind the port/],
  [`${src}/runtime/a.ts`, "import { Broker } from '@holdfast/broker'", /runtime may not import @holdfast\/broker/],
  [`${src}/testing/a.ts`, "import { now } from '../runtime/clock.ts'", /types only from clock/],
  [`${src}/testing/a.ts`, "import { first } from '../engine/ledger.ts'", /testing may not import engine/],
  [`${src}/integrations/a.ts`, "import { start } from '../api/app.ts'", /integrations may not import api/],
  [`${src}/elsewhere/a.ts`, 'export const a = 1', /outside every layer/],
  ['packages/broker/src/a.ts', "import { start } from 'holdfast'", /broker may not import holdfast/],
  ['packages/broker/src/a.ts', "import { Kafka } from 'kafkajs'", /broker may not import kafkajs/],
  ['verify/judge/a.ts', "import { start } from 'holdfast'", /judge may not import holdfast/],
  ['verify/judge/a.ts', `import { start } from '../../${src}/index.ts'`, /judge may not import index/],
  ['examples/a.ts', `import { start } from '../${src}/api/app.ts'`, /examples may not import api/],
]

const violations: readonly Violation[] = [
  ...forbiddenImports.map(([path, source, expected]) => ({
    rule: 'import-table',
    law: `an import outside the table: ${path} ${source}`,
    plant: { [path]: `${source}\n` },
    expected,
  })),
  {
    rule: 'lazy-client',
    law: 'the entry loads the Kafka client',
    plant: {
      [`${src}/kafka/open.ts`]: "import { call } from './platformatic/calls.ts'\nexport const open = () => call\n",
      [`${src}/runtime/loop.ts`]: "import { open as link } from '../kafka/open.ts'\nexport const open = () => link()\n",
    },
    expected: /index\.ts → .*app\.ts → .*loop\.ts → .*open\.ts → .*calls\.ts; make one step a dynamic import/,
  },
  {
    rule: 'lazy-client',
    law: 'the testing entry loads the broker',
    plant: {
      [`${src}/testing/index.ts`]: "export { run } from './run.ts'\n",
      [`${src}/testing/run.ts`]: "import { BrokerCore } from '@holdfast/broker'\nexport const run = () => BrokerCore\n",
    },
    expected: /would load @holdfast\/broker through .*index\.ts → .*run\.ts; make one step a dynamic import/,
  },
  ...impure.map(([source, named]) => ({
    rule: 'pure-engine',
    law: `the engine is impure: ${source}`,
    plant: { [`${src}/engine/tick.ts`]: `${source}\n` },
    expected: new RegExp(`no ${named}`),
  })),
  {
    rule: 'clock-bypass',
    law: 'a timer by way of globalThis',
    plant: { [`${src}/runtime/tick.ts`]: 'export const tick = () => globalThis.setTimeout(tick, 1)\n' },
    expected: /globalThis is a way around/,
  },
  {
    rule: 'clock-bypass',
    law: 'a clock of the process',
    plant: { [`${src}/runtime/tick.ts`]: 'export const tick = () => process.hrtime()\n' },
    expected: /process\.hrtime bypasses/,
  },
  {
    rule: 'clock-bypass',
    law: 'timers by import',
    plant: {
      [`${src}/runtime/tick.ts`]: "import { setTimeout } from 'node:timers/promises'\nexport const tick = setTimeout\n",
    },
    expected: /node:timers\/promises bypasses/,
  },
  {
    rule: 'top-level-await',
    law: 'a module that waits while it loads',
    plant: { [`${src}/api/late.ts`]: 'export const late = await start()\n' },
    expected: /breaks require/,
  },
  {
    rule: 'size',
    law: 'a file beyond the limit',
    plant: { [`${src}/api/a.ts`]: lines(600) },
    expected: /file of 601 lines/,
  },
  {
    rule: 'size',
    law: 'a function beyond the limit',
    plant: { [`${src}/api/a.ts`]: longFunction(119) },
    expected: /function of 121 lines/,
  },
  {
    rule: 'forms',
    law: 'export *',
    plant: { [`${src}/index.ts`]: "export * from './api/app.ts'\n" },
    expected: /list the names/,
  },
  {
    rule: 'forms',
    law: 'a default export',
    plant: { [`${src}/api/a.ts`]: 'export default 1\n' },
    expected: /default export/,
  },
  { rule: 'forms', law: 'an enum', plant: { [`${src}/api/a.ts`]: 'export enum A { B }\n' }, expected: /enum/ },
  {
    rule: 'forms',
    law: 'a namespace',
    plant: { [`${src}/api/a.ts`]: 'export namespace A { }\n' },
    expected: /namespace/,
  },
  {
    rule: 'names',
    law: 'a class called a manager',
    plant: { [`${src}/api/a.ts`]: 'export class OffsetManager {}\n' },
    expected: /OffsetManager: "manager"/,
  },
  {
    rule: 'names',
    law: 'a function that processes',
    plant: { [`${src}/api/a.ts`]: 'export function processRecord(): void {}\n' },
    expected: /processRecord: "process"/,
  },
  { rule: 'names', law: 'a file of utils', plant: { [`${src}/api/utils.ts`]: '\n' }, expected: /file name: "util"/ },
  {
    rule: 'todo',
    law: 'a promise without an issue',
    plant: { [`${src}/api/a.ts`]: `/** Fine.\n *  ${unfinished}: later */\nexport const a = 1\n` },
    expected: /a\.ts:2 .* without an issue/,
  },
  {
    rule: 'machine',
    law: 'a path of one machine',
    plant: { 'docs.md': `Run ${home}\n` },
    expected: /exists on one machine only/,
  },
  {
    rule: 'machine',
    law: 'an address of one network',
    plant: { 'docs.md': `${privateUrl}\n` },
    expected: /one network only/,
  },
  {
    rule: 'machine',
    law: 'the registry of this machine',
    plant: { '.npmrc': 'registry=https://packages.build.example/npm\n' },
    expected: /names the registry/,
  },
  {
    rule: 'tests-wait-on-events',
    law: 'a test that sleeps',
    plant: { 'verify/a.test.ts': 'await new Promise((wake) => setTimeout(wake, 10))\n' },
    expected: /not on setTimeout/,
  },
  {
    rule: 'tests-wait-on-events',
    law: 'a test that sleeps by promise',
    plant: { 'verify/a.test.ts': "import { setTimeout as pause } from 'node:timers/promises'\nawait pause(1)\n" },
    expected: /not on timers\/promises/,
  },
  {
    rule: 'tests-wait-on-events',
    law: 'a test that hides the others',
    plant: { 'verify/a.test.ts': "test.only('one', () => {})\n" },
    expected: /test\.only hides tests/,
  },
  {
    rule: 'fences',
    law: 'code in a document that is not the file',
    plant: { 'examples/first.ts': "import { start } from 'holdfast'\nawait start()\n" },
    expected: /README\.md:3 differs from examples\/first\.ts at its line 2: expected "await start\(\)"/,
  },
  {
    rule: 'links',
    law: 'a link to nowhere',
    plant: { 'docs/a.md': '[here](../gone.md)\n' },
    expected: /links to gone\.md/,
  },
  {
    rule: 'file-map',
    law: 'a folder without a row',
    plant: { 'verify/chaos/kill.ts': 'export const kill = 1\n' },
    expected: /no row for verify\/chaos\//,
  },
  {
    rule: 'file-map',
    law: 'a row without a folder',
    plant: { 'ARCHITECTURE.md': `${clean['ARCHITECTURE.md'] ?? ''}- \`gone/\`: nothing\n` },
    expected: /lists gone\//,
  },
  {
    rule: 'lock',
    law: 'a package from a private registry',
    plant: {
      'package-lock.json': JSON.stringify({ packages: { 'node_modules/a': { resolved: 'http://mirror:81/a.tgz' } } }),
    },
    expected: /outside the public registry; delete its "resolved" line/,
  },
  {
    rule: 'lock',
    law: 'an optional package that is not locked',
    plant: {
      'package-lock.json': JSON.stringify({
        packages: { 'node_modules/a': { optionalDependencies: { '@a/win': '1' } } },
      }),
    },
    expected: /node_modules\/a wants @a\/win, which is not locked/,
  },
  {
    rule: 'planted',
    law: 'a defect whose place is gone',
    plant: { [`${src}/engine/ledger.ts`]: 'export const first = 0\n' },
    expected: /find of late occurs 0 times/,
  },
]

test('a clean tree has no findings', () => {
  expect(messages(treeOf())).toEqual([])
})

test.each(violations)('$rule reports $law', ({ rule, plant, expected }) => {
  const found = messages(treeOf(plant)).filter((message) => message.startsWith(`error ${rule} `))
  expect(found).toHaveLength(1)
  expect(found[0]).toMatch(expected)
})

test('every rule has been seen to fail', () => {
  expect([...new Set(violations.map(({ rule }) => rule))].toSorted()).toEqual(rules.map(({ id }) => id).toSorted())
})

test('a long file or function is a warning before it is an error', () => {
  const found = messages(treeOf({ [`${src}/api/a.ts`]: lines(400), [`${src}/api/b.ts`]: longFunction(69) }))
  expect(found).toEqual([
    expect.stringContaining('warning size packages/holdfast/src/api/a.ts:1 file of 401 lines'),
    expect.stringContaining('warning size packages/holdfast/src/api/b.ts:1 function of 71 lines'),
  ])
})

test('a planted defect has an id of its own, a law, one place and a change', () => {
  const rows = [sound, { ...sound, law: ' ', replace: sound.find }, { ...sound, id: 'lost', file: 'gone.ts' }]
  expect(messages(treeOf({}, rows)).map((message) => message.replace(/^.*:1 /, ''))).toEqual([
    'late is the id of two defects',
    'late names no law that it breaks',
    'late replaces its find by itself',
    'lost is for gone.ts, which does not exist',
  ])
})

test('names of properties, types of tests and addresses of examples are not mistaken for violations', () => {
  const innocent = {
    [`${src}/engine/a.ts`]:
      'export type A = { process: number; Date: string; fetch(): void }\nexport const a = (at: A) => [at.process, { fetch: at.Date }]\n',
    [`${src}/api/a.ts`]:
      '// See https://github.com/example/home/blob/main and #12.\nexport class InProcessPort {}\nexport const metadata = 1\n',
    [`${src}/model/offset.test.ts`]:
      "import { call } from '../kafka/platformatic/calls.ts'\nimport 'fast-check'\nvoid call\n",
    'verify/judge/b.test.ts': "test.skipIf(process.env['KAFKA_BROKERS'] === undefined)('a law', () => {})\n",
  }
  expect(messages(treeOf(innocent))).toEqual([])
})
