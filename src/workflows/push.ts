import type { CallOptions, Digest } from '../core/index.ts'
import { bytesSent, type ImageBlob, type Transferred, transferBlobs } from '../embed/index.ts'
import {
  blobsOfFiles,
  childrenOf,
  formatReference,
  nameOfFiles,
  OCI_MANIFEST,
  totalSize,
  type Version,
} from '../model/index.ts'
import type { ImageRepository, StoredManifest } from '../oci/index.ts'
import { leaseVersion, type Session, type Store } from '../store/index.ts'
import { pushAttachments } from './carry-attachments.ts'
import type { ImageAccess } from './image-places.ts'
import { repositoriesWith } from './known-repositories.ts'
import { recordUse } from './record-use.ts'
import { refuseOtherNumber, tagToMove } from './remote-numbers.ts'
import { refuseStageAt } from './remote-stages.ts'
import { openRemote, type Remote } from './remotes.ts'
import { damageOf, type ResolvedVersion, resolveVersion } from './resolve.ts'

export interface PushResult {
  /** Where it is now, by number: `localhost:5000/sentiment:3`. */
  readonly ref: string
  readonly digest: Digest
  readonly number: number
  /** The tag that points to it there now, beside the number. */
  readonly tag: string | undefined
  /** Files and packs, the config last. */
  readonly blobs: readonly Transferred[]
  readonly bytes: number
  readonly bytesSent: number
  /** Documents about the version that went with it. */
  readonly attached: number
  readonly ms: number
}

export interface PushRequest {
  readonly ref: string
  /** `HOST/NAME[:TAG]`; without a tag that of `ref` is meant. */
  readonly remote: string
  readonly access: ImageAccess
}

/**
 * A version goes to a remote with its number and what is attached to it: blobs, manifest with the number, documents, and
 * last the tag. Throws what `resolveVersion` throws, CONFLICT where numbers clash, and what the remote throws.
 */
export async function push(
  store: Store,
  { ref, remote: text, access }: PushRequest,
  options: CallOptions = {},
): Promise<PushResult> {
  const started = performance.now()
  await using session = await store.beginReading()
  const resolved = await resolveVersion(store, ref)
  const remote = await openRemote(text, access, { create: true, store })
  try {
    const known = await repositoriesWith(store, { target: remote.repository, resolved, access })
    const pushed = await pushResolved(store, { session, resolved, remote, known }, options)
    // By the repository, not by the version: where a damaged file can be had from again.
    await recordUse(store, resolved, { kind: 'remote', place: pushed.ref.replace(/:\d+$/, '') })
    return { ...pushed, ms: Math.round(performance.now() - started) }
  } catch (error) {
    throw (await damageOf(store, [resolved])) ?? error
  } finally {
    await remote.repository.close?.()
  }
}

/** The same to a remote that is open already. */
export async function pushResolved(
  store: Store,
  {
    session,
    resolved,
    remote,
    known = new Map(),
  }: {
    readonly session: Session
    readonly resolved: ResolvedVersion
    readonly remote: Remote
    /** That may have the blobs already, for the registry to mount them from there. */
    readonly known?: Awaited<ReturnType<typeof repositoriesWith>>
  },
  options: CallOptions = {},
): Promise<PushResult> {
  const started = performance.now()
  const { version, number, reference } = resolved
  const { repository } = remote
  const given = { ref: formatReference(reference), tag: reference.tag, number }
  const tag = tagToMove(remote, given, 'push')
  if (tag !== undefined) {
    const there = remote.at(`${number}`)
    const first = `ballast push ${reference.name}:${number} ${there}`
    await refuseStageAt(remote, { tag, digest: version.digest, version: there, first }, options)
  }
  const manifest = await leaseManifest(store, session, resolved)
  await refuseOtherNumber(
    remote,
    { digest: version.digest, number, ref: `${reference.name}:${number}` },
    options,
  )
  const blobs = await transferBlobs(repository, blobsOf(store, { manifest, version, known }), options)
  await repository.putManifest(manifest, `${number}`, options)
  const { name } = reference
  const attached = await pushAttachments(
    store,
    { session, name, subject: version.digest, to: repository },
    options,
  )
  if (tag !== undefined) await repository.putManifest(manifest, tag, options)
  return {
    ref: remote.at(`${number}`),
    digest: version.digest,
    number,
    tag: tag === undefined ? undefined : remote.at(tag),
    blobs,
    bytes: totalSize(blobs),
    bytesSent: bytesSent(blobs),
    attached,
    ms: Math.round(performance.now() - started),
  }
}

async function leaseManifest(
  store: Store,
  session: Session,
  { version, reference }: ResolvedVersion,
): Promise<StoredManifest> {
  await leaseVersion(store, session, { version, name: formatReference(reference) })
  const bytes = await store.readManifest(version.digest)
  await session.lease(childrenOf(bytes).map(({ digest }) => digest))
  return { mediaType: OCI_MANIFEST, digest: version.digest, bytes }
}

/** The files' blobs in their order, then the config. */
function blobsOf(
  store: Store,
  {
    manifest,
    version,
    known,
  }: {
    readonly manifest: StoredManifest
    readonly version: Version
    readonly known: ReadonlyMap<Digest, ImageRepository>
  },
): readonly ImageBlob[] {
  const names = new Map(blobsOfFiles(version.files).map(({ digest, files }) => [digest, nameOfFiles(files)]))
  const blobs = childrenOf(manifest.bytes).map(({ digest, size }) => ({
    digest,
    size,
    item: names.get(digest) ?? 'config',
    heldBy: known.get(digest),
    content: () => store.blobs.content({ digest, size }),
  }))
  return [...blobs.slice(1), ...blobs.slice(0, 1)]
}
