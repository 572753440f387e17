import type { Digest } from '../core/index.ts'
import { type Followed, isPending } from '../mount/index.ts'

/** What is known when it is decided what to do next for a target whose application is told. */
export interface Standing {
  /** What the tag points to. */
  readonly tag: Digest
  /** Undefined before the first delivery. */
  readonly followed: Followed | undefined
  /** What the tag pointed to when this process looked last. */
  readonly seen: Digest | undefined
  /** The version's directory that the application has been told of, as far as this process knows. */
  readonly told: string | undefined
  /** Whether a version that was put back is tried again. */
  readonly retry: boolean
}

/**
 * `deliver` what the tag points to; `judge` whether the application serves what the link leads to; or `wait`: nothing is to be
 * done. What was put back is delivered again once the tag has moved, and a version that somebody else has put there is judged, too.
 */
export function nextStep({ tag, followed, seen, told, retry }: Standing): 'deliver' | 'judge' | 'wait' {
  const current = followed?.generations.at(-1)
  if (current === undefined) return 'deliver'
  const isRefused = seen === undefined && tag === followed?.refused?.digest && !retry
  if (tag !== seen && !isRefused) return 'deliver'
  // The first version of a target is told to nobody: who runs there has not run with another one.
  if (isPending(current) && (followed?.generations.length ?? 0) > 1) return 'judge'
  return told !== undefined && current.id !== told ? 'judge' : 'wait'
}
