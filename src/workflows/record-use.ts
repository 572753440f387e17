import { hostname } from 'node:os'
import { BallastError, explainSystemError, systemCode } from '../core/index.ts'
import { formatReference } from '../model/index.ts'
import type { Store, Use } from '../store/index.ts'
import type { ResolvedVersion } from './resolve.ts'

/** The place that has got a version. */
export type UsePlace = Pick<Use, 'kind' | 'place' | 'link' | 'directory'>

/**
 * Notes in the store who has got a version, so that it can be told, and so that `gc` by policy keeps it. What has been
 * brought there is there in any case: that it cannot be noted is a warning.
 */
export async function recordUse(
  store: Store,
  { reference, number, version }: ResolvedVersion,
  place: UsePlace,
): Promise<readonly string[]> {
  try {
    await using session = await store.beginReading()
    await store.uses.record(session, {
      ...place,
      host: hostname(),
      model: reference.name,
      digest: version.digest,
      number,
      reference: formatReference(reference),
    })
    return []
  } catch (thrown) {
    const error = explainSystemError(thrown)
    if (!(error instanceof BallastError) && systemCode(error) === undefined) throw error
    const why = error instanceof Error ? error.message : String(error)
    return [`the store has no note that ${place.place} has this version, which gc by policy looks at: ${why}`]
  }
}
