/** Shows progress while the demo runs: a live screen on a terminal, one line a second everywhere else. What is shown is
 *  composed in `frame.ts`. */
import { composeFrame, composeHeading, composeNews, type Heading } from './frame.ts'
import { counted, paint } from './line.ts'
import { type Progress, sumUp } from './progress.ts'

const redrawEveryMs = 100
const lineEveryMs = 1_000
/** Terminals that do not say how large they are. */
const usualSize = { columns: 80, rows: 24 }

const hideCursor = '\x1b[?25l'
const showCursor = '\x1b[?25h'
const eraseBelow = '\x1b[0J'

export type Screen = {
  /** Stops showing progress and leaves the last state standing, with the cursor below it. Safe to call twice. */
  close(): void
}

export function openScreen(stream: NodeJS.WriteStream, heading: Heading, progress: () => Progress): Screen {
  const canMoveCursor = stream.isTTY && process.env['TERM'] !== 'dumb'
  return canMoveCursor ? new LiveScreen(stream, heading, progress) : new LineLog(stream, heading, progress)
}

class LiveScreen implements Screen {
  readonly #stream: NodeJS.WriteStream
  readonly #draw: () => void
  readonly #redrawing: NodeJS.Timeout
  /** Whatever ends the process, the terminal gets its cursor back. */
  readonly #restore = (): void => void this.#stream.write(showCursor)
  #height = 0
  #isClosed = false

  constructor(stream: NodeJS.WriteStream, heading: Heading, progress: () => Progress) {
    this.#stream = stream
    this.#draw = () => this.#show(heading, progress())
    process.once('exit', this.#restore)
    stream.write(`\n${hideCursor}`)
    this.#draw()
    this.#redrawing = setInterval(this.#draw, redrawEveryMs)
  }

  /** One write for the whole frame: a terminal never shows half of it. */
  #show(heading: Heading, progress: Progress): void {
    const columns = this.#stream.columns || usualSize.columns
    const rows = this.#stream.rows || usualSize.rows
    // A frame that is taller than the terminal would scroll, and could not be drawn over.
    const lines = composeFrame(heading, progress, columns).slice(0, rows - 1)
    const up = this.#height === 0 ? '' : `\x1b[${this.#height}A`
    const painted = lines.map((line) => `\x1b[2K${paint(line, columns, this.#stream)}\n`)
    this.#stream.write(`${up}\r${painted.join('')}${eraseBelow}`)
    this.#height = lines.length
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    clearInterval(this.#redrawing)
    this.#draw()
    process.off('exit', this.#restore)
    this.#restore()
  }
}

class LineLog implements Screen {
  readonly #stream: NodeJS.WriteStream
  readonly #printing: NodeJS.Timeout
  #newsTold = 0

  constructor(stream: NodeJS.WriteStream, heading: Heading, progress: () => Progress) {
    this.#stream = stream
    for (const line of composeHeading(heading)) stream.write(`${paint(line, Infinity, stream)}\n`)
    this.#printing = setInterval(() => {
      for (const line of this.#describe(progress())) stream.write(`${line}\n`)
    }, lineEveryMs)
  }

  *#describe({ elapsedMs, phase, rows, produced, consumers, news }: Progress): Generator<string> {
    const { finished, inFlight, parked, waiting } = sumUp(consumers)
    yield [
      `  ${String(Math.round(elapsedMs / 1_000)).padStart(3)} s  ${phase}`,
      `consumers ${consumers.filter((consumer) => consumer.phase !== 'left').length}`,
      `produced ${counted(produced)} of ${counted(rows)}`,
      `finished ${counted(finished)}`,
      `in flight ${counted(inFlight)}`,
      `parked ${counted(parked)}`,
      `waiting ${counted(waiting)}`,
    ].join('  ')
    for (const each of news.slice(this.#newsTold)) yield `       ${paint(composeNews(each), Infinity, this.#stream)}`
    this.#newsTold = news.length
  }

  close(): void {
    clearInterval(this.#printing)
  }
}
