import type { Proof } from '../model/index.ts'
import type { Followed, Generation } from './state.ts'

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
