import { throwIfAborted } from '../core/index.ts'
import type { Listener, Surroundings } from './listeners.ts'
import type { ReloadPlan, ToldVersion } from './plan.ts'
import { type Proof, prove } from './prove.ts'
import { inWords } from './words.ts'

/** `nobody`: none runs that could be told. */
export type Verdict = Proof | { readonly is: 'nobody' }

export interface Announced {
  readonly verdict: Verdict
  /** Those that have been told, or may have been: they are to be told again when the version is put back. */
  readonly told: readonly Listener[]
}

export interface Announcing extends Surroundings {
  readonly version: ToldVersion
  readonly onProven?: ((listener: Listener, proof: Proof) => void) | undefined
}

/**
 * Tells all of them in the declared order and waits for each: one that fails ends it. Throws what `prove` does.
 */
export async function announce(
  plan: ReloadPlan,
  listeners: readonly Listener[],
  { onProven, ...around }: Announcing,
): Promise<Announced> {
  if (listeners.length === 0) return { verdict: { is: 'nobody' }, told: [] }
  const proofs: Proof[] = []
  const told: Listener[] = []
  const proveOne = async (listener: Listener, signal = around.signal): Promise<Proof> => {
    told.push(listener)
    const proof = named(listener, listeners, await prove(listener, { ...around, plan, signal }))
    proofs.push(proof)
    onProven?.(listener, proof)
    return proof
  }
  if (plan.order === 'one-by-one') {
    for (const listener of listeners) {
      const proof = await proveOne(listener)
      if (proof.is === 'failed') break
    }
  } else {
    await proveAll(listeners, proveOne, around.signal)
  }
  return { verdict: verdictOf(proofs), told }
}

/** Nobody waits for the others once one has failed. */
async function proveAll(
  listeners: readonly Listener[],
  proveOne: (listener: Listener, signal: AbortSignal) => Promise<Proof>,
  outer: AbortSignal | undefined,
): Promise<void> {
  const failed = new AbortController()
  const signal = outer ? AbortSignal.any([outer, failed.signal]) : failed.signal
  const proving = listeners.map(async (listener) => {
    try {
      if ((await proveOne(listener, signal)).is === 'failed') failed.abort()
    } catch (error) {
      const isLeft = failed.signal.aborted
      failed.abort()
      if (!isLeft) throw error
    }
  })
  const ended = await Promise.allSettled(proving)
  throwIfAborted(outer)
  const thrown = ended.find((one) => one.status === 'rejected')
  if (thrown !== undefined) throw thrown.reason
}

export function verdictOf(proofs: readonly Verdict[]): Verdict {
  const asked = proofs.filter(({ is }) => is !== 'nobody')
  const failed = asked.find(({ is }) => is === 'failed')
  if (failed !== undefined) return failed
  if (asked.length === 0) return { is: 'nobody' }
  return { is: asked.every(({ is }) => is === 'served') ? 'served' : 'untold' }
}

function named({ name }: Listener, all: readonly Listener[], proof: Proof): Proof {
  if (proof.is !== 'failed') return proof
  return { is: 'failed', why: inWords(all.length > 1 ? `${name}: ${proof.why}` : proof.why) }
}
