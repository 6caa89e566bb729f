/** `bench -- slow`: one message in a hundred takes 2 s, the others 10 ms. How long the others wait for their start in key order,
 *  in partition order and in theory, at three loads of what one worker per partition could do. */
import { type Bench } from './bench.ts'
import { interleaved, measure, type Subject } from './children.ts'
import { check } from './result.ts'
import { type SlowFigures } from './slow-work.ts'
import { medians } from './statistics.ts'

const loads = [0.3, 0.6, 0.85] as const
const orders = ['partition', 'key', 'none'] as const
const recordsDefault = 50_000
/** In key order: a quick message starts at once unless its own key is busy. */
const p99TargetMs = 1

type Labels = { readonly load: number; readonly order: string; readonly records: number }
type Case = Subject<SlowFigures> & { readonly labels: Labels }

export const slow: Bench = {
  name: 'slow',
  summary: 'one slow message in a hundred: the wait of the others against theory, on virtual time',
  usesBroker: false,
  run: async ({ rounds, records }) => {
    const count = Math.min(records ?? recordsDefault, recordsDefault)
    const cases = loads.flatMap((load) =>
      orders.map((order): Case => {
        const given = { records: count, load, order }
        const run = (round: number): Promise<SlowFigures> => measure('slow', { ...given, seed: round + 1 })
        return { name: `load ${load}, ${order}`, labels: { load, order, records: count }, measure: run }
      }),
    )
    const found = await interleaved(cases, rounds, 'slow')
    const rows = cases.map(({ labels }, index) => {
      const { meanTheoryMs, ...figures } = medians(found[index] ?? [])
      return { ...labels, ...figures, meanTheoryMs: labels.order === 'partition' ? meanTheoryMs : null }
    })
    const checks = rows
      .filter(({ order }) => order === 'key')
      .map((row) => {
        const over = row.p99Ms - row.theoryP99Ms
        return check(`p99 wait in key order above theory at load ${row.load}, ms`, over, { atMost: p99TargetMs })
      })
    return { bench: 'slow', on: 'virtual time, in process', rounds, rows, checks }
  },
}
