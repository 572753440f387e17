import type { Io } from '../io.ts'
import type { ProgressView } from '../progress.ts'
import { createTicking, now } from './progress-clock.ts'
import { totalLine } from './progress-line.ts'
import { createTally } from './progress-tally.ts'

const LINE_MS = 5000

/** For logs: a line for each step that has something in flight, every five seconds; shorter work says nothing. */
export function createPlainProgress(io: Io): ProgressView {
  let tally = createTally()
  const ticking = createTicking(LINE_MS, () => {
    const steps = tally.active(now())
    if (steps.length === 0) ticking.stop()
    for (const standing of steps) io.err(`${totalLine(standing)}\n`)
  })
  return {
    close: ticking.stop,
    restart() {
      ticking.stop()
      tally = createTally()
    },
    onProgress(event) {
      tally.count(event, now())
      ticking.start()
    },
  }
}
