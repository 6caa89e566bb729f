/** `bench -- map`: how long the completion map is beside the information in it, and how long it takes to write (R10). No broker,
 *  and the sizes are the same on every machine. */
import { SeededRandom } from 'holdfast/testing'
import { decodeCommitMetadata, encodeCommitMetadata } from '../../packages/holdfast/src/engine/commit-metadata.ts'
import { type LedgerWalk, planMap } from '../../packages/holdfast/src/engine/completion-map.ts'
import { type Bench } from './bench.ts'
import { type BenchResult, check, type Row } from './result.ts'
import { median, rounded } from './statistics.ts'
import { entropyBits } from './theory.ts'

const spans = [1_000, 10_000, 100_000, 1_000_000] as const
const shares = [0.0001, 0.001, 0.01, 0.1, 0.5] as const
const topicId = '0a1b2c3d-0000-4000-8000-00000000beef'
const bitsPerByte = 8
/** How far above the information a map may be: by this factor, or by so many bytes, whichever is more. */
const ratioMax = 1.1
const extraBytesMax = 8
const timedSpan = 100_000
const timeTargetMs = 1
const warmUps = 10
/** Encodings that are timed as one, so that the clock is fine enough. */
const timedAtOnce = 5
const line = 1_000_000

type MapRow = Row & {
  readonly fits: boolean
  readonly overBytes: number
  readonly encodeMs: number
  readonly span: number
}

export const map: Bench = {
  name: 'map',
  summary: 'the completion map: size against the information in it, and time',
  usesBroker: false,
  run: ({ rounds }) => Promise.resolve(measureMap(rounds)),
}

export function measureMap(rounds: number): BenchResult {
  const rows = spans.flatMap((span) => shares.map((share) => rowFor(span, share, rounds)))
  const within = rows.filter(({ fits }) => fits)
  const worst = Math.max(...within.map(({ overBytes }) => overBytes))
  const slowest = Math.max(...within.filter(({ span }) => span <= timedSpan).map(({ encodeMs }) => encodeMs))
  return {
    bench: 'map',
    on: 'no broker',
    rounds,
    rows,
    checks: [
      check(`worst map, bytes above max(${ratioMax} × bound, bound + ${extraBytesMax})`, worst, {
        atMost: 0,
        limit: 0,
      }),
      check(`slowest encoding of up to ${timedSpan} offsets that fits, ms`, slowest, { atMost: timeTargetMs }),
    ],
  }
}

/** Records that finished by chance, `share` of them not yet. */
function rowFor(span: number, share: number, rounds: number): MapRow {
  const walk = walkOf(span, share)
  const inside = walk.unfinished.length
  const plan = planMap(walk, Infinity)
  const bytes = (plan?.bits ?? 0) / bitsPerByte
  const bound = (entropyBits(inside / span) * span) / bitsPerByte
  const input = { ...walk, topicId, leaderEpoch: 3, writtenAtMs: 0, parked: [] }
  const text = encodeCommitMetadata(input)
  const found = decodeCommitMetadata(text)
  const covered = found.ok ? (found.finished.highest ?? line) - line + 1 : 0
  return {
    span,
    unfinishedShare: share,
    unfinished: inside,
    boundBytes: rounded(bound),
    mapBytes: rounded(bytes),
    ratio: rounded(bytes / bound, 3),
    overBytes: rounded(bytes - Math.max(ratioMax * bound, bound + extraBytesMax), 3),
    characters: text.length,
    fits: covered === span,
    coveredShare: rounded(covered / span, 3),
    encodeMs: rounded(median(Array.from({ length: rounds }, () => encodeTime(input))), 3),
  }
}

function encodeTime(input: Parameters<typeof encodeCommitMetadata>[0]): number {
  for (let each = 0; each < warmUps; each++) encodeCommitMetadata(input)
  const startedAtMs = performance.now()
  for (let each = 0; each < timedAtOnce; each++) encodeCommitMetadata(input)
  return (performance.now() - startedAtMs) / timedAtOnce
}

/** The line is unfinished, the last offset is finished, whatever chance says. */
function walkOf(span: number, share: number): LedgerWalk {
  const chance = new SeededRandom(span)
  const unfinished = [line]
  for (let offset = line + 1; offset < line + span - 1; offset++) if (chance.chance(share)) unfinished.push(offset)
  return { committedOffset: line, unfinished, highestFinished: line + span - 1 }
}
