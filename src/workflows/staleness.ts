import type { Digest } from '../core/index.ts'
import { isBallastError } from '../core/index.ts'
import { formatReference, parseReference } from '../model/index.ts'
import type { Store } from '../store/index.ts'
import { numberOf } from './resolve.ts'

/**
 * What the tag by which a version was delivered points to in this store, where that is another version; for people.
 * Nothing also where this store knows nothing of it: it may have been delivered from another one.
 */
export async function staleness(
  store: Store,
  { reference: text, digest }: { readonly reference: string; readonly digest: Digest },
): Promise<{ readonly stale?: string }> {
  try {
    const reference = parseReference(text)
    const now = await store.records.resolve(reference)
    if (now === undefined || now === digest) return {}
    const number = await numberOf(store, reference.name, now)
    return { stale: `${formatReference(reference)} is ${reference.name}:${number} by now` }
  } catch (error) {
    // What was written beside a model may have been written by anybody.
    if (isBallastError(error)) return {}
    throw error
  }
}
