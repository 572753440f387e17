import { setTimeout as sleep } from 'node:timers/promises'
import { type BallastError, explainSystemError, isBallastError, throwIfAborted } from './errors.ts'

export interface UntilStoppedOptions {
  readonly signal: AbortSignal | undefined
  /** Before each turn, in milliseconds. */
  readonly pauseMs: () => number
  /** After so many turns in a row that failed, where that is longer. */
  readonly troubleMs?: (failures: number) => number
  /** What a user can meet. Told once, until a turn succeeds or fails otherwise. */
  readonly onTrouble: (error: BallastError) => void
  /** After each turn, with what kept it from succeeding. */
  readonly onTurn?: ((error: BallastError | undefined) => void) | undefined
}

/**
 * Does the work again and again until the signal is aborted, then throws INTERRUPTED. A failure that a user can meet ends
 * nothing; anything else is a bug, and is thrown.
 */
export async function untilStopped(
  work: () => Promise<void>,
  { signal, pauseMs, troubleMs = () => 0, onTrouble, onTurn }: UntilStoppedOptions,
): Promise<never> {
  let trouble: string | undefined
  let failures = 0
  for (;;) {
    const ms = Math.max(pauseMs(), failures === 0 ? 0 : troubleMs(failures))
    await sleep(ms, undefined, signal && { signal }).catch(() => undefined)
    throwIfAborted(signal)
    try {
      await work()
      trouble = undefined
      failures = 0
      onTurn?.(undefined)
    } catch (thrown) {
      const error = explainSystemError(thrown)
      if (!isBallastError(error) || error.code === 'INTERRUPTED') throw error
      if (error.message !== trouble) onTrouble(error)
      trouble = error.message
      failures++
      onTurn?.(error)
    }
  }
}
