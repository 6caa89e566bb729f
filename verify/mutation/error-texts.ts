/** Keeps what errors say from being mutated: nobody matches on it (STYLE.md §6), so no test should. */

/** Of Babel's paths, what is asked here. */
type Path = {
  readonly node: { readonly type: string; readonly callee?: { readonly name?: string } }
  readonly parentPath: Path | null
}

const texts: ReadonlySet<string> = new Set(['StringLiteral', 'TemplateLiteral', 'BinaryExpression'])

export const errorTexts = {
  shouldIgnore({ node, parentPath }: Path): string | undefined {
    const isInError =
      parentPath?.node.type === 'NewExpression' && (parentPath.node.callee?.name ?? '').endsWith('Error')
    return isInError && texts.has(node.type) ? 'what an error says' : undefined
  },
}
