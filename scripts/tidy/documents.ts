/** Keeps prose true: code in a document that claims to be a file is that file, and the map names every folder. */
import { posix } from 'node:path'
import { errorAt, fileRule, isTypeScript, type Problem, type Rule } from './source.ts'

const fence = /^```\w+ file=(\S+)\n([\s\S]*?)^```$/gm

/** A fence opened with `ts file=examples/quick-start.ts` holds that file, letter by letter; readers copy it. */
export const fenceRule: Rule = {
  id: 'fences',
  check: (tree) => {
    const byPath = new Map(tree.sources.map(({ path, text }) => [path, text]))
    return tree.sources
      .filter(({ path }) => path.endsWith('.md'))
      .flatMap((source) =>
        [...source.text.matchAll(fence)].flatMap((found) => {
          const [, path = '', shown = ''] = found
          const text = byPath.get(path)
          if (text === undefined) return [errorAt(source, found.index, `shows ${path}, which does not exist`)]
          return text.trim() === shown.trim() ? [] : [errorAt(source, found.index, differs(path, text, shown))]
        }),
      )
  },
}

function differs(path: string, text: string, shown: string): string {
  const expected = text.trim().split('\n')
  const got = shown.trim().split('\n')
  const at = Math.max(
    0,
    expected.findIndex((line, index) => line !== got[index]),
  )
  return `differs from ${path} at its line ${at + 1}: expected "${expected[at] ?? ''}", got "${got[at] ?? ''}"; copy it again`
}

const map = 'ARCHITECTURE.md'
const mapRow = /^- `([\w@./-]+\/)`:/gm

/** The file map lists every folder that holds sources, and no folder that is gone. */
export const mapRule: Rule = {
  id: 'file-map',
  check: (tree) => {
    const source = tree.sources.find(({ path }) => path === map)
    const folders = new Set(
      tree.sources
        .filter(({ path }) => isTypeScript(path) && path.includes('/'))
        .map(({ path }) => `${posix.dirname(path)}/`),
    )
    if (source === undefined) return [{ path: map, line: 1, message: 'is missing', severity: 'error' }]
    const rows = new Map([...source.text.matchAll(mapRow)].map((found) => [found[1] ?? '', found.index]))
    const unlisted = [...folders]
      .filter((folder) => !rows.has(folder))
      .map((folder): Problem => errorAt(source, 0, `the file map has no row for ${folder}`))
    const gone = [...rows]
      .filter(([folder]) => !folders.has(folder))
      .map(([folder, offset]) => errorAt(source, offset, `the file map lists ${folder}, which holds no sources`))
    return [...unlisted, ...gone]
  },
}

/** Links between documents lead somewhere. */
export const linkRule: Rule = {
  id: 'links',
  check: (tree) => {
    const paths = new Set(tree.sources.flatMap(({ path }) => [path, ...parents(path)]))
    return fileRule(
      'links',
      (path) => path.endsWith('.md'),
      (source) =>
        [...source.text.matchAll(/\]\((?!https?:|mailto:|#)([^)#\s]+)[^)]*\)/g)].flatMap((found) => {
          const target = posix.join(posix.dirname(source.path), found[1] ?? '').replace(/\/$/, '')
          return paths.has(target) ? [] : [errorAt(source, found.index, `links to ${target}, which does not exist`)]
        }),
    ).check(tree)
  },
}

function parents(path: string): string[] {
  const parts = path.split('/').slice(0, -1)
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'))
}
