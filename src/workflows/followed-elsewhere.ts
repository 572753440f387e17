import { formatReference, parseReference } from '../model/index.ts'
import type { Store } from '../store/index.ts'
import { admittedElsewhere } from './admitted-elsewhere.ts'
import type { ImageAccess } from './image-places.ts'
import { admitFromRemote } from './remote-stages.ts'
import { openRemote } from './remotes.ts'

/**
 * The store for a target of its tag `ref`, which is kept up with the tag `from` of a remote. Who knows the key of policies is not
 * given what somebody has moved the tag of the store to by other means, unless it keeps the policy of the remote.
 */
export function followedElsewhere(
  store: Store,
  { ref, from, access }: { readonly ref: string; readonly from: string; readonly access: ImageAccess },
): Store {
  const judged = admittedElsewhere(store)
  if (store.policyKeys.length === 0) return judged
  const followed = formatReference(parseReference(ref))
  return {
    ...judged,
    async admitElsewhere({ name, tag }, version) {
      if (formatReference({ name, tag }) !== followed) return
      const last = (await store.records.history(name, tag)).at(-1)?.record
      if (last?.by === 'pull' && last.digest === version.digest) return
      const remote = await openRemote(from, access)
      try {
        const content = async (): Promise<{ store: Store; version: typeof version }> => ({ store, version })
        await admitFromRemote(store, remote, { manifest: version, content }, {})
      } finally {
        await remote.repository.close?.()
      }
    },
  }
}
