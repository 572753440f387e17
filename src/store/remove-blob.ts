import { type Digest, syncDirectory, withLock } from '../core/index.ts'
import type { BlobStore } from './blobs.ts'
import type { DerivedBlobs } from './derived.ts'
import type { StoreLayout } from './layout.ts'
import { readReachable } from './reachable.ts'
import type { Records } from './records.ts'
import { type Session, scanSessions } from './session.ts'

interface Parts {
  readonly layout: StoreLayout
  readonly blobs: BlobStore
  readonly derived: DerivedBlobs
  readonly records: Records
}

export interface RemoveBlobOptions {
  /** Sessions whose leases do not keep it. */
  readonly besides?: readonly Session[]
}

const LOCK_TIMEOUT_MS = 30_000

/**
 * What `gc` does, for one blob: removes it at once, unless a tag, a number or a live session needs it. False then, and
 * nothing done. Reads every manifest of the store to know.
 */
export async function removeBlob(
  parts: Parts,
  digest: Digest,
  { besides = [] }: RemoveBlobOptions = {},
): Promise<boolean> {
  const { layout, blobs, derived } = parts
  // Whoever leases waits for this lock, and looks only afterwards what is there.
  const lock = { timeoutMs: LOCK_TIMEOUT_MS, sharing: layout.sharing }
  return withLock(layout.gcLock, lock, async () => {
    const { leased } = await scanSessions(layout, { besides })
    const reachable = await readReachable(parts)
    if ((await reachable.from(leased)).has(digest)) return false
    await derived.remove(digest)
    await blobs.remove(digest)
    await syncDirectory(layout.blobs)
    return true
  })
}
