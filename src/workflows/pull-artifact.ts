import type { CallOptions } from '../core/index.ts'
import { hexOf, verified } from '../core/index.ts'
import type { Artifact, ArtifactLayer } from '../model/index.ts'
import type { ImageRepository } from '../oci/index.ts'
import { decompressed } from '../oci/index.ts'
import type { RemoteFile } from '../sources/index.ts'
import type { Session, Store } from '../store/index.ts'
import { filesInArchive } from './remote-archives.ts'

interface ArtifactPlace {
  readonly session: Session
  readonly repository: ImageRepository
  readonly artifact: Artifact
}

/** The files of a model that another tool has pushed, archives looked into. Throws what `filesInArchive` throws. */
export async function filesOfArtifact(
  store: Store,
  { session, repository, artifact }: ArtifactPlace,
  options: CallOptions = {},
): Promise<readonly RemoteFile[]> {
  const files: RemoteFile[] = []
  for (const layer of artifact.layers) {
    if (layer.form === 'archive') {
      const item = layer.path ?? `archive ${layer.digest}`
      const found = await filesInArchive(store, { session, repository, blob: layer, item }, options)
      files.push(...asNamed(layer, found))
    } else files.push(await fileOf(store, { session, repository, layer }, options))
  }
  return files
}

/** Some tools pack a file under its base name and name it by its whole path; the others name it the same twice. */
function asNamed({ path }: ArtifactLayer, files: readonly RemoteFile[]): readonly RemoteFile[] {
  const [only] = files
  if (only === undefined || files.length > 1 || path?.endsWith(`/${only.path}`) !== true) return files
  return [{ ...only, path }]
}

async function fileOf(
  store: Store,
  {
    session,
    repository,
    layer,
  }: { readonly session: Session; readonly repository: ImageRepository; readonly layer: ArtifactLayer },
  options: CallOptions,
): Promise<RemoteFile> {
  const { digest, size, form, path = '' } = layer
  const { signal } = options
  if (form !== 'compressed') {
    const checksums = [{ algorithm: 'sha256', value: hexOf(digest) } as const]
    const content = repository.openBlob(layer, { signal, once: true })
    return { path, size, identity: digest, checksums, content }
  }
  const content = repository.openBlob(layer, { signal })
  const chunks = decompressed(verified(content.open(), layer, path))
  const blob = await store.blobs.ingest(session, chunks, { ...options, item: path })
  const checksums = [{ algorithm: 'sha256', value: hexOf(blob.digest) } as const]
  return { path, size: blob.size, identity: blob.digest, checksums, content: store.blobs.content(blob) }
}
