import { setTimeout as sleep } from 'node:timers/promises'
import { isBallastError, spread, throwIfAborted } from '../core/index.ts'
import { refusalIn } from './refusal.ts'

/** The waits between tries, in milliseconds: one fewer than there are tries. */
export type RetryDelays = readonly number[]

export const RETRY_DELAYS: RetryDelays = [500, 2_000]
/** No longer, whatever is asked for: somebody is watching. */
const LONGEST_WAIT_MS = 60_000

/** Makes the call again while it fails with a retryable error and waits remain; `Retry-After` lengthens a wait. */
export async function withRetries<T>(
  delays: RetryDelays,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T> {
  for (let tries = 0; ; tries++) {
    throwIfAborted(signal)
    try {
      return await work()
    } catch (error) {
      await waitToRetry(error, delays[tries], signal)
    }
  }
}

/** Waits before another try; throws the error itself where there is to be none, and INTERRUPTED. */
export async function waitToRetry(
  error: unknown,
  delay: number | undefined,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (delay === undefined || !isBallastError(error) || !error.retryable) throw error
  const wanted = Math.min(refusalIn(error)?.retryAfterMs ?? 0, LONGEST_WAIT_MS)
  await sleep(Math.max(wanted, spread(delay)), undefined, signal && { signal }).catch(() => undefined)
  throwIfAborted(signal)
}
