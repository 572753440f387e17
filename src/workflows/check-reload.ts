import type { Followed } from '../mount/index.ts'
import type { CheckResult } from './check-target.ts'

/**
 * Adds what became of the versions that the applications of a link were told of. What was put back is no fault of what is there:
 * that is whole, and must not keep a container from starting.
 */
export function withReload(result: CheckResult, followed: Followed | undefined): CheckResult {
  const notes = notesOf(followed)
  return notes.length === 0 ? result : { ...result, notes: [...(result.notes ?? []), ...notes] }
}

function notesOf(followed: Followed | undefined): readonly string[] {
  if (followed === undefined) return []
  const { model, refused, generations } = followed
  const proof = generations.at(-1)?.proof
  return [
    ...(refused === undefined ? [] : [`${model}:${refused.number} was put back: ${refused.why}`]),
    ...(proof?.is === 'pending' ? ['whether the application serves it is yet to be proven'] : []),
    ...(proof?.is === 'failed' ? [`the application does not take it: ${proof.why}`] : []),
  ]
}
