import { setTimeout as sleep } from 'node:timers/promises'
import { type BallastError, explainSystemError, isBallastError, throwIfAborted } from './errors.ts'

export interface UntilStoppedOptions {
  readonly signal: AbortSignal | undefined
  /** Before each turn, in milliseconds. */
  readonly pauseMs: () => number
  /** After a turn that failed, where that is longer. */
  readonly troubleMs?: number
  /** What a user can meet. Told once, until a turn succeeds or fails otherwise. */
  readonly onTrouble: (error: BallastError) => void
}

/**
 * Does the work again and again until the signal is aborted, then throws INTERRUPTED. A failure that a user can meet ends
 * nothing; anything else is a bug, and is thrown.
 */
export async function untilStopped(
  work: () => Promise<void>,
  { signal, pauseMs, troubleMs = 0, onTrouble }: UntilStoppedOptions,
): Promise<never> {
  let trouble: string | undefined
  for (;;) {
    const ms = Math.max(pauseMs(), trouble === undefined ? 0 : troubleMs)
    await sleep(ms, undefined, signal && { signal }).catch(() => undefined)
    throwIfAborted(signal)
    try {
      await work()
      trouble = undefined
    } catch (thrown) {
      const error = explainSystemError(thrown)
      if (!isBallastError(error) || error.code === 'INTERRUPTED') throw error
      if (error.message !== trouble) onTrouble(error)
      trouble = error.message
    }
  }
}
