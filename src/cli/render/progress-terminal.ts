import type { Io } from '../io.ts'
import type { ProgressView } from '../progress.ts'
import { createTicking, now } from './progress-clock.ts'
import { itemLines, totalLine } from './progress-line.ts'
import { createTally } from './progress-tally.ts'
import { widthOf } from './text-width.ts'

const REDRAW_MS = 100
/** Work shorter than this shows nothing. */
const QUIET_MS = 600
const MOST_ITEMS = 6

/**
 * A line for each file in flight, as many as fit, and below them a total for each step. Redrawn in place ten times a
 * second, also while nothing moves; removed when nothing is in flight and when the process ends.
 */
export function createTerminalProgress(io: Io): ProgressView {
  let tally = createTally()
  let begun: number | undefined
  let drawn: readonly string[] = []

  const frame = (time: number): readonly string[] => {
    // A line that fills the last column makes some terminals begin another.
    const columns = io.columns - 1
    const steps = tally.active(time)
    const room = Math.max(0, Math.min(MOST_ITEMS, io.rows - 1 - steps.length))
    // Those that still wait for their turn are the ones to leave out.
    const inFlight = steps
      .flatMap((standing) => standing.inFlight)
      .toSorted((a, b) => Number(b.done > 0) - Number(a.done > 0))
    const shown = inFlight.slice(0, room)
    const hidden = inFlight.length - shown.length
    return [
      ...itemLines(shown, { columns }),
      ...steps.map((standing, at) =>
        totalLine(standing, { columns, hidden: at === steps.length - 1 ? hidden : 0 }),
      ),
    ]
  }

  const draw = (): void => {
    const time = now()
    if (time - (begun ?? time) < QUIET_MS) return
    const lines = frame(time)
    if (lines.length === 0) {
      close()
      return
    }
    if (lines.join('\n') === drawn.join('\n')) return
    const text = lines.map((line) => `${line}\u001b[K`).join('\n')
    io.err(`${toTop(drawn, io.columns)}${text}\u001b[J`)
    drawn = lines
  }

  const clear = (): void => {
    if (drawn.length > 0) io.err(`${toTop(drawn, io.columns)}\u001b[J`)
    drawn = []
  }

  const ticking = createTicking(REDRAW_MS, draw)
  const close = (): void => {
    ticking.stop()
    process.off('exit', clear)
    clear()
  }

  return {
    close,
    restart() {
      close()
      tally = createTally()
      begun = undefined
    },
    onProgress(event) {
      const time = now()
      begun ??= time
      tally.count(event, time)
      if (ticking.start()) process.on('exit', clear)
    },
  }
}

/** To where the first of these lines begins: a terminal that has become narrower has broken them. */
function toTop(lines: readonly string[], columns: number): string {
  const rows = lines.reduce((sum, line) => sum + Math.max(1, Math.ceil(widthOf(line) / columns)), 0)
  return rows > 1 ? `\r\u001b[${rows - 1}A` : '\r'
}
