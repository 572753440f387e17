import { oneLine } from '../core/index.ts'
import { objectOf } from '../model/index.ts'
import type { Followed, Generation } from './state.ts'

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

/** Whether it is yet to be seen that the application takes it: it has not been recorded either, where the process was killed. */
export function isPending({ proof, by }: Generation): boolean {
  return proof?.is === 'pending' || (proof === undefined && by === 'unrecorded')
}

/** The newest version before the current one that no application has failed to take; undefined where there is none. */
export function formerServed({ generations }: Pick<Followed, 'generations'>): Generation | undefined {
  const current = generations.at(-1)
  return generations.findLast(
    (one) => one.digest !== current?.digest && !isPending(one) && one.proof?.is !== 'failed',
  )
}

/** The record with the proof of the newest generation of that id. */
export function withProof(
  followed: Followed,
  { id, proof }: { readonly id: string; readonly proof: Proof },
): Followed {
  const at = followed.generations.findLastIndex((one) => one.id === id)
  const generations = followed.generations.map((one, index) => (index === at ? { ...one, proof } : one))
  return { ...followed, generations }
}

/** The record when the version is to be left again: it failed, and its tag alone does not bring it back. */
export function withRefusal(
  followed: Followed,
  { id, why }: { readonly id: string; readonly why: string },
): Followed {
  const failed = followed.generations.findLast((one) => one.id === id)
  if (failed === undefined) return followed
  const { digest, number } = failed
  const refused = { digest, number, time: new Date().toISOString(), why }
  return { ...withProof(followed, { id, proof: { is: 'failed', why } }), refused }
}
