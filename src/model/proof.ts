import { oneLine } from '../core/index.ts'
import { objectOf } from './json.ts'

/**
 * What became of a version that a running application was to take over: `pending` until that is known, `served` when it has
 * named the version, `untold` when it is ready and has not, `nobody` when none ran, `failed` for one that it did not take.
 */
export interface Proof {
  readonly is: (typeof PROOFS)[number]
  /** Of `failed`; one line. */
  readonly why?: string
}

const LONGEST_REASON = 1000
const PROOFS = ['pending', 'served', 'untold', 'nobody', 'failed'] as const

/** Undefined for anything else; a `why` of a container's making cannot disturb a terminal. */
export function decodeProof(value: unknown): Proof | undefined {
  const { is, why } = objectOf(value)
  const known = PROOFS.find((one) => one === is)
  if (known === undefined || (why !== undefined && typeof why !== 'string')) return undefined
  return { is: known, ...(why !== undefined && { why: oneLine(why, LONGEST_REASON) }) }
}
