/** Compiles the regular expressions that members subscribe with. Kafka takes the syntax of RE2 (KIP-848), which has no
 *  back references and no look-around; here it is checked and put into the words of JavaScript. What RE2 refuses is
 *  refused with the same message. A pattern must match a whole topic name. */

/** The pattern is not one of RE2. */
export class RegexProblem extends Error {
  override readonly name = 'RegexProblem'
}

const repeatsMax = 1_000

const posixClasses: Readonly<Record<string, string>> = {
  alnum: '0-9A-Za-z',
  alpha: 'A-Za-z',
  ascii: '\\x00-\\x7F',
  blank: '\\t ',
  cntrl: '\\x00-\\x1F\\x7F',
  digit: '0-9',
  graph: '!-~',
  lower: 'a-z',
  print: ' -~',
  punct: '!-\\/:-@\\[-`\\{-~',
  space: '\\t\\n\\v\\f\\r ',
  upper: 'A-Z',
  word: '0-9A-Za-z_',
  xdigit: '0-9A-Fa-f',
}

/** Escapes that mean the same in both, and those that need other words. */
const escapes: ReadonlyMap<string, string> = new Map([
  ...'dDsSwWbB'.split('').map((letter) => [letter, `\\${letter}`] as const),
  ...'fnrtv'.split('').map((letter) => [letter, `\\${letter}`] as const),
  ['a', '\\x07'],
  ['A', '(?<![\\s\\S])'],
  ['z', '(?![\\s\\S])'],
])
const notInClass = 'bBAz'

/** Throws a `RegexProblem` that says why not. */
export function topicMatcher(pattern: string): (topic: string) => boolean {
  const { source, flags } = new Translation(pattern).translated()
  let regex: RegExp
  try {
    regex = new RegExp(`^(?:${source})$`, flags)
  } catch {
    throw new RegexProblem('invalid character class range')
  }
  return (topic) => regex.test(topic)
}

class Translation {
  readonly #pattern: string
  #at = 0
  #source = ''
  #flags = 'u'
  #depth = 0
  /** Where a repetition would find what it repeats: nothing yet, something, or a repetition, which RE2 does not nest. */
  #last: 'nothing' | 'something' | 'repetition' = 'nothing'

  constructor(pattern: string) {
    this.#pattern = pattern
  }

