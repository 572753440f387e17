import {
  bytesContent,
  type CallOptions,
  type Content,
  type Digest,
  readAll,
  verified,
} from '../core/index.ts'
import {
  childrenOf,
  LARGEST_MANIFEST,
  OCI_MANIFEST,
  parseJson,
  type RepositoryName,
  subjectOfManifest,
} from '../model/index.ts'
import { type ImageRepository, referrersOf, type StoredManifest } from '../oci/index.ts'
import { STAGE_RECORD } from '../policy/index.ts'
import { type Session, type Store, unlessGone } from '../store/index.ts'
import { sendSignatures, takeSignatures } from './carry-signatures.ts'
import { keepsSignatureTags } from './put-signature.ts'
import { readSurely } from './read-surely.ts'
import { signaturesAt } from './remote-signatures.ts'
import { COSIGN_SIGNATURE, storedSignatures } from './signatures.ts'

/** Documents about a version are small; whatever is larger, or comes in greater numbers, stays where it is. */
const LARGEST_ATTACHED = 16 * 1024 * 1024
const MOST_ATTACHED = 1000

interface Attached {
  readonly manifest: StoredManifest
  readonly open: (blob: { readonly digest: Digest; readonly size: number }) => Content
}

/** Sends what is attached to a version of the store, whose manifest is at the remote already. How many there are. */
export async function pushAttachments(
  store: Store,
  {
    session,
    name,
    subject,
    to,
  }: {
    readonly session: Session
    readonly name: RepositoryName
    readonly subject: Digest
    readonly to: ImageRepository
  },
  options: CallOptions = {},
): Promise<number> {
  const own = (await store.listReferrers(name)).filter(
    (referrer) =>
      referrer.subject === subject && !(keepsSignatureTags(to) && referrer.type === COSIGN_SIGNATURE),
  )
  await sendSignatures({ from: storedSignatures(store, name), to, subject }, options)
  if (own.length === 0) return 0
  await session.lease(own.map(({ digest }) => digest))
  const manifests: Attached[] = []
  for (const { digest } of own) {
    const bytes = await store.readManifest(digest).catch(unlessGone)
    if (bytes === undefined) continue
    manifests.push({ manifest: { mediaType: OCI_MANIFEST, digest, bytes }, open: store.blobs.content })
  }
  return send(to, { subject, manifests }, options)
}

/** From one remote to another. How many there are. */
export async function copyAttachments(
  {
    from,
    to,
    subject,
  }: { readonly from: ImageRepository; readonly to: ImageRepository; readonly subject: Digest },
  options: CallOptions = {},
): Promise<number> {
  const manifests = (await attachedAt(from, subject, options)).map((manifest) => ({
    manifest,
    open: (blob: { readonly digest: Digest; readonly size: number }) => from.openBlob(blob, options),
  }))
  await sendSignatures({ from: signaturesAt(from), to, subject }, options)
  return send(to, { subject, manifests }, options)
}

/** Stores what is attached to a version at a remote. The version's manifest is stored and leased. How many there are. */
export async function pullAttachments(
  store: Store,
  {
    session,
    name,
    subject,
    from,
  }: {
    readonly session: Session
    readonly name: RepositoryName
    readonly subject: Digest
    readonly from: ImageRepository
  },
  options: CallOptions = {},
): Promise<number> {
  const known = new Set((await store.listReferrers(name)).map(({ digest }) => digest))
  const attached = await attachedAt(from, subject, options)
  for (const { digest, bytes } of attached) {
    if (known.has(digest)) continue
    for (const blob of childrenOf(bytes)) {
      const data = await readSurely({ repository: from, blob }, () =>
        readAll(verified(from.openBlob(blob, options).open(), blob), LARGEST_ATTACHED),
      )
      await store.blobs.ingest(session, bytesContent(data).open(), { item: blob.digest, expected: blob })
    }
    await store.blobs.ingest(session, bytesContent(bytes).open(), { item: digest, expected: { digest } })
    await store.records.addUntagged(session, name, digest)
  }
  await takeSignatures(store, { session, name, from, subject }, options)
  return attached.length
}

/**
 * Small manifests with this subject, of one type alone where it is given; none where the remote cannot say what is attached. What a
 * registry has recorded of its stages is its own.
 */
export async function attachedAt(
  repository: ImageRepository,
  subject: Digest,
  { type, ...options }: CallOptions & { readonly type?: string },
): Promise<readonly StoredManifest[]> {
  const listed = await referrersOf(repository).list(subject, options)
  // Buckets and older registries do not say of what kind each is.
  const wanted =
    type === undefined ? listed : listed.filter(({ artifactType = type }) => artifactType === type)
  const found: StoredManifest[] = []
  for (const { digest, size } of wanted.slice(0, MOST_ATTACHED)) {
    if (size > LARGEST_MANIFEST) continue
    const manifest = await repository.getManifest(digest, options)
    if (manifest === undefined || subjectOfManifest(manifest.bytes) !== subject) continue
    if (parseJson(manifest.bytes)?.artifactType === STAGE_RECORD) continue
    const total = childrenOf(manifest.bytes).reduce((sum, blob) => sum + blob.size, 0)
    if (total <= LARGEST_ATTACHED) found.push(manifest)
  }
  return found
}

async function send(
  to: ImageRepository,
  { subject, manifests }: { readonly subject: Digest; readonly manifests: readonly Attached[] },
  options: CallOptions,
): Promise<number> {
  if (manifests.length === 0) return 0
  const referrers = referrersOf(to)
  const known = new Set((await referrers.list(subject, options)).map(({ digest }) => digest))
  for (const { manifest, open } of manifests) {
    if (known.has(manifest.digest)) continue
    for (const blob of childrenOf(manifest.bytes)) {
      if (!(await to.hasBlob(blob, options))) await to.putBlob(blob, open(blob), { signal: options.signal })
    }
    await referrers.put(manifest, options)
  }
  return manifests.length
}
