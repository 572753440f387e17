import { BallastError, type CallOptions, isBallastError } from '../core/index.ts'
import { fetchBlob } from '../fetch/index.ts'
import {
  decodeArtifact,
  decodeManifest,
  decodeMetadata,
  formatReference,
  isOwnManifest,
  isRemote,
  LARGEST_METADATA,
  type Metadata,
  type MetadataValues,
  type Metrics,
  MODEL_METADATA,
  type ModelFile,
  mergeMetadata,
} from '../model/index.ts'
import type { StoredManifest } from '../oci/index.ts'
import type { Store } from '../store/index.ts'
import type { ImageAccess } from './image-places.ts'
import { readMetadata } from './metadata.ts'
import { readMetrics } from './metrics.ts'
import { findModel } from './pull.ts'
import { type DocumentKind, METRICS_KIND, readDocumentsAt } from './remote-documents.ts'
import { openRemote, type Remote } from './remotes.ts'
import { findVersion } from './resolve.ts'

/** A version as it can be seen without having its files. */
export interface SeenVersion {
  /** For people. */
  readonly ref: string
  readonly files: readonly ModelFile[]
  readonly metrics: readonly Metrics[]
  readonly metadata: MetadataValues
}

/**
 * A version of the store, of a registry, a bucket or a layout. Of one that is elsewhere its manifest is read, what is attached,
 * and the packs in which its small files are; large files are not fetched. Throws USAGE for an image, and for an artifact of
 * another tool whose files lie in archives, and what finding it throws.
 */
export async function seeVersion(
  store: Store,
  { ref, access }: { readonly ref: string; readonly access: ImageAccess },
  options: CallOptions = {},
): Promise<SeenVersion> {
  if (!isRemote(ref)) {
    const { reference, version } = await findVersion(store, ref)
    const { name } = reference
    return {
      ref: formatReference(reference),
      files: version.files,
      metrics: await (await readMetrics(store, name))(version.digest),
      metadata: mergeMetadata(await (await readMetadata(store, name))(version.digest)),
    }
  }
  const remote = await openRemote(ref, access)
  const manifest = await findModel(remote, options)
  return {
    ref: remote.at(remote.reference),
    files: isOwnManifest(manifest.bytes)
      ? await filesOfVersion(store, { remote, manifest }, options)
      : filesOfArtifact(remote, manifest),
    ...(await toldOf(remote, manifest, options)),
  }
}

interface Found {
  readonly remote: Remote
  readonly manifest: StoredManifest
}

async function filesOfVersion(
  store: Store,
  { remote, manifest: { bytes } }: Found,
  options: CallOptions,
): Promise<readonly ModelFile[]> {
  const { files, packs } = decodeManifest(bytes)
  if (packs.length === 0) return files
  await using session = await store.begin()
  await session.lease(packs.map(({ digest }) => digest))
  for (const pack of packs) {
    const content = remote.repository.openBlob(pack, { ...options, once: true })
    const request = { item: pack.digest, content, identity: pack.digest, digest: pack.digest }
    await fetchBlob({ store, session }, request, options)
  }
  return (await store.decodeVersion(bytes)).files
}

function filesOfArtifact({ at, reference }: Remote, { bytes }: StoredManifest): readonly ModelFile[] {
  const layers = decodeArtifact(bytes)?.layers
  const files = (layers ?? []).flatMap(({ form, path, digest, size }) =>
    form === 'file' && path !== undefined ? [{ path, digest, size }] : [],
  )
  if (layers !== undefined && files.length === layers.length) return files
  const name = at(reference)
  throw new BallastError(
    'USAGE',
    layers === undefined
      ? `${name} is an image, or no model that is known`
      : `which files ${name} has is not told by its manifest: they lie in archives`,
    { hint: `bring it into the store first: ballast pull ${name}` },
  )
}

async function toldOf(
  { repository }: Remote,
  { digest: subject }: StoredManifest,
  options: CallOptions,
): Promise<Pick<SeenVersion, 'metrics' | 'metadata'>> {
  const how = { ...options, onUnreadable: unlessDamaged }
  const metadata = await readDocumentsAt(repository, { subject, kind: METADATA_KIND }, how)
  return {
    metrics: await readDocumentsAt(repository, { subject, kind: METRICS_KIND }, how),
    metadata: mergeMetadata(metadata),
  }
}

const METADATA_KIND: DocumentKind<Metadata> = {
  type: MODEL_METADATA,
  largest: LARGEST_METADATA,
  decode: decodeMetadata,
}

function unlessDamaged(error: unknown): undefined {
  if (isBallastError(error, 'DAMAGED') || isBallastError(error, 'NOT_FOUND')) return undefined
  throw error
}