  translated(): { readonly source: string; readonly flags: string } {
    this.#leadingFlags()
    while (this.#at < this.#pattern.length) this.#one()
    if (this.#depth > 0) throw new RegexProblem('missing closing )')
    return { source: this.#source, flags: this.#flags }
  }

  /** `(?i)` and the like hold for the whole pattern when it begins with them; U (who is greedy) changes no match. */
  #leadingFlags(): void {
    const match = /^\(\?([imsU]+)\)/.exec(this.#pattern)
    if (match === null) return
    this.#at = match[0].length
    this.#flags += [...new Set(match[1])].filter((flag) => flag !== 'U').join('')
  }

  #one(): void {
    const char = this.#pattern[this.#at] as string
    switch (char) {
      case '(':
        return this.#open()
      case ')':
        return this.#close()
      case '|':
        return this.#add('|', 1, 'nothing')
      case '[':
        return this.#charClass()
      case '*':
      case '+':
      case '?':
        return this.#repeat(char, 1)
      case '{':
        return this.#braces()
      case '\\':
        return this.#escape()
      case '.':
      case '^':
      case '$':
        return this.#add(char, 1)
      default:
        return this.#add(literal(char), 1)
    }
  }

  #add(source: string, length: number, last: 'nothing' | 'something' = 'something'): void {
    this.#source += source
    this.#at += length
    this.#last = last
  }

  #open(): void {
    this.#depth += 1
    const rest = this.#pattern.slice(this.#at)
    const named = /^\(\?P?<(\w+)>/.exec(rest)
    if (named !== null) return this.#add(`(?<${named[1]}>`, named[0].length, 'nothing')
    if (rest.startsWith('(?:')) return this.#add('(?:', 3, 'nothing')
    if (rest.startsWith('(?')) throw new RegexProblem('invalid or unsupported Perl syntax')
    this.#add('(', 1, 'nothing')
  }

  #close(): void {
    this.#depth -= 1
    if (this.#depth < 0) throw new RegexProblem('regexp/syntax: internal error')
    this.#add(')', 1)
  }

  #repeat(source: string, length: number): void {
    if (this.#last === 'nothing') throw new RegexProblem('missing argument to repetition operator')
    if (this.#last === 'repetition') throw new RegexProblem('invalid nested repetition operator')
    const isLazy = this.#pattern[this.#at + length] === '?'
    this.#source += isLazy ? `${source}?` : source
    this.#at += length + (isLazy ? 1 : 0)
    this.#last = 'repetition'
  }

  /** A brace that opens no count is an ordinary character. */
  #braces(): void {
    const match = /^\{(\d+)(,?)(\d*)\}/.exec(this.#pattern.slice(this.#at))
    if (match === null) return this.#add('\\{', 1)
    const [whole, from = '', , to = ''] = match
    if (Number(from) > repeatsMax || Number(to) > repeatsMax || (to !== '' && Number(to) < Number(from))) {
      throw new RegexProblem('invalid repeat count')
    }
    this.#repeat(whole, whole.length)
  }

  #escape(): void {
    const rest = this.#pattern.slice(this.#at)
    if (rest.startsWith('\\Q')) {
      const end = rest.indexOf('\\E')
      const quoted = rest.slice(2, end < 0 ? undefined : end)
      return this.#add(quoted.split('').map(literal).join(''), end < 0 ? rest.length : end + 2)
    }
    if (rest.startsWith('\\E')) return this.#add('', 2, 'nothing')
    const { source, length } = escaped(rest)
    this.#add(source, length)
  }

  #charClass(): void {
    const rest = this.#pattern.slice(this.#at)
    let at = rest[1] === '^' ? 2 : 1
    let source = rest.slice(0, at)
    for (let isFirst = true; isFirst || rest[at] !== ']'; isFirst = false) {
      if (at >= rest.length) throw new RegexProblem('missing closing ]')
      const posix = /^\[:(\^?)(\w+):\]/.exec(rest.slice(at))
      const part =
        posix !== null
          ? { source: posixClass(posix[1] === '^', posix[2] ?? ''), length: posix[0].length }
          : rest[at] === '\\'
            ? escaped(rest.slice(at), notInClass)
            : { source: rest[at] === '-' ? '-' : literal(rest[at] as string), length: 1 }
      source += part.source
      at += part.length
    }
    this.#add(`${source}]`, at + 1)
  }
}

function posixClass(isNegated: boolean, name: string): string {
  const range = posixClasses[name]
  if (range === undefined || isNegated) throw new RegexProblem('invalid character class range')
  return range
}

/** What stands behind a backslash. */
function escaped(rest: string, refused = ''): { readonly source: string; readonly length: number } {
  const letter = rest[1]
  if (letter === undefined) throw new RegexProblem('trailing backslash at end of expression')
  const code = /^\\(?:x([0-9A-Fa-f]{2})|x\{([0-9A-Fa-f]{1,6})\}|(0[0-7]{0,2}|[1-7][0-7]{1,2}))/.exec(rest)
  if (code !== null) {
    const point = code[3] === undefined ? Number.parseInt(code[1] ?? code[2] ?? '', 16) : Number.parseInt(code[3], 8)
    return { source: `\\u{${point.toString(16)}}`, length: code[0].length }
  }
  const property = /^\\([pP])(?:([A-Za-z])|\{(\^?)(\w+)\})/.exec(rest)
  if (property !== null) return { source: unicodeClass(property), length: property[0].length }
  const known = escapes.get(letter)
  if (known !== undefined && !refused.includes(letter)) return { source: known, length: 2 }
  if (known !== undefined || /[0-9A-Za-z]/.test(letter)) throw new RegexProblem('invalid escape sequence')
  return { source: literal(letter), length: 2 }
}

/** A category of one or two letters, else a script. */
function unicodeClass([, sign, short, negation, long]: RegExpExecArray): string {
  const name = short ?? long ?? ''
  const isNegated = (sign === 'P') !== (negation === '^')
  const source = `\\${isNegated ? 'P' : 'p'}{${name.length <= 2 ? name : `Script=${name}`}}`
  try {
    new RegExp(source, 'u')
  } catch {
    throw new RegexProblem('invalid character class range')
  }
  return source
}

function literal(char: string): string {
  return /[\\^$.*+?()[\]{}|/-]/.test(char) ? (char === '-' ? '\\x2D' : `\\${char}`) : char
}
