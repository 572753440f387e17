import { BallastError } from '../core/index.ts'
import { blobsOfVersion, type Version } from '../model/index.ts'
import type { Session } from './session.ts'
import type { Store } from './store.ts'

/**
 * Keeps what a version consists of from `gc`. Between the instant when it was found and the lease it may have been removed and
 * collected, which throws NOT_FOUND here, and not later as if something were damaged.
 */
export async function leaseVersion(
  { blobs }: Pick<Store, 'blobs'>,
  session: Session,
  { version, name }: { readonly version: Version; readonly name: string },
): Promise<void> {
  await session.lease(blobsOfVersion(version))
  // A collection removes it before anything that it refers to, and for good.
  if (!session.writable || (await blobs.stat(version.digest)) !== undefined) return
  throw new BallastError('NOT_FOUND', `${name} has just been removed`, {
    hint: 'what there is: ballast list',
  })
}
