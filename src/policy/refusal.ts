import { BallastError } from '../core/index.ts'
import type { Verdict } from './evaluate.ts'

/** What was refused, and where. */
export interface Refused {
  /** `sentiment:3`. */
  readonly ref: string
  /** `sentiment:prod`. */
  readonly stageRef: string
}

/** Says each rule that is not kept, what was found, and what would keep it; `details.rules` has all rules. */
export function refusal({ ref, stageRef }: Refused, verdicts: readonly Verdict[]): BallastError {
  const failed = verdicts.filter(({ passed }) => !passed)
  const names = failed.map(({ rule }) => rule).join(', ')
  const message = `${ref} does not keep the policy of ${stageRef}: ${names}`
  const lines = failed.map(
    ({ rule, required, found, satisfy }) => `${rule}: wanted ${required}; found ${found}\n    ${satisfy}`,
  )
  return new BallastError('REFUSED', message, {
    hint: lines.join('\n  '),
    details: { stage: stageRef, version: ref, rules: verdicts },
  })
}
