/** Text for a terminal: a line is a list of spans, measured and cut before it gets its colours. */
import { styleText } from 'node:util'

export type Style = Parameters<typeof styleText>[0]
export type Span = string | readonly [text: string, style: Style]
export type Line = readonly Span[]

/** The line in colours, if the stream shows any (it obeys NO_COLOR), and never wider than `width`. */
export function paint(line: Line, width: number, stream: NodeJS.WriteStream): string {
  let room = width
  return line
    .map((span) => {
      const [text, style] = typeof span === 'string' ? [span, undefined] : span
      const shown = text.length > room ? `${text.slice(0, Math.max(0, room - 1))}${room > 0 ? '…' : ''}` : text
      room -= shown.length
      return style === undefined ? shown : styleText(style, shown, { stream })
    })
    .join('')
}

const numbers = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })

/** 9985 → `9,985`. */
export function counted(count: number): string {
  return numbers.format(count)
}

/** 12_345 → `12 s`, 345 → `0.3 s`. */
export function seconds(ms: number): string {
  return ms < 10_000 ? `${(ms / 1_000).toFixed(1)} s` : `${Math.round(ms / 1_000)} s`
}
