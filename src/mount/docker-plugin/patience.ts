import { setTimeout as sleep } from 'node:timers/promises'
import { BallastError } from '../../core/index.ts'
import type { Volume } from './state.ts'

/** The work goes on when the caller's time is up, so that the next call finds it done or waits for the rest. */
export async function within<T>(
  patienceMs: number,
  work: Promise<T>,
  { name, options: { ref } }: Volume,
): Promise<T> {
  const timer = new AbortController()
  const late = sleep(patienceMs, undefined, { signal: timer.signal, ref: false }).then(() => {
    throw new BallastError('LOCKED', `${ref} is still being made ready for the volume ${name}`, {
      hint: 'the work goes on: start the container again in a moment',
      retryable: true,
    })
  })
  late.catch(() => undefined)
  try {
    return await Promise.race([work, late])
  } finally {
    timer.abort()
  }
}
