/** Words that must not be in the repository: names that say nothing, promises without an issue, and traces of the machine
 *  on which a file was written. */
import { posix } from 'node:path'
import { Visitor } from 'oxc-parser'
import { errorAt, fileRule, isTypeScript, lineAt, parsed, type Problem, type Rule, type Source } from './source.ts'

/** Words that fit everything and therefore name nothing; design §3 lists them. */
const emptyWords = new Set(['job', 'task', 'item', 'data', 'info', 'manager', 'helper', 'util', 'process'])

/** Exported names only: inside a file a reader has the context, across files the name is all there is. In `verify/`,
 *  `demo/` and `scripts/` a process is one of the operating system and may be called so. */
export const nameRule: Rule = fileRule('names', isTypeScript, (source) => {
  const refused = (name: string): string | undefined => emptyWordIn(name, source.path)
  const problems = exportedNames(source).flatMap(({ name, offset }) => {
    const word = refused(name)
    return word === undefined ? [] : [errorAt(source, offset, `${name}: "${word}" fits everything; say what it is`)]
  })
  const fileWord = refused(posix.basename(source.path).replace(/\..*$/, ''))
  if (fileWord !== undefined)
    problems.push(errorAt(source, 0, `file name: "${fileWord}" fits everything; say what it holds`))
  return problems
})

function emptyWordIn(name: string, path: string): string | undefined {
  // "In process", as opposed to "over sockets", is a term of its own.
  const words = name
    .replace(/in-?process/i, '')
    .split(/(?<=[a-z0-9])(?=[A-Z])|[-_]/)
    .map((word) => word.toLowerCase())
  return words
    .flatMap((word) => [word, word.replace(/s$/, '')])
    .find((word) => emptyWords.has(word) && (word !== 'process' || path.startsWith('packages/')))
}

function exportedNames(source: Source): { name: string; offset: number }[] {
  const names: { name: string; offset: number }[] = []
  new Visitor({
    ExportNamedDeclaration: ({ declaration }) => {
      if (declaration === null) return
      if (declaration.type === 'VariableDeclaration') {
        for (const { id } of declaration.declarations) {
          if (id.type === 'Identifier') names.push({ name: id.name, offset: id.start })
        }
      } else if ('id' in declaration && declaration.id?.type === 'Identifier') {
        names.push({ name: declaration.id.name, offset: declaration.id.start })
      }
    },
  }).visit(parsed(source).program)
  return names
}

const promise = /\b(TODO|FIXME|XXX|HACK)\b(?!\(?#\d+|[^\n]*(?:#\d+|https?:\/\/\S+\/issues\/\d+))/

export const promiseRule: Rule = fileRule('todo', isTypeScript, (source) =>
  parsed(source).comments.flatMap((comment) => {
    const found = promise.exec(comment.value)
    if (found === null) return []
    const at = comment.start + 2 + found.index
    return [errorAt(source, at, `${found[1]} without an issue; do it, delete it, or name the issue (#123)`)]
  }),
)

/** Homes of users and build machines. A path that begins inside a longer one, such as a URL, is not meant. */
const machinePath = /(?<![\w.~}$-])\/(?:home|Users|root|work|workspace|private\/var)\/[\w.-]+/g
const url = /https?:\/\/([^\s/'"`:)>\]\\]+)/g
const privateHost = /^(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.)|\.(internal|local|lan|corp|intranet)$/

export const machineRule: Rule = {
  id: 'machine',
  check: (tree) =>
    tree.sources.flatMap((source) => {
      const problems: Problem[] = []
      const report = (offset: number, message: string): void => {
        problems.push({ path: source.path, line: lineAt(source.text, offset), message, severity: 'error' })
      }
      for (const found of source.text.matchAll(machinePath))
        report(found.index, `${found[0]} exists on one machine only`)
      for (const found of source.text.matchAll(url)) {
        if (privateHost.test(found[1] ?? '')) report(found.index, `${found[0]} can be reached from one network only`)
      }
      for (const host of tree.privateHosts) {
        const at = source.text.indexOf(host)
        if (at !== -1) report(at, 'names the registry that this machine installs from; the public one is the default')
      }
      return problems
    }),
}
