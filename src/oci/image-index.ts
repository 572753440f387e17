import { BallastError, type Digest, digestOf } from '../core/index.ts'
import { type Descriptor, OCI_INDEX, OCI_MANIFEST, parseJson } from '../model/index.ts'
import type { StoredManifest } from './image-repository.ts'
import { entriesOf, isAttestation, isNestedIndex } from './platforms.ts'

export interface NewIndex {
  readonly index: StoredManifest
  /** How many attestations of former images were left out: what they attest is not true of the new ones. */
  readonly attestations: number
}

/**
 * The index (or Docker manifest list) with other images in the place of its own, by the digests of those; everything else
 * that it says of itself and of each platform stays. Always an OCI index (image-spec, image-index.md), since tools refuse
 * mixed types. Throws REFUSED for an index inside the index, DAMAGED for anything but an index.
 */
export function withOtherImages(
  index: StoredManifest,
  images: ReadonlyMap<Digest, Pick<StoredManifest, 'digest' | 'bytes'>>,
): NewIndex {
  const entries = entriesOf(index.bytes)
  if (entries.some(isNestedIndex)) {
    throw new BallastError('REFUSED', 'the image is an index that holds another index', {
      hint: 'name the image of one platform with --platform',
    })
  }
  const manifests = entries.flatMap((entry): Descriptor[] => {
    const image = images.get(entry.digest)
    if (image === undefined) return []
    // A copy of the former manifest's bytes (`data`) or places to get them from would belie the new digest.
    const { data: _data, urls: _urls, ...rest } = entry as Descriptor & { data?: unknown; urls?: unknown }
    return [{ ...rest, mediaType: OCI_MANIFEST, digest: image.digest, size: image.bytes.length }]
  })
  const json = { ...parseJson(index.bytes), schemaVersion: 2, mediaType: OCI_INDEX, manifests }
  const bytes = Buffer.from(JSON.stringify(json))
  const made = { mediaType: OCI_INDEX, digest: digestOf(bytes), bytes }
  return { index: made, attestations: entries.filter(isAttestation).length }
}
