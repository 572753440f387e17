import type { CallOptions, Digest } from '../core/index.ts'
import { blobsOfVersion, formatReference, totalSize } from '../model/index.ts'
import type { Store } from '../store/index.ts'
import {
  type AttachedSignature,
  type Claim,
  claimOf,
  isSignature,
  type SignedBy,
  type Trusted,
  verifyAttached,
} from '../trust/index.ts'
import type { ImageAccess } from './image-places.ts'
import { nothingThere, openRemote } from './remotes.ts'
import { findVersion, mendingHint } from './resolve.ts'
import { readSigned, signaturesAt, storedSignatures } from './signatures.ts'

/** A signature that is attached, and what became of it. */
export interface CheckedSignature {
  readonly form: Claim['form']
  /** Who has made it, where that was verified. */
  readonly by: SignedBy | undefined
  /** What it says of its signer; nothing of it is proven. */
  readonly claims: Pick<Claim, 'keyId' | 'identity'>
  /** Why it does not count; undefined where it does. */
  readonly refused: string | undefined
}

export interface VersionProblem {
  readonly kind: 'damaged' | 'missing'
  readonly digest: Digest
  readonly mend: string
}

export interface VerifiedVersion {
  readonly ref: string
  readonly digest: Digest
  /** Of what was hashed; undefined at a remote, whose bytes are verified when they are pulled. */
  readonly bytes: number | undefined
  readonly problems: readonly VersionProblem[]
  readonly signatures: readonly CheckedSignature[]
  /** Whether a trusted signature was found; undefined where nobody was named to be trusted. */
  readonly trusted: boolean | undefined
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

/** Verifies the signatures of what a tag or digest stands for at a remote. Throws NOT_FOUND, and what the remote throws. */
export async function verifyRemote(
  {
    ref,
    trusted,
    access,
  }: { readonly ref: string; readonly trusted: Trusted | undefined; readonly access: ImageAccess },
  options: CallOptions = {},
): Promise<VerifiedVersion> {
  const remote = await openRemote(ref, access)
  const { repository, reference, at } = remote
  const manifest = await repository.getManifest(reference, options)
  if (manifest === undefined) throw await nothingThere(remote, options)
  const { digest } = manifest
  const signatures = await checkSigned(await readSigned(signaturesAt(repository), digest, options), {
    trusted,
    subject: digest,
  })
  return { ref: at(reference), digest, bytes: undefined, problems: [], ...signatures }
}

/** Judges the signatures among what is signed about a subject; statements of other kinds are none. */
export async function checkSigned(
  signed: readonly AttachedSignature[],
  { trusted, subject }: { readonly trusted: Trusted | undefined; readonly subject: Digest },
): Promise<Pick<VerifiedVersion, 'signatures' | 'trusted'>> {
  const signatures: CheckedSignature[] = []
  for (const attached of signed.filter(isSignature)) {
    const { form, keyId, identity } = claimOf(attached)
    const verdict = trusted && (await verifyAttached(attached, trusted, subject))
    signatures.push({
      form,
      by: verdict?.ok === true ? verdict.by : undefined,
      claims: { keyId, identity },
      refused: verdict?.ok === false ? verdict.why : undefined,
    })
  }
  const trustworthy = trusted && signatures.some(({ by }) => by !== undefined)
  return { signatures, trusted: trustworthy }
}
