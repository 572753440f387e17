import { type Digest, digestOf, isBallastError, isDigest } from '../core/index.ts'
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
  const known = digest ?? (await recall(store, identity))
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

/** So that the same content is not fetched twice, though nobody told its digest. */
export async function rememberFetched(
  { store, session }: { readonly store: Store; readonly session: Session },
  { identity, digest }: { readonly identity: string; readonly digest: Digest },
): Promise<void> {
  const data = Buffer.from(JSON.stringify({ digest }))
  await store.cache.put(session, KIND, { digest: digestOf(identity), data })
}

async function recall(store: Store, identity: string): Promise<Digest | undefined> {
  const bytes = await store.cache.get(KIND, digestOf(identity))
  try {
    const { digest } = JSON.parse(bytes?.toString('utf8') ?? '{}') as { readonly digest?: unknown }
    return typeof digest === 'string' && isDigest(digest) ? digest : undefined
  } catch {
    return undefined
  }
}
