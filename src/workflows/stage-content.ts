import { BallastError, type CallOptions } from '../core/index.ts'
import { isOwnManifest } from '../model/index.ts'
import type { ImageRepository, StoredManifest } from '../oci/index.ts'
import type { Session, Store } from '../store/index.ts'
import { bringVersion } from './pull-version.ts'
import type { ContentOfVersion } from './stage-facts.ts'

/** The files of a version at a remote, brought into the store once they are asked for; nothing leads to them there. */
export function contentAt(
  store: Store,
  {
    session,
    repository,
    manifest,
    at,
  }: {
    readonly session: Session
    readonly repository: ImageRepository
    readonly manifest: StoredManifest
    readonly at: (reference: string) => string
  },
  options: CallOptions,
): () => Promise<ContentOfVersion> {
  let brought: Promise<ContentOfVersion> | undefined
  const bring = async (): Promise<ContentOfVersion> => {
    if (!isOwnManifest(manifest.bytes)) throw foreign(at(manifest.digest))
    return { store, version: (await bringVersion(store, { session, repository, manifest }, options)).version }
  }
  return () => {
    brought ??= bring()
    return brought
  }
}

function foreign(ref: string): BallastError {
  return new BallastError(
    'REFUSED',
    `${ref} was pushed by another tool, and its files are not judged where they are`,
    { hint: `bring it here, and push what comes of it: ballast pull ${ref} NAME` },
  )
}
