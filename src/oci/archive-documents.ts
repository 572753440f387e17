import { type Digest, hexOf, isDigest } from '../core/index.ts'
import { OCI_INDEX, objectOf, parseJson, REF_NAME } from '../model/index.ts'
import { CONTAINERD_NAME } from './archive-images.ts'
import { fullName, parseImageName } from './archive-names.ts'
import type { BlobDescriptor, StoredManifest } from './image-repository.ts'

/** A manifest under a tag, which is `NAME:TAG` or a mere tag. */
export interface TaggedManifest {
  readonly tag: string
  readonly manifest: StoredManifest
}

/** Where an archive has a blob: one path for both ways of reading it. */
export function blobEntry(digest: Digest): string {
  return `blobs/sha256/${hexOf(digest)}`
}

export const LAYOUT_MARK = JSON.stringify({ imageLayoutVersion: '1.0.0' })

/** `index.json`, for containerd, skopeo's `oci-archive:` and whatever else reads layouts. */
export function encodeArchiveIndex(images: readonly TaggedManifest[]): string {
  const manifests = images.map(({ tag, manifest: { mediaType, digest, bytes } }) => ({
    mediaType,
    digest,
    size: bytes.length,
    annotations: annotationsOf(tag),
  }))
  return JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests })
}

function annotationsOf(tag: string): Readonly<Record<string, string>> {
  const name = parseImageName(tag)
  if (name === undefined) return { [REF_NAME]: tag }
  return { [CONTAINERD_NAME]: fullName(name), [REF_NAME]: name.tag }
}

/**
 * `manifest.json`, for Engines and skopeo's `docker-archive:`: each image once, with all of its names. `entryOf` tells
 * where the archive has a blob.
 */
export function encodeSavedManifest(
  images: readonly TaggedManifest[],
  entryOf: (digest: Digest) => string = blobEntry,
): string {
  const distinct = [...new Map(images.map(({ manifest }) => [manifest.digest, manifest])).values()]
  const saved = distinct.flatMap((manifest) => {
    const [config, ...layers] = blobsIn(manifest).map(({ digest }) => entryOf(digest))
    if (config === undefined) return []
    const names = images.flatMap(({ tag, manifest: { digest } }) =>
      digest === manifest.digest && parseImageName(tag) !== undefined ? [tag] : [],
    )
    const tags = names.length === 0 ? null : names
    return { Config: config, RepoTags: tags, Layers: layers }
  })
  return JSON.stringify(saved)
}

/** The blobs that an image's manifest names, the config first; none for an index. */
export function blobsIn({ bytes }: StoredManifest): readonly BlobDescriptor[] {
  const { config, layers } = objectOf(parseJson(bytes))
  const listed: readonly unknown[] = Array.isArray(layers) ? layers : []
  return [config, ...listed].flatMap((value) => {
    const { digest, size } = objectOf(value)
    if (typeof digest !== 'string' || !isDigest(digest)) return []
    return { digest, size: typeof size === 'number' ? size : Number.NaN }
  })
}
