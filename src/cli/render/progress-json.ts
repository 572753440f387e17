import type { Step } from '../../core/index.ts'
import type { Io } from '../io.ts'
import type { ProgressView } from '../progress.ts'
import { now } from './progress-clock.ts'
import { createTally, type StepStanding } from './progress-tally.ts'

/** Of one item, and of the totals. */
const BYTES_MS = 1000

/**
 * For programs, one object a line: what starts, is done or skipped; once a second at the most the bytes of an item; and
 * with them, and at the end, the total of each step. `docs/design.md` has the fields.
 */
export function createJsonProgress(io: Io): ProgressView {
  let tally = createTally()
  let told = new Map<string, number>()
  const totals = new Map<Step, string>()

  const line = (event: Readonly<Record<string, unknown>>): void =>
    io.err(`${JSON.stringify({ ...event, time: new Date().toISOString() })}\n`)

  const isDue = (key: string, time: number): boolean => {
    const last = told.get(key)
    if (last !== undefined && time - last < BYTES_MS) return false
    told.set(key, time)
    return true
  }

  const tellTotals = (time: number): void => {
    for (const standing of tally.all(time)) {
      const { step, done, total, items } = standing
      const state = JSON.stringify([done, total, items])
      if (totals.get(step) === state) continue
      totals.set(step, state)
      line(totalEvent(standing))
    }
  }

  return {
    close: () => tellTotals(now()),
    restart() {
      tellTotals(now())
      tally = createTally()
      told = new Map()
      totals.clear()
    },
    onProgress(event) {
      const { kind, step, item } = event
      const time = now()
      const key = `${step}/${item}`
      const before = tally.itemOf(event)
      tally.count(event, time)
      const after = tally.itemOf(event)
      if (kind === 'start' || (kind === 'bytes' && isDue(key, time))) {
        line({ event: kind, step, item, bytes: after?.done, total: after?.total })
        told.set(key, time)
      }
      if (kind === 'skip') line({ event: kind, step, item, because: event.because })
      if (kind === 'done') {
        line({ event: kind, step, item, bytes: before?.total ?? before?.done, digest: event.digest })
        told.delete(key)
      }
      if (kind === 'bytes' && isDue('', time)) tellTotals(time)
    },
  }
}

function totalEvent(standing: StepStanding): Readonly<Record<string, unknown>> {
  const { step, done, total, mayGrow, items, perSecond } = standing
  return {
    event: 'total',
    step,
    bytes: done,
    total,
    mayGrow,
    items,
    bytesPerSecond: Math.round(perSecond),
    ...(!mayGrow && perSecond >= 1 && { secondsLeft: Math.ceil((total - done) / perSecond) }),
  }
}
