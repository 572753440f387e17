import type { Progress, Step } from '../../core/index.ts'
import type { Io } from '../io.ts'
import { formatBytes, formatDuration } from './text.ts'

export interface ProgressView {
  readonly onProgress: (event: Progress) => void
  /** Removes the line again, before anything else is printed. */
  readonly close: () => void
  /** What comes next is other work: of a verb that goes on. */
  readonly restart: () => void
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

/** Steady, in milliseconds. Unlike `performance`, it is there without being loaded first. */
const now = (): number => process.uptime() * 1000

/** One line that is redrawn on a terminal; elsewhere a plain line every few seconds. */
export function createProgressView(io: Io): ProgressView {
  let begun = now()
  let step: Step | undefined
  let started = begun
  let total = 0
  let done = 0
  let drawn = 0
  let visible = false
  let item = ''

  /** Each step has its own count: what is hashed and then sent is not twice as much. */
  const enter = (event: { readonly step: Step; readonly item: string }): void => {
    item = event.item
    if (event.step === step) return
    step = event.step
    started = now()
    total = 0
    done = 0
  }

  const line = (): string => {
    const rate = done / Math.max((now() - started) / 1000, 0.001)
    const secondsLeft = (total - done) / rate
    const parts = [
      DOING[step ?? 'copy'],
      total >= done && total > 0 ? `${formatBytes(done)} of ${formatBytes(total)}` : formatBytes(done),
      `${formatBytes(rate)}/s`,
      ...(secondsLeft >= 1 && Number.isFinite(secondsLeft)
        ? [`${formatDuration(secondsLeft * 1000)} left`]
        : []),
      // Last, because it may be long and the line is cut.
      item,
    ]
    return parts.join('  ')
  }

  const draw = (): void => {
    const time = now()
    const due = io.isTerminal ? REDRAW_MS : PLAIN_LINE_MS
    if (time - begun < QUIET_MS || time - drawn < due) return
    if (!io.isTerminal && time - begun < PLAIN_LINE_MS) return
    drawn = time
    visible = io.isTerminal
    io.err(io.isTerminal ? `\r\u001b[2K${line().slice(0, io.columns - 1)}` : `${line()}\n`)
  }

  const close = (): void => {
    if (visible) io.err('\r\u001b[2K')
    visible = false
  }

  return {
    close,
    restart() {
      close()
      step = undefined
      begun = now()
    },
    onProgress(event) {
      if (event.kind !== 'start' && event.kind !== 'bytes') return
      enter(event)
      if (event.kind === 'start') total += event.total
      else done += event.count
      draw()
    },
  }
}
