import { type Digest, isBallastError, isDigest } from '../core/index.ts'
import type { BlobInfo, Session, Store } from '../store/index.ts'

const KIND = 'fetched'

/** The blob of a content that has been fetched before, where it is still there: it is leased then. */
export async function findFetched(
  { store, session }: { readonly store: Store; readonly session: Session },
  {
    identity,
    digest,
    size,
  }: { readonly identity: string; readonly digest: Digest | undefined; readonly size: number },
): Promise<BlobInfo | undefined> {
  const known = digest ?? recall(store, identity)
  if (known === undefined) return undefined
  await session.lease([known])
  const found = await store.blobs.stat(known)
  if (found?.size !== size) return undefined
  try {
    await store.blobs.ensureIntact(found)
    return found
  } catch (error) {
    if (isBallastError(error, 'DAMAGED') || isBallastError(error, 'NOT_FOUND')) return undefined
    throw error
  }
}

/** So that the same content is not fetched twice, though nobody told its digest. Without a sync: there may be many of them. */
export async function rememberFetched(
  { store, session }: { readonly store: Store; readonly session: Session },
  { identity, digest }: { readonly identity: string; readonly digest: Digest },
): Promise<void> {
  await store.cache.putMany(session, KIND, { name: identity, content: { digest } })
}

function recall(store: Store, identity: string): Digest | undefined {
  const digest = store.cache.getMany(KIND, identity)?.digest
  return typeof digest === 'string' && isDigest(digest) ? digest : undefined
}
