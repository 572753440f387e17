import type { CallOptions, Digest } from '../core/index.ts'
import { blobsOfVersion, formatReference, totalSize } from '../model/index.ts'
import type { Store } from '../store/index.ts'
import type { Trusted } from '../trust/index.ts'
import { type CheckedSignatures, checkSigned } from './check-signed.ts'
import { findVersion, mendingHint } from './resolve.ts'
import { readSigned, storedSignatures } from './signatures.ts'

export interface VersionProblem {
  readonly kind: 'damaged' | 'missing'
  readonly digest: Digest
  readonly mend: string
}

export interface VerifiedVersion extends CheckedSignatures {
  readonly ref: string
  readonly digest: Digest
  /** Of what was hashed; undefined at a remote, whose bytes are verified when they are pulled. */
  readonly bytes: number | undefined
  readonly problems: readonly VersionProblem[]
}

/** Hashes a version of the store and verifies its signatures. Throws what `findVersion` throws. */
export async function verifyVersion(
  store: Store,
  { ref, trusted }: { readonly ref: string; readonly trusted: Trusted | undefined },
  options: CallOptions = {},
): Promise<VerifiedVersion> {
  await using session = await store.beginReading()
  const { reference, version } = await findVersion(store, ref)
  const digests = [...new Set([version.digest, ...blobsOfVersion(version)])]
  await session.lease(digests)
  const problems: VersionProblem[] = []
  for (const digest of digests) {
    const stored = await store.blobs.stat(digest)
    const found = stored === undefined ? 'missing' : await store.blobs.rehash(stored, options)
    if (found !== 'intact') problems.push({ kind: found, digest, mend: await mendingHint(store, reference) })
  }
  const source = storedSignatures(store, reference.name)
  const signatures = await checkSigned(await readSigned(source, version.digest, options), {
    trusted,
    subject: version.digest,
  })
  return {
    ref: formatReference(reference),
    digest: version.digest,
    bytes: totalSize(version.files),
    problems,
    ...signatures,
  }
}
