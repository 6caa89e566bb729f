/** Decides whether the Node that npm put on the PATH can run this repository, before anything else does.
 *
 *  npm installs Node itself as a development dependency. Where install scripts are blocked that copy is missing and an
 *  older Node answers instead, which fails on the first TypeScript file with an error that nobody understands. Plain
 *  JavaScript that an old Node can read; it only looks, it repairs nothing. */

import process from 'node:process'

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
const isRecentEnough = major > 24 || (major === 24 && minor >= 6)

if (!isRecentEnough) {
  process.stderr.write(
    `Node ${process.versions.node} is too old: install scripts were blocked; run \`npm rebuild node\` or use Node ≥ 24.6\n`,
  )
  process.exit(2)
}
