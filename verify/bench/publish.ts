/** Writes saved results into docs/benchmarks.md: between the markers of a benchmark stand its command, its machine, its tables
 *  and its checks, and nothing that somebody typed. */
import { readFile, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runProcess } from '../processes.ts'
import { type BenchResult, describeCheck, type Machine, type Row, shown } from './result.ts'

export type SavedResult = BenchResult & { readonly command: string; readonly machine: Machine }

const root = join(import.meta.dirname, '../..')
const document = join(root, 'docs/benchmarks.md')
export const resultsFolder: string = join(import.meta.dirname, 'results')

export async function publish(): Promise<void> {
  const files = (await readdir(resultsFolder)).filter((file) => file.endsWith('.json')).toSorted()
  let text = await readFile(document, 'utf8')
  for (const file of files) {
    const result = JSON.parse(await readFile(join(resultsFolder, file), 'utf8')) as SavedResult
    text = withResult(text, file.replace('.json', ''), result)
  }
  await writeFile(document, text)
  const formatter = join(root, 'node_modules/oxfmt/bin/oxfmt')
  const { code, output } = await runProcess({ name: 'oxfmt', args: [formatter, document], cwd: root })
  if (code !== 0) throw new Error(`formatting the document ended with ${code}\n${output.join('\n')}`)
}

/** The text with this result between its markers. Throws if the markers are not there: a figure without prose says nothing. */
export function withResult(text: string, name: string, result: SavedResult): string {
  const begin = `<!-- figures: ${name} -->`
  const end = `<!-- end of ${name} -->`
  const from = text.indexOf(begin)
  const to = text.indexOf(end)
  if (from < 0 || to < from) throw new Error(`expected the markers '${begin}' and '${end}' in the document`)
  return `${text.slice(0, from + begin.length)}\n\n${described(result)}\n\n${text.slice(to)}`
}

function described({ command, machine, on, rounds, rows, more = {}, checks }: SavedResult): string {
  const { cpu, cores, node, load } = machine
  const where = `\`${command}\`: ${on}, medians of ${rounds} rounds; ${cores} cores (${cpu}), Node ${node}, load ${load} before.`
  const tables = [rows, ...Object.values(more)].filter((each) => each.length > 0).map(markdown)
  const list = checks.map((each) => `- ${describeCheck(each)}`).join('\n')
  return [where, ...tables, list].filter((part) => part !== '').join('\n\n')
}

function markdown(rows: readonly Row[]): string {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))]
  const isNumeric = (name: string): boolean => rows.every((row) => typeof (row[name] ?? 0) === 'number')
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [
    line(names),
    line(names.map((name) => (isNumeric(name) ? '---:' : '---'))),
    ...rows.map((row) => line(names.map((name) => shown(row[name])))),
  ].join('\n')
}
