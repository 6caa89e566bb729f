/** The figures of a run, for people. */

import { type Figures } from './figures.ts'

/** With `pairs` also in how many histories each pair of faults happened. */
export function toldFigures(figures: Figures, { pairs: withPairs = false }: { readonly pairs?: boolean } = {}): string {
  const { runs, failures, faults, pairs, pairsMissing, histories, sizes, historiesPerSecond } = figures
  const counts = Object.values(pairs)
  const share = (count: number): string => `${Math.round((100 * count) / Math.max(1, runs))} %`
  const shares = (each: Readonly<Record<string, number>>): string =>
    Object.entries(each)
      .map(([name, count]) => `${name} ${share(count)}`)
      .join(', ')
  const table = (each: Readonly<Record<string, number>>): string =>
    Object.entries(each)
      .map(([name, count]) => `${name} ${count}`)
      .join(', ')
  return [
    `${runs} histories, ${historiesPerSecond} per second, ${sizes.allRecords} records, ${sizes.virtualSeconds} virtual seconds`,
    `sizes: median ${sizes.medianRecords} records, ${share(sizes.atLeast1000)} with 1,000 or more, ` +
      `${share(sizes.atLeast3Members)} with 3 members or more at once`,
    `kinds: ${shares({ ...sizes.orders, ...sizes.whileRetrying, ...sizes.protocols })}`,
    `what happened, in how many histories: ${table(histories)}`,
    `faults, in how many histories: ${table(faults)}`,
    `pairs of faults: ${counts.length - pairsMissing.length} of ${counts.length} met, the rarest in ` +
      `${counts.length === 0 ? 0 : Math.min(...counts)} histories; never met: ${shortList(pairsMissing)}`,
    ...(withPairs ? [`each pair, in how many histories: ${table(pairs)}`] : []),
    failures.length === 0
      ? 'no law was broken'
      : `broken: ${failures.map(({ seed, law }) => `${law} by seed ${seed}`).join(', ')}`,
    `trace hash ${figures.traceHash}`,
  ].join('\n')
}

const listedMax = 20

function shortList(names: readonly string[]): string {
  if (names.length > listedMax) return `${names.length}`
  return names.join(', ') || 'none'
}
