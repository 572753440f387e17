import type { Progress, Step } from '../../core/index.ts'
import type { Io } from '../io.ts'
import { formatBytes, formatDuration } from './text.ts'

export interface ProgressView {
  readonly onProgress: (event: Progress) => void
  /** Removes the line again, before anything else is printed. */
  readonly close: () => void
}

const REDRAW_MS = 100
/** Work shorter than this shows nothing. */
const QUIET_MS = 600
const PLAIN_LINE_MS = 5000

const DOING: Readonly<Record<Step, string>> = {
  add: 'adding',
  hash: 'hashing',
  upload: 'sending',
  download: 'fetching',
  copy: 'copying',
  verify: 'verifying',
}

/** One line that is redrawn on a terminal; elsewhere a plain line every few seconds. */
export function createProgressView(io: Io): ProgressView {
  const started = performance.now()
  let total = 0
  let done = 0
  let drawn = 0
  let visible = false
  let latest: { step: Step; item: string } | undefined

  const line = (): string => {
    const elapsed = performance.now() - started
    const rate = done / (elapsed / 1000)
    const parts = [
      `${DOING[latest?.step ?? 'copy']} ${latest?.item ?? ''}`,
      total >= done && total > 0 ? `${formatBytes(done)} of ${formatBytes(total)}` : formatBytes(done),
      `${formatBytes(rate)}/s`,
    ]
    if (total > done && rate > 0) parts.push(`${formatDuration(((total - done) / rate) * 1000)} left`)
    return parts.join('  ')
  }

  const draw = (): void => {
    const now = performance.now()
    const due = io.isTerminal ? REDRAW_MS : PLAIN_LINE_MS
    if (now - started < QUIET_MS || now - drawn < due) return
    if (!io.isTerminal && now - started < PLAIN_LINE_MS) return
    drawn = now
    visible = io.isTerminal
    io.err(io.isTerminal ? `\r\u001b[2K${line().slice(0, io.columns - 1)}` : `${line()}\n`)
  }

  return {
    onProgress(event) {
      if (event.kind === 'start') {
        total += event.total
        latest = event
      } else if (event.kind === 'bytes') {
        done += event.count
        latest = event
      }
      draw()
    },
    close() {
      if (visible) io.err('\r\u001b[2K')
      visible = false
    },
  }
}
