import { type Digest, hexOf, isDigest } from '../core/index.ts'
import { type Json, OCI_INDEX, objectOf, parseJson, REF_NAME } from '../model/index.ts'
import { CONTAINERD_NAME } from './archive-images.ts'
import { fullName, parseImageName } from './archive-names.ts'
import type { StoredManifest } from './image-repository.ts'

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

/** `manifest.json`, for Engines and skopeo's `docker-archive:`: each image once, with all of its names. */
export function encodeSavedManifest(images: readonly TaggedManifest[]): string {
  const distinct = [...new Map(images.map(({ manifest }) => [manifest.digest, manifest])).values()]
  const saved = distinct.flatMap((manifest) => {
    const { config, layers } = blobsIn(manifest)
    if (config === undefined) return []
    const names = images.flatMap(({ tag, manifest: { digest } }) =>
      digest === manifest.digest && parseImageName(tag) !== undefined ? [tag] : [],
    )
    const tags = names.length === 0 ? null : names
    return { Config: blobEntry(config), RepoTags: tags, Layers: layers.map(blobEntry) }
  })
  return JSON.stringify(saved)
}

/** The blobs that an image's manifest names, base first; no config for an index. */
export function blobsIn({ bytes }: StoredManifest): {
  readonly config: Digest | undefined
  readonly layers: readonly Digest[]
} {
  const { config, layers } = objectOf(parseJson(bytes))
  const listed: readonly unknown[] = Array.isArray(layers) ? layers : []
  return {
    config: digestIn(objectOf(config)),
    layers: listed.flatMap((layer) => digestIn(objectOf(layer)) ?? []),
  }
}

function digestIn({ digest }: Json): Digest | undefined {
  return typeof digest === 'string' && isDigest(digest) ? digest : undefined
}
