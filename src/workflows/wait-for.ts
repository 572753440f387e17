import { setTimeout as sleep } from 'node:timers/promises'
import { type CallOptions, isBallastError, throwIfAborted } from '../core/index.ts'

export interface WaitOptions extends CallOptions {
  readonly timeoutMs: number
  /** What is waited for: told first, and each time that it has become something else. */
  readonly onWait: (why: string) => void
}

const POLL_MS = 500

/**
 * Looks again and again until nothing is wrong any more or the time is up; the last answer, or the last failure. `faults`
 * of an answer are what is waited for. Things that are not there yet, and an Engine that does not answer yet, are waited for too.
 */
export async function waitFor<T>(
  look: () => Promise<T>,
  faults: (answer: T) => readonly string[],
  { timeoutMs, onWait, signal }: WaitOptions,
): Promise<T> {
  // By a clock that nobody sets.
  const deadline = performance.now() + timeoutMs
  let told: string | undefined
  for (;;) {
    throwIfAborted(signal)
    const isLast = performance.now() >= deadline
    let why: string | undefined
    try {
      const answer = await look()
      why = faults(answer)[0]
      if (why === undefined || isLast) return answer
    } catch (error) {
      const mayCome = isBallastError(error) && ['NOT_FOUND', 'REMOTE', 'DAMAGED'].includes(error.code)
      if (!mayCome || isLast) throw error
      why = error.message
    }
    if (why !== told) onWait(why)
    told = why
    await sleep(POLL_MS, undefined, signal && { signal }).catch(() => undefined)
  }
}
